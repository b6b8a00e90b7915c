"""`python -m ml COMMAND`: measure what the models can do."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.language.endpoint import LanguageModelSettings


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
    language.add_argument(
        "--language-model",
        action="store_true",
        help="also measure with the language model of OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL",
    )
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
        report = evaluate(options.data, model=_configured_model() if options.language_model else None)
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


def _configured_model() -> "LanguageModelSettings":
    from ml.language.endpoint import LanguageModelSettings  # noqa: PLC0415 - the same

    base_url, key = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
    if not base_url and not key:
        raise OSError("no language model: set OPENAI_BASE_URL or OPENAI_API_KEY")
    return LanguageModelSettings(
        api_key=key or "none",
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        base_url=base_url,
        input_price=float(os.environ.get("CHEVET_MODEL_INPUT_PRICE", "0.15")),
        output_price=float(os.environ.get("CHEVET_MODEL_OUTPUT_PRICE", "0.60")),
    )


if __name__ == "__main__":
    sys.exit(main())
