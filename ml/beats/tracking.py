"""Logs runs to MLflow: the server of `MLFLOW_TRACKING_URI`, or the registry's local store."""

import json
import os
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml.beats.cards import card
from ml.beats.evaluation import Evaluation
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore, translated

FAMILY = "beats"
_BATCH = 500
"""MLflow takes a thousand metrics at a time."""


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

    Raises
    ------
    StoreError
        When MLflow cannot be used.
    """
    store = MlflowStore(Home.of_environment(os.environ))
    experiment = store.experiment(FAMILY)
    with translated():
        return _log(store.client, experiment, evaluation, report, model)


def _log(
    client: Any, experiment: str, evaluation: Evaluation, report: Iterable[Path], model: Path | None
) -> str:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - takes seconds

    name = f"{evaluation.parameters['architecture']}-{evaluation.protocol}"
    now = int(time.time() * 1000)
    versions = {"data_hash": evaluation.data_hash, "code_version": evaluation.code_version}
    run = str(client.create_run(experiment, run_name=name).info.run_id)
    metrics = [Metric(key, value, now, 0) for key, value in evaluation.metrics().items()]
    metrics += [
        Metric(f"fold_{fold}_{key}", value, now, epoch)
        for fold, history in enumerate(evaluation.histories, start=1)
        for epoch, figures in enumerate(history, start=1)
        for key, value in figures.items()
    ]
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run, metrics=metrics[start : start + _BATCH])
    client.log_batch(
        run,
        params=[Param(key, str(value)) for key, value in (dict(evaluation.parameters) | versions).items()],
        tags=[RunTag(key, value) for key, value in versions.items()],
    )
    for path in report:
        client.log_artifact(run, str(path), "report")
    client.log_dict(run, evaluation.figures(), "figures.json")
    client.log_text(run, evaluation.markdown(), "figures.md")
    client.log_text(run, card(evaluation), "card.md")
    if model:
        client.log_dict(run, _signature(model, evaluation.pooled.classes), "signature.json")
    client.set_terminated(run)
    return run


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
