"""Parsers of what becomes of versions: `registry`, `retrain`, `compare`."""

import os
from pathlib import Path

from ml.arguments.common import Commands, add, add_feedback
from ml.registry.predictor import FAMILIES


def add_registry(commands: Commands) -> None:
    """Add what keeps versions, trains them anew and compares them."""
    _add_store(commands)
    _add_retraining(commands)
    _add_comparison(commands)


def _add_store(commands: Commands) -> None:
    about = "the versions of models, kept in MLflow"
    registry = commands.add_parser("registry", help=about, description=about).add_subparsers(
        required=True, metavar="ACTION"
    )
    sync = add(registry, "sync", "bring every version into the data folder, verified", "registry:sync")
    listed = add(registry, "list", "show versions and aliases", "registry:versions")
    register = add(registry, "register", "seal a version and add it to the store", "registry:register")
    promote = add(registry, "promote", "let an alias mean a version", "registry:promote")
    rollback = add(registry, "rollback", "let an alias mean what it meant before", "registry:rollback")
    about = "put down runs of models outside of this platform, each once"
    record = add(registry, "record", about, "registry:record")
    record.add_argument("family", choices=FAMILIES)
    record.add_argument("file", type=Path, help="JSON: a list of runs")
    runs = add(registry, "runs", "show the latest runs of a family", "registry:runs")
    runs.add_argument("--run-id", action="append", metavar="ID", help="show this one, with its files")
    download = add(registry, "download", "copy a file of a run into a folder", "registry:download")
    runs.add_argument("family", choices=FAMILIES)
    download.add_argument("family", choices=FAMILIES)
    download.add_argument("run_id", metavar="run", help="MLflow's id of it")
    download.add_argument("path", help="the file's path within it")
    download.add_argument("--output", type=Path, required=True, metavar="DIR", help="an empty folder")
    ship = add(registry, "ship", "have a version come with the program", "registry:ship")
    for each in (listed, promote, rollback):
        each.add_argument("family", nargs="?" if each is listed else None, default="beats", choices=FAMILIES)
    promote.add_argument("version", type=int, help="its number")
    for each in (promote, rollback):
        each.add_argument("--alias", default="champion", help="champion (the default), challenger or shadow")
    for each in (register, ship):
        each.add_argument("folder", type=Path, help="the version's folder, with its manifest")
    register.add_argument("--alias", help="what is to mean it")
    register.add_argument("--run-id", help="MLflow's run that trained it")
    for each in (sync, listed, register, promote, rollback, record, runs, download, ship):
        each.add_argument("--home", type=Path, metavar="DIR", help="data folder (CHEVET_DATA_DIR, or var)")
        each.add_argument("--json", action="store_true", help="one line of JSON, failures too")


def _add_retraining(commands: Commands) -> None:
    about = "a new challenger, from a model's first data and from what readers said since"
    command = add(commands, "retrain", about, "retrain:run")
    command.add_argument("family", choices=FAMILIES)
    kept = os.environ.get("CHEVET_TRAINING_DATA")
    command.add_argument(
        "--data",
        type=Path,
        default=Path(kept) if kept else None,
        metavar="DIR",
        help="folder with ktas.csv (triage), mitdb/ and what else there is of ludb/ and ptbxl/ (beats), or "
        "segmentation/ with a folder for each patient; CHEVET_TRAINING_DATA",
    )
    add_feedback(command)
    command.add_argument("--run-name", default="retrained", help="name of the run in MLflow (retrained)")
    command.add_argument("--folder", type=Path, metavar="DIR", help="where it works, and goes on if it did")
    command.add_argument("--home", type=Path, metavar="DIR", help="data folder (CHEVET_DATA_DIR, or var)")
    command.add_argument("--json", action="store_true", help="a line of JSON for each step")


def _add_comparison(commands: Commands) -> None:
    about = "whether a challenger may take the champion's place, by data neither has learnt from"
    compare = add(commands, "compare", about, "compare:compare")
    compare.add_argument("family", choices=FAMILIES)
    for name in ("champion", "challenger"):
        compare.add_argument(f"--{name}", default=name, help=f"an alias or a version's folder ({name})")
    compare.add_argument(
        "--data",
        type=Path,
        help="held-out data: a folder of WFDB records with annotated beats, visits as ktas.csv, a folder of "
        "patients with images and seg.nii.gz; without it, what CHEVET_HELD_OUT has",
    )
    compare.add_argument(
        "--assume-unseen",
        action="store_true",
        help="vouch that versions of which nobody kept what they learnt from did not learn from these",
    )
    compare.add_argument("--json", type=Path, metavar="FILE", help="also write the verdict to this file")
    compare.add_argument(
        "--json-only", action="store_true", help="print one line of JSON instead, failures too"
    )
    compare.add_argument("--require", action="store_true", help="exit with 1 where it may not be promoted")
