"""The segmentation of brain tumours, learnt anew from a site's exams and from maps that readers confirmed."""

from pathlib import Path

from ml.registry.named import named
from ml.registry.store import CHAMPION
from ml.retraining import Order, Tell
from ml.segmentation.corrections import read_exams
from ml.segmentation.dataset import IMAGES, load
from ml.segmentation.network import Options
from ml.segmentation.predicting import FAMILY
from ml.segmentation.predicting import load as load_predictor
from ml.segmentation.training import NO_CORRECTIONS, train

LEARNT = 0.95
"""How far it has come when the last epoch ends: judging takes little."""


def retrain(order: Order, parent: str, folder: Path, tell: Tell) -> str:
    """Learn from the exams as the champion did, shown the same images, judge and log."""
    images = load_predictor(named(FAMILY, CHAMPION)).images if parent else IMAGES
    exams, corrections = load(order.data / FAMILY, images), NO_CORRECTIONS
    if order.corrections is not None:
        corrections = read_exams(order.corrections, images, exams, order.at_least)
    tell(0.0)
    trained = train(
        exams,
        images,
        Options(),
        folder,
        lambda epoch, epochs, _loss: tell(LEARNT * epoch / epochs),
        corrections,
        parent,
    )
    return trained.log(order.run_name)
