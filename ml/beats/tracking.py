"""Logs runs to MLflow: the server of `MLFLOW_TRACKING_URI`, or the registry's local store."""

import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml.beats.cards import card
from ml.beats.evaluation import Evaluation
from ml.registry.home import Home

EXPERIMENT = "beats"


def log(evaluation: Evaluation, report: Iterable[Path], model: Path | None) -> str:
    """Log what was measured and return the run's id.

    Parameters
    ----------
    evaluation : Evaluation
        Parameters and figures.
    report : iterable of Path
        Files to keep with the run.
    model : Path, optional
        A Keras model whose signature is noted.
    """
    import mlflow  # noqa: PLC0415 - takes seconds

    mlflow.set_tracking_uri(tracking_uri())
    mlflow.set_experiment(EXPERIMENT)
    name = f"{evaluation.parameters['architecture']}-{evaluation.protocol}"
    tags = {"data_hash": evaluation.data_hash, "code_version": evaluation.code_version}
    with mlflow.start_run(run_name=name, tags=tags) as run:
        mlflow.log_params({key: str(value) for key, value in evaluation.parameters.items()} | tags)
        mlflow.log_metrics(evaluation.metrics())
        for fold, history in enumerate(evaluation.histories, start=1):
            for epoch, figures in enumerate(history, start=1):
                mlflow.log_metrics({f"fold_{fold}_{key}": each for key, each in figures.items()}, step=epoch)
        for path in report:
            mlflow.log_artifact(str(path), "report")
        mlflow.log_text(card(evaluation), "card.md")
        if model:
            mlflow.log_dict(_signature(model, evaluation.pooled.classes), "signature.json")
        return str(run.info.run_id)


def tracking_uri() -> str:
    """Return where runs are logged."""
    home = Home.of_environment(os.environ)
    home.store.mkdir(parents=True, exist_ok=True)
    return home.tracking_uri or f"sqlite:///{home.store.resolve() / 'mlflow.db'}"


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
