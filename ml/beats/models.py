"""The model that a command names: an alias of the registry, an artefact's folder, or a fold's Keras file."""

import tempfile
from pathlib import Path

import numpy as np

from ml.beats.calibration import COVERAGE
from ml.beats.classes import FAMILY, PRODUCT_CLASSES
from ml.beats.predicting import BeatPredictor
from ml.beats.showing import SHOWN
from ml.registry.named import named


def predictor(name: str) -> BeatPredictor:
    """Return what answers for an alias, an artefact's folder, or a Keras file (not calibrated).

    Raises
    ------
    OSError
        When there is no such model, or it may not be loaded.
    """
    path = Path(name)
    return _from_keras(path) if path.suffix == ".keras" else BeatPredictor(named(FAMILY, name))


def _from_keras(path: Path) -> BeatPredictor:
    """Return a fold's model, of the product's classes, as it would be served."""
    import keras  # noqa: PLC0415 - the extra `train`

    from ml.beats.packaging import Facts, package  # noqa: PLC0415 - the same

    model = keras.models.load_model(path, compile=False)
    if model.output_shape[-1] != len(PRODUCT_CLASSES):
        raise OSError(f"{path} does not answer with the product's classes")
    facts = Facts(model.name, PRODUCT_CLASSES, 1.0, COVERAGE, 0.5, {}, "0" * 64, "Not calibrated.\n")
    generator = np.random.default_rng(0)
    lead = generator.normal(size=(3000, SHOWN[model.name].leads)).astype(np.float32)
    shown = SHOWN[model.name].inputs(lead, 360.0, np.arange(300, 2700, 300))
    with tempfile.TemporaryDirectory() as folder:
        return BeatPredictor(package(model, Path(folder) / "model", facts, shown))
