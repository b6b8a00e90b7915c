"""`python -m ml COMMAND`: fetch data, train models, let them answer, and measure what they can do."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from ml.databases import DATABASES

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; each names the function that runs it, imported only then."""
    top = argparse.ArgumentParser(prog="python -m ml", description="Chevet: the models by themselves")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_download(commands)
    evaluate = commands.add_parser("evaluate", help="measure a model on data").add_subparsers(
        required=True, metavar="MODEL"
    )
    _add_language(evaluate)
    _add_rpeaks(evaluate)
    _add_triage_evaluation(evaluate)
    train = commands.add_parser("train", help="train a model").add_subparsers(required=True, metavar="MODEL")
    _add_triage_training(train)
    predict = commands.add_parser("predict", help="let a model answer").add_subparsers(
        required=True, metavar="MODEL"
    )
    _add_triage_prediction(predict)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    module, _, name = options.run.partition(":")
    try:
        run: Callable[[argparse.Namespace], int] = getattr(
            importlib.import_module(f"ml.commands.{module}"), name
        )
        return run(options)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2


def _add(commands: Commands, name: str, about: str, run: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(run=run)
    return command


def _add_download(commands: Commands) -> None:
    download = _add(commands, "download", "fetch a public database of ECGs", "databases:download")
    download.add_argument("database", choices=DATABASES, help="which one, on PhysioNet")
    download.add_argument("--output", type=Path, required=True, help="folder to bring it into")
    download.add_argument("--mirror", metavar="URL", help="a copy of https://physionet.org/files/")


def _add_language(commands: Commands) -> None:
    language = _add(commands, "language", "the reading of texts about ECGs", "language:evaluate")
    language.add_argument("--data", type=Path, help="folder of the graded texts")
    language.add_argument("--rulings", type=Path, help="rulings of teachers, as `rulings export` writes them")
    _add_json(language)
    language.add_argument(
        "--language-model",
        action="store_true",
        help="also measure with the language model of OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL",
    )


def _add_rpeaks(commands: Commands) -> None:
    rpeaks = _add(commands, "rpeaks", "the finding of R peaks", "rpeaks:evaluate")
    rpeaks.add_argument(
        "--data", type=Path, required=True, help="folder of WFDB records with annotated beats"
    )
    rpeaks.add_argument(
        "--annotator",
        default="atr",
        help="ending of the annotations (atr); one that names a lead, as in LUDB, has that lead read",
    )
    _add_json(rpeaks)
    rpeaks.add_argument("--peers", action="store_true", help="measure other people's detectors beside ours")
    _add_require(rpeaks)


def _add_triage_evaluation(evaluate: Commands) -> None:
    triage = _add(evaluate, "triage", "the triage of emergency visits, in 10 folds", "triage:evaluate")
    _add_triage_data(triage)
    triage.add_argument(
        "--model", type=Path, help="a trained model's folder: score it, on visits it never saw"
    )
    _add_json(triage)
    _add_require(triage)


def _add_triage_training(train: Commands) -> None:
    triage = _add(train, "triage", "train the triage of emergency visits", "triage:train")
    _add_triage_data(triage)
    triage.add_argument("--output", type=Path, required=True, help="folder for the model's files")


def _add_triage_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="visits with the experts' level, as ktas.csv"
    )
    command.add_argument("--n-estimators", type=_at_least_one, default=120, help="trees a boundary (120)")
    command.add_argument("--max-depth", type=_depth, default=3, help="of the trees, 1 to 6 (3)")
    command.add_argument("--seed", type=int, default=0, help="of the folds and the trees (0)")


def _add_triage_prediction(predict: Commands) -> None:
    triage = _add(predict, "triage", "triage a CSV file of visits", "triage:predict")
    triage.add_argument("--input", type=Path, required=True, help="CSV with columns of the feature table")
    triage.add_argument("--model", type=Path, help="a trained model's folder; without it, the rules alone")
    triage.add_argument(
        "--output", type=Path, help="write the answers, one JSON a line, here (standard output)"
    )


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _depth(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 6:
        raise argparse.ArgumentTypeError("must be 1 to 6")
    return number


def _add_require(command: argparse.ArgumentParser) -> None:
    command.add_argument("--require", action="store_true", help="exit with status 1 where an aim is missed")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", type=Path, help="also write the figures to this file")


if __name__ == "__main__":
    sys.exit(main())
