"""The triage of visits, learnt anew from the experts' visits and from what readers said of others."""

from pathlib import Path

from ml.retraining import Order, Tell
from ml.triage import dataset
from ml.triage.corrections import read_visits, taught
from ml.triage.encoding import see
from ml.triage.evaluation import cross_validate
from ml.triage.learning import Options, learn
from ml.triage.packaging import NO_CORRECTIONS, package
from ml.triage.tracking import log

JUDGED = 0.9
"""How far it has come when the folds are judged: each learns about as long as the model itself."""


def retrain(order: Order, parent: str, folder: Path, tell: Tell) -> str:
    """Judge in folds of the experts' visits, learn from all, and log both."""
    data, corrections = dataset.load(order.data / "ktas.csv"), NO_CORRECTIONS
    if order.corrections is not None:
        corrections = read_visits(order.corrections, data, order.at_least)
    besides, options = taught(corrections), Options()
    report = cross_validate(data, options, lambda done, folds: tell(JUDGED * done / folds), besides)
    learnt = learn([see(visit) for visit in data.visits], data.levels, options, besides)
    artefact = package(learnt, data, report, folder, corrections, parent)
    return log(artefact, report, order.run_name)
