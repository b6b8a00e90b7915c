"""Logs runs to MLflow: the server of `MLFLOW_TRACKING_URI`, or the registry's local store."""

import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml.beats.cards import card
from ml.beats.classes import FAMILY
from ml.beats.evaluation import Evaluation
from ml.registry.contents import CARD
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore, TrackedRun


def log(evaluation: Evaluation, report: Iterable[Path], model: Path | None, name: str | None = None) -> str:
    """Log what was measured and return the run's id.

    Parameters
    ----------
    evaluation : Evaluation
        Parameters and figures.
    report : iterable of Path
        Files to keep with the run.
    model : Path, optional
        A Keras model whose signature is noted.
    name : str, optional
        The run's; its architecture and protocol otherwise.

    Raises
    ------
    StoreError
        When MLflow cannot be used.
    """
    files = {f"report/{path.name}": path.read_bytes() for path in report}
    files |= {
        "figures.json": _document(evaluation.figures()),
        "figures.md": evaluation.markdown().encode(),
        CARD: card(evaluation).encode(),
    }
    if model:
        files["signature.json"] = _document(_signature(model, evaluation.pooled.classes))
    epochs = [
        (f"fold_{fold}_{key}", value, epoch)
        for fold, history in enumerate(evaluation.histories, start=1)
        for epoch, figures in enumerate(history, start=1)
        for key, value in figures.items()
    ]
    run = TrackedRun(
        name or f"{evaluation.parameters['architecture']}-{evaluation.protocol}",
        evaluation.parameters,
        evaluation.metrics(),
        evaluation.data_hash,
        evaluation.code_version,
        files,
        epochs,
    )
    return MlflowStore(Home.of_environment(os.environ)).track(FAMILY, run)


def _document(figures: dict[str, Any]) -> bytes:
    return (json.dumps(figures, indent=2) + "\n").encode()


def _signature(model: Path, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return what a Keras model takes and answers, read from its file without Keras."""
    with zipfile.ZipFile(model) as archive:
        config = json.loads(archive.read("config.json"))
    inputs = [
        {"name": layer["config"]["name"], "shape": layer["config"]["batch_shape"], "dtype": "float32"}
        for layer in config["config"]["layers"]
        if layer["class_name"] == "InputLayer"
    ]
    outputs = [{"name": "probabilities", "shape": [None, len(classes)], "dtype": "float32"}]
    return {"inputs": inputs, "outputs": outputs, "classes": list(classes)}
