"""Logs the training of a model of triage to MLflow, as `ml/beats/tracking.py` does of a run."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.registry.artefact import Artefact
from ml.registry.training_runs import log_trained
from ml.triage.evaluation import Report
from ml.triage.learning import FEATURE_CONFIG
from ml.triage.levels import CLASSES
from ml.triage.model import PREPROCESSOR


@dataclass(frozen=True, slots=True)
class _Counts:
    classes: tuple[str, ...]
    counts: NDArray[np.int64]


def log(artefact: Artefact, report: Report, name: str) -> str:
    """Log a trained model with its figures and return the run's id.

    Raises
    ------
    StoreError
        When MLflow cannot be used.
    """
    files = {
        f"preprocessor/{PREPROCESSOR}": artefact.read(PREPROCESSOR),
        f"config/{FEATURE_CONFIG}": artefact.read(FEATURE_CONFIG),
        "confusion_matrix.png": _confusion(report),
    }
    return log_trained(artefact, name, files)


def _confusion(report: Report) -> bytes:
    from ml.drawing import draw_confusion  # noqa: PLC0415 - Matplotlib takes a second, and only this draws

    counts = _Counts(CLASSES, np.array(report.confusion, np.int64))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "confusion_matrix.png"
        draw_confusion({"decision, of visits held out": counts}, path)
        return path.read_bytes()
