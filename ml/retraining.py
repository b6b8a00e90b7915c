"""A new version of a model, from the data it was first made of and what readers said since, as a challenger.

It works in a folder of its own: what is whole is moved into `made/` at once, so that a process that was
killed leaves nothing half made, and another goes on with the same folder. The version is the last thing that
the store is told of, and its alias after that.
"""

import importlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias, cast

from ml.registry.home import Home
from ml.registry.store import CHAMPION, ModelStore, StoredVersion
from ml.registry.syncing import register, sync

TRAINERS: Mapping[str, str] = {
    "beats": "ml.beats.retraining:retrain",
    "triage": "ml.triage.retraining:retrain",
    "segmentation": "ml.segmentation.retraining:retrain",
}
NEEDED: Mapping[str, tuple[str, str]] = {
    "beats": ("mitdb", "keras"),
    "triage": ("ktas.csv", "xgboost"),
    "segmentation": ("segmentation", "keras"),
}
"""What of the folder of training data each family cannot do without, and what of the extra `train`."""
ALIAS = "challenger"
ARTEFACT, RUN = "artefact", "run_id"


class RetrainingError(OSError):
    """A model cannot be trained here; the message says why."""


@dataclass(frozen=True)
class Order:
    """What to train.

    Parameters
    ----------
    data
        The folder of training data.
    corrections
        What readers said; None to learn from the first data alone.
    at_least
        How many opinions there must be.
    folder
        Of its own, where it goes on if something is there.
    """

    family: str
    data: Path
    corrections: Path | None
    at_least: int
    folder: Path
    run_name: str


Tell: TypeAlias = Callable[[float], None]
"""Told how far it has come, 0 to 1."""
Trainer: TypeAlias = Callable[[Order, str, Path, Tell], str]
"""Trains, judges and writes the artefact into a new folder; returns MLflow's run, which knows its figures.

The second is the number of the champion that it is to be compared with, empty where there is none.
"""


def lacking(family: str, data: Path | None) -> str | None:
    """Return what keeps this machine from training a family; None when nothing does."""
    if family not in NEEDED:
        return "trainer"
    there, package = NEEDED[family]
    if data is None or not (data / there).exists():
        return "data"
    return None if find_spec(package) else "extra"


def retrain(order: Order, home: Home, store: ModelStore, tell: Tell) -> StoredVersion:
    """Train a version, judge it, and register it as the challenger; nothing is promoted.

    Raises
    ------
    RetrainingError
        When something it needs is missing here.
    OSError
        When data or corrections cannot be used, or the store fails.
    """
    match lacking(order.family, order.data):
        case "data":
            raise RetrainingError(f"{order.data} has no {NEEDED[order.family][0]}")
        case "extra":
            raise RetrainingError("the extra `train` is not installed here")
    made = order.folder / "made"
    if not made.exists():
        parent = sync(home, store).aliases[order.family].get(CHAMPION, "")
        making = _emptied(order.folder / "making")
        run = _trainer(order.family)(order, str(parent), making / ARTEFACT, tell)
        (making / RUN).write_text(run, encoding="ascii")
        making.replace(made)
    return register(home, store, made / ARTEFACT, ALIAS, (made / RUN).read_text(encoding="ascii"))


def _trainer(family: str) -> Trainer:
    module, _, name = TRAINERS[family].partition(":")
    return cast("Trainer", getattr(importlib.import_module(module), name))


def _emptied(folder: Path) -> Path:
    """Return the folder without what a killed process left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
