"""Makes the model that answers in the product: it learns from all there is; its folds have calibrated it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.beats.architectures import ARCHITECTURES
from ml.beats.averaging import learn_averaged
from ml.beats.calibration import COVERAGE
from ml.beats.cards import card, sources
from ml.beats.evaluation import Evaluation
from ml.beats.monitored import referred
from ml.beats.packaging import Facts, package
from ml.beats.protocols import Indices
from ml.beats.showing import SHOWN
from ml.beats.training import Run
from ml.ecg.annotated import read_annotated
from ml.judging.learnt import of_record
from ml.registry.artefact import Artefact

PARITY_RECORDS = ("100", "208", "232")
"""Whose beats graph and model must answer alike: normal, ventricular, and premature of the atria."""
PARITY_BEATS = 400
PARITY_STRETCH = 20


def release(run: Run, evaluation: Evaluation, folder: Path) -> Artefact:
    """Train on every segment of a run whose folds are judged, and write the artefact into a new folder.

    It learns for as many epochs as the folds found best, watching nothing; temperature and threshold are
    those fitted on what the folds' models answered.

    Raises
    ------
    ValueError
        When the protocol's folds do not judge calibration.
    """
    if not evaluation.calibration:
        raise ValueError(f"the folds of {run.protocol} do not calibrate a model: take `champion`")
    prepared, learner = run.prepare(), ARCHITECTURES[run.architecture]()
    segments = prepared.segments
    options = replace(run.options, epochs=_epochs(evaluation), early_stopping=0, logdir=None)
    everything: Indices = np.arange(len(segments.labels))
    lesson = learner.lesson(prepared, everything, everything[:0], options)
    model = learn_averaged(lesson, options, run.folder / "final")
    model.save(run.folder / "final.keras")
    calibration = evaluation.calibration.fitted
    facts = Facts(
        run.architecture,
        segments.classes,
        calibration.temperature,
        COVERAGE,
        calibration.threshold,
        evaluation.metrics(),
        segments.data_hash,
        card(evaluation),
        sources(evaluation),
        frozenset(of_record(each) for each in run.data.signal_files()),
    )
    return referred(package(model, folder, facts, _real_inputs(run)), run.data)


def _epochs(evaluation: Evaluation) -> int:
    """Return how many epochs the folds found best, the middle one of them."""
    best = []
    for history in evaluation.histories:
        losses = [epoch["val_loss"] for epoch in history if "val_loss" in epoch]
        best.append(1 + int(np.argmin(losses)) if losses else len(history))
    return int(np.median(best))


def _real_inputs(run: Run) -> dict[str, Any]:
    """Return what the model is shown of some records as it answers."""
    shown = SHOWN[run.architecture]
    parts = []
    for name in PARITY_RECORDS:
        record = read_annotated(run.data.mitdb, name)
        leads = record.samples_mv[:, : shown.leads].astype(np.float32)
        parts.append(shown.inputs(leads, record.sampling_rate_hz, record.beats()[:PARITY_BEATS]))
    inputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if shown.sequence:
        stretches = len(next(iter(inputs.values()))) // PARITY_STRETCH
        return {
            name: each[: stretches * PARITY_STRETCH].reshape(stretches, PARITY_STRETCH, *each.shape[1:])
            for name, each in inputs.items()
        }
    return inputs
