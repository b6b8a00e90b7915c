"""`python -m ml COMMAND`: fetch data, train models, let them answer, and measure what they can do."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ml.databases import DATABASES
from ml.ecg.digitising.layouts import LAYOUTS
from ml.registry.predictor import FAMILIES

RUNS = Path("var/beats")
PROTOCOLS = ("oh2018", "patients", "interpatient", "development", "champion")

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; each names the function that runs it, imported only then."""
    top = argparse.ArgumentParser(prog="python -m ml", description="Chevet: the models by themselves")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_download(commands)
    evaluate = _models(commands, "evaluate", "measure a model on data")
    _add_language(evaluate)
    _add_readers(evaluate)
    _add_burned_in(evaluate)
    _add_digitising(commands, evaluate)
    _add_rpeaks(evaluate)
    train = _models(commands, "train", "train a model")
    predict = _models(commands, "predict", "ask a model")
    _add_beats(commands, train, evaluate)
    _add_beats_prediction(predict)
    _add_triage_evaluation(evaluate)
    _add_triage_training(train)
    _add_triage_prediction(predict)
    _add_monitoring(evaluate)
    _add_reference(commands)
    _add_segmentation(commands, train, evaluate, predict)
    _add_registry(commands)
    _add_retraining(commands)
    _add_comparison(commands)
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


def _add_readers(commands: Commands) -> None:
    readers = _add(commands, "readers", "the reading of ECG files", "readers:evaluate")
    readers.add_argument(
        "--data", type=Path, required=True, help="folder of recordings, read with those below it"
    )
    _add_json(readers)


def _add_burned_in(commands: Commands) -> None:
    about = "the finding of names, dates and numbers printed in pictures, with tesseract"
    burned_in = _add(commands, "burned-in", about, "burned_in:evaluate")
    burned_in.add_argument(
        "--data", type=Path, required=True, help="folder of ECG files, with those below it"
    )
    burned_in.add_argument(
        "--pages", type=int, default=8, help="pages made up for each condition, as many again without names"
    )
    _add_json(burned_in)


def _add_digitising(commands: Commands, evaluate: Commands) -> None:
    digitise = _add(commands, "digitise", "turn a picture of a printed ECG into a signal", "digitise:run")
    digitise.add_argument("image", type=Path, metavar="IMAGE", help="a picture or PDF of the page, upright")
    digitise.add_argument("--page", type=_at_least_one, default=1, help="which of its pages (1)")
    digitise.add_argument("--output", type=Path, required=True, help="folder for signal.dcm and overlay.png")
    digitise.add_argument("--layout", choices=LAYOUTS, help="rows × columns + strips; told without it")
    digitise.add_argument("--cabrera", action="store_true", help="leads in Cabrera's order: aVL, I, -aVR, …")
    digitise.add_argument("--speed", type=float, default=25.0, help="millimetres a second (25)")
    digitise.add_argument("--gain", type=float, help="millimetres a millivolt (the pulse's, or 10)")
    judge = _add(evaluate, "digitise", "the digitising of printed ECGs", "digitise:evaluate")
    judge.add_argument("--data", type=Path, required=True, help="folder of LUDB's records")
    judge.add_argument("--every", type=_at_least_one, default=1, help="judge on every so many of them only")
    _add_json(judge)
    _add_require(judge)


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


def _models(commands: Commands, name: str, about: str) -> Commands:
    return commands.add_parser(name, help=about).add_subparsers(required=True, metavar="MODEL")


def _add_beats(commands: Commands, trained: Commands, evaluate: Commands) -> None:
    train = _add(trained, "beats", "train the classifier of beats and judge it", "beats:train")
    judge = _add(evaluate, "beats", "the classifier of beats: train what is missing, judge", "beats:evaluate")
    report = _add(commands, "report", "write the report of a run of the classifier of beats", "beats:report")
    for command in (train, judge, report):
        _add_run(command, (*PROTOCOLS, "external") if command is judge else PROTOCOLS)
    for command in (train, judge):
        _add_json(command)
        _add_require(command)
    _either(judge, "--model", help="an alias: judge it (external), or runs of its architecture")
    _either(judge, "--annotator", default="atr", help="ending of the annotations (atr), for external")
    _either(report, "--output", type=Path, help="folder to write into (report/ in the run's own)")
    _either(report, "--template", type=Path, help="a Jinja template of your own, ending in .md or .html")


def _add_run(command: argparse.ArgumentParser, protocols: Sequence[str]) -> None:
    """Add what says which run."""
    _either(command, "--architecture", choices=("cnn-lstm", "best"), default="best", help="best")
    _either(command, "--protocol", choices=protocols, default="oh2018", help="oh2018")
    _either(command, "--data-dir", "--data", type=Path, help="folder of MIT-BIH")
    further = "folder of LUDB or PTB-XL, whose patients `champion` also learns from (again for another)"
    _either(command, "--further", type=Path, action="append", metavar="DIR", help=further)
    _either(command, "--models-dir", type=Path, default=RUNS, help=f"where runs are kept ({RUNS})")
    _either(command, "--synthetic", action="store_true", help="made records in place of MIT-BIH: a quick try")
    _either(command, "--synthetic-n", type=int, default=4800, help="so many made beats (4800)")
    _either(command, "--fold-k", type=int, help="so many folds (10)")
    _either(command, "--fold-avg", action="store_true", help="figures are means over the folds")
    _either(command, "--epochs", type=int, help="at most so many epochs")
    _either(command, "--batch-size", type=int, help="so many examples a step")
    _either(command, "--learning-rate", "--lr", type=float, help="Adam's")
    stop = "stop after so many epochs without gain on watched examples (5); 0 learns from those too"
    _either(command, "--early-stopping", type=int, nargs="?", const=5, help=stop)
    _either(command, "--seed", type=int, help="of folds, weights and order")
    _either(command, "--logdir", type=Path, help="folder for TensorBoard")
    _either(command, "--cluster", help="address of a Dask scheduler, or `local`: folds side by side")
    abreast = "learn all folds in one program, on a GPU (Keras on JAX: KERAS_BACKEND=jax)"
    _either(command, "--abreast", action="store_true", help=abreast)


def _add_beats_prediction(predict: Commands) -> None:
    beats = _add(predict, "beats", "classify the beats of a recording", "beats:predict")
    _either(beats, "--input", type=Path, required=True, help="CSV, .mat, WFDB record, or a machine's file")
    _either(beats, "--model", default="champion", help="an alias, an artefact's folder, or fold_1.keras")
    _either(beats, "--fs", type=float, help="samples per second, where the file does not say")
    _either(beats, "--detect-r", action="store_true", help="find the R peaks even where they are annotated")
    _either(beats, "--output-csv", type=Path, help="write a row a beat")
    _either(beats, "--output-fig", type=Path, help="draw the first two minutes (PNG)")


def _either(command: argparse.ArgumentParser, name: str, *others: str, **settings: Any) -> None:
    """Add an option that is known with hyphens and with underscores."""
    underscored = f"--{name[2:].replace('-', '_')}"
    command.add_argument(*dict.fromkeys([name, underscored, *others]), **settings)


def _add_registry(commands: Commands) -> None:
    about = "the versions of models, kept in MLflow"
    registry = commands.add_parser("registry", help=about, description=about).add_subparsers(
        required=True, metavar="ACTION"
    )
    sync = _add(registry, "sync", "bring every version into the data folder, verified", "registry:sync")
    listed = _add(registry, "list", "show versions and aliases", "registry:versions")
    register = _add(registry, "register", "seal a version and add it to the store", "registry:register")
    promote = _add(registry, "promote", "let an alias mean a version", "registry:promote")
    rollback = _add(registry, "rollback", "let an alias mean what it meant before", "registry:rollback")
    about = "put down runs of models outside of this platform, each once"
    record = _add(registry, "record", about, "registry:record")
    record.add_argument("family", choices=FAMILIES)
    record.add_argument("file", type=Path, help="JSON: a list of runs")
    runs = _add(registry, "runs", "show the latest runs of a family", "registry:runs")
    runs.add_argument("--run-id", action="append", metavar="ID", help="show this one, with its files")
    download = _add(registry, "download", "copy a file of a run into a folder", "registry:download")
    runs.add_argument("family", choices=FAMILIES)
    download.add_argument("family", choices=FAMILIES)
    download.add_argument("run_id", metavar="run", help="MLflow's id of it")
    download.add_argument("path", help="the file's path within it")
    download.add_argument("--output", type=Path, required=True, metavar="DIR", help="an empty folder")
    ship = _add(registry, "ship", "have a version come with the program", "registry:ship")
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
    command = _add(commands, "retrain", about, "retrain:run")
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
    _add_feedback(command)
    command.add_argument("--run-name", default="retrained", help="name of the run in MLflow (retrained)")
    command.add_argument("--folder", type=Path, metavar="DIR", help="where it works, and goes on if it did")
    command.add_argument("--home", type=Path, metavar="DIR", help="data folder (CHEVET_DATA_DIR, or var)")
    command.add_argument("--json", action="store_true", help="a line of JSON for each step")


def _add_feedback(command: argparse.ArgumentParser) -> None:
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--feedback",
        type=Path,
        metavar="FILE",
        help="what readers said, as `python -m server feedback corrections` writes it; without it, what that "
        "has kept in the data folder, if anything",
    )
    which.add_argument("--no-feedback", action="store_true", help="learn from the first data alone")
    command.add_argument(
        "--min-feedback", type=_at_least_one, default=50, help="at least so many opinions in it (50)"
    )


def _add_comparison(commands: Commands) -> None:
    about = "whether a challenger may take the champion's place, by data neither has learnt from"
    compare = _add(commands, "compare", about, "compare:compare")
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


def _add_triage_evaluation(evaluate: Commands) -> None:
    triage = _add(evaluate, "triage", "the triage of emergency visits, in 10 folds", "triage:evaluate")
    _add_triage_learning(triage)
    triage.add_argument("--model", help="an alias or an artefact's folder: score it, on visits it never saw")
    _add_json(triage)
    _add_require(triage)


def _add_triage_training(train: Commands) -> None:
    triage = _add(train, "triage", "train the triage of emergency visits, and judge it", "triage:train")
    _add_triage_learning(triage)
    _add_feedback(triage)
    triage.add_argument("--output", type=Path, required=True, help="folder to make, for the artefact")
    triage.add_argument("--run-name", default="xgboost", help="name of the run in MLflow (xgboost)")
    _add_json(triage)
    _add_require(triage)


def _add_triage_learning(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="visits with the experts' level, as ktas.csv"
    )
    command.add_argument("--n-estimators", type=_at_least_one, default=120, help="trees a boundary (120)")
    command.add_argument("--max-depth", type=_depth, default=3, help="of the trees, 1 to 6 (3)")
    command.add_argument("--seed", type=int, default=0, help="of the folds and the trees (0)")
    command.add_argument(
        "--tune",
        type=_at_least_one,
        nargs="?",
        const=20,
        metavar="TRIALS",
        help="search for better trees with optuna, so many candidates (20), each judged on inner folds",
    )


def _add_triage_prediction(predict: Commands) -> None:
    triage = _add(predict, "triage", "triage a CSV file of visits", "triage:predict")
    triage.add_argument("--input", type=Path, required=True, help="CSV with columns of the feature table")
    triage.add_argument("--model", help="an alias or an artefact's folder; without it, the rules alone")
    triage.add_argument(
        "--output", type=Path, help="write the answers, one JSON a line, here (standard output)"
    )


def _add_monitoring(evaluate: Commands) -> None:
    monitoring = _add(evaluate, "monitoring", "drift and forecasts, on made data", "monitoring:evaluate")
    monitoring.add_argument("--runs", type=_at_least_one, default=1000, help="so many of each kind (1000)")
    _add_json(monitoring)
    _add_require(monitoring)


def _add_reference(commands: Commands) -> None:
    about = "add to a version, not sealed yet, what it learnt from looked like: what drift is told by"
    families = commands.add_parser("reference", help=about, description=about).add_subparsers(
        required=True, metavar="MODEL"
    )
    triage = _add(families, "triage", "of visits", "triage:refer")
    beats = _add(families, "beats", "of recordings", "beats:refer")
    for each, data in ((triage, "the visits it learnt from"), (beats, "folder of MIT-BIH")):
        each.add_argument("folder", type=Path, help="the version's folder, with its manifest")
        each.add_argument("--data", type=Path, required=True, help=data)
    beats.add_argument("--further", type=Path, action="append", metavar="DIR", help="as in training (again)")


def _add_segmentation(commands: Commands, train: Commands, evaluate: Commands, predict: Commands) -> None:
    about = "write made patients with brain tumours, to try training on"
    phantoms = _add(commands, "phantoms", about, "segmentation:phantoms")
    phantoms.add_argument("--output", type=Path, required=True, help="folder to make")
    phantoms.add_argument("--count", type=_at_least_one, default=30, help="so many patients (30)")
    phantoms.add_argument("--seed", type=int, default=0, help="what is drawn (0)")
    data = "folder of patients, each with its images and seg.nii.gz"
    learn = _add(train, "segmentation", "train the segmentation of brain tumours", "segmentation:train")
    judge = _add(evaluate, "segmentation", "the segmentation of brain tumours", "segmentation:evaluate")
    for each in (learn, judge):
        each.add_argument("--data", type=Path, required=True, help=data)
        each.add_argument("--seed", type=int, default=0, help="of the patients held out (0)")
        _add_json(each)
        _add_require(each)
    learn.add_argument("--images", nargs="+", default=["flair", "t1c"], help="what to show (flair t1c)")
    learn.add_argument("--run-name", default="unet-2d", help="name of the run in MLflow (unet-2d)")
    learn.add_argument("--epochs", type=_at_least_one, default=12, help="times every slice is shown (12)")
    learn.add_argument("--output", type=Path, required=True, help="folder to make, for the artefact")
    judge.add_argument("--model", default="champion", help="an alias or an artefact's folder")
    ask = _add(predict, "segmentation", "segment a brain tumour", "segmentation:predict")
    ask.add_argument("--input", type=Path, nargs="+", required=True, help="the images, in the model's order")
    ask.add_argument("--model", default="champion", help="an alias or an artefact's folder")
    ask.add_argument("--output", type=Path, required=True, help="the label map to write (.nii.gz)")


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
