"""Parsers of `evaluate monitoring` and of `reference`, which drift is told by."""

from pathlib import Path

from ml.arguments.common import Commands, add, add_json, add_require, at_least_one


def add_monitoring(commands: Commands, evaluate: Commands) -> None:
    """Add what measures drift and forecasts, and what gives versions a reference."""
    monitoring = add(evaluate, "monitoring", "drift and forecasts, on made data", "monitoring:evaluate")
    monitoring.add_argument("--runs", type=at_least_one, default=1000, help="so many of each kind (1000)")
    add_json(monitoring)
    add_require(monitoring)
    _add_reference(commands)


def _add_reference(commands: Commands) -> None:
    about = "add to a version, not sealed yet, what it learnt from looked like: what drift is told by"
    families = commands.add_parser("reference", help=about, description=about).add_subparsers(
        required=True, metavar="MODEL"
    )
    triage = add(families, "triage", "of visits", "triage:refer")
    beats = add(families, "beats", "of recordings", "beats:refer")
    for each, data in ((triage, "the visits it learnt from"), (beats, "folder of MIT-BIH")):
        each.add_argument("folder", type=Path, help="the version's folder, with its manifest")
        each.add_argument("--data", type=Path, required=True, help=data)
    beats.add_argument("--further", type=Path, action="append", metavar="DIR", help="as in training (again)")
