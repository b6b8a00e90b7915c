"""Parsers of what concerns files of ECGs: `download`, `digitise`, and how well they are read."""

from pathlib import Path

from ml.arguments.common import Commands, add, add_json, add_require, at_least_one
from ml.databases import DATABASES
from ml.ecg.digitising.layouts import LAYOUTS


def add_download(commands: Commands) -> None:
    """Add what fetches a database."""
    download = add(commands, "download", "fetch a public database of ECGs", "databases:download")
    download.add_argument("database", choices=DATABASES, help="which one, on PhysioNet")
    download.add_argument("--output", type=Path, required=True, help="folder to bring it into")
    download.add_argument("--mirror", metavar="URL", help="a copy of https://physionet.org/files/")


def add_recordings(commands: Commands, evaluate: Commands) -> None:
    """Add what reads files of ECGs."""
    _add_readers(evaluate)
    _add_burned_in(evaluate)
    _add_digitising(commands, evaluate)
    _add_rpeaks(evaluate)


def _add_readers(commands: Commands) -> None:
    readers = add(commands, "readers", "the reading of ECG files", "readers:evaluate")
    readers.add_argument(
        "--data", type=Path, required=True, help="folder of recordings, read with those below it"
    )
    add_json(readers)


def _add_burned_in(commands: Commands) -> None:
    about = "the finding of names, dates and numbers printed in pictures, with tesseract"
    burned_in = add(commands, "burned-in", about, "burned_in:evaluate")
    burned_in.add_argument(
        "--data", type=Path, required=True, help="folder of ECG files, with those below it"
    )
    burned_in.add_argument(
        "--pages", type=int, default=8, help="pages made up for each condition, as many again without names"
    )
    add_json(burned_in)


def _add_digitising(commands: Commands, evaluate: Commands) -> None:
    digitise = add(commands, "digitise", "turn a picture of a printed ECG into a signal", "digitise:run")
    digitise.add_argument("image", type=Path, metavar="IMAGE", help="a picture or PDF of the page, upright")
    digitise.add_argument("--page", type=at_least_one, default=1, help="which of its pages (1)")
    digitise.add_argument("--output", type=Path, required=True, help="folder for signal.dcm and overlay.png")
    digitise.add_argument("--layout", choices=LAYOUTS, help="rows × columns + strips; told without it")
    digitise.add_argument("--cabrera", action="store_true", help="leads in Cabrera's order: aVL, I, -aVR, …")
    digitise.add_argument("--speed", type=float, default=25.0, help="millimetres a second (25)")
    digitise.add_argument("--gain", type=float, help="millimetres a millivolt (the pulse's, or 10)")
    judge = add(evaluate, "digitise", "the digitising of printed ECGs", "digitise:evaluate")
    judge.add_argument("--data", type=Path, required=True, help="folder of LUDB's records")
    judge.add_argument("--every", type=at_least_one, default=1, help="judge on every so many of them only")
    add_json(judge)
    add_require(judge)


def _add_rpeaks(commands: Commands) -> None:
    rpeaks = add(commands, "rpeaks", "the finding of R peaks", "rpeaks:evaluate")
    rpeaks.add_argument(
        "--data", type=Path, required=True, help="folder of WFDB records with annotated beats"
    )
    rpeaks.add_argument(
        "--annotator",
        default="atr",
        help="ending of the annotations (atr); one that names a lead, as in LUDB, has that lead read",
    )
    add_json(rpeaks)
    rpeaks.add_argument("--peers", action="store_true", help="measure other people's detectors beside ours")
    add_require(rpeaks)
