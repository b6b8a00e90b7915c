"""`python -m ml COMMAND`: measure what the models can do."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = argparse.ArgumentParser(prog="python -m ml", description="Chevet: the models by themselves")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    evaluate = commands.add_parser("evaluate", help="measure a model on data").add_subparsers(
        required=True, metavar="MODEL"
    )
    language = evaluate.add_parser("language", help="the reading of texts about ECGs")
    language.add_argument("--data", type=Path, help="folder of the graded texts")
    language.add_argument("--rulings", type=Path, help="rulings of teachers, as `rulings export` writes them")
    language.add_argument("--json", type=Path, help="also write the figures to this file")
    language.set_defaults(run=_evaluate_language)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except OSError as error:
        print(error, file=sys.stderr)
        return 2


def _evaluate_language(options: argparse.Namespace) -> int:
    from ml.language.agreement import RulingsError, agreement  # noqa: PLC0415 - only its own model
    from ml.language.evaluation import evaluate  # noqa: PLC0415 - each command loads only its own model

    figures: dict[str, object] = {}
    if options.data:
        report = evaluate(options.data)
        print(report.text())
        figures |= asdict(report)
    if options.rulings:
        try:
            agreed = agreement(options.rulings)
        except RulingsError as error:
            print(error, file=sys.stderr)
            return 2
        print(agreed.text())
        figures["rulings"] = asdict(agreed)
    if not figures:
        print("nothing to measure on: give --data, --rulings or both", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
