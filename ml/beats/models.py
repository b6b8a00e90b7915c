"""The model that a command names: an alias of the registry, an artefact's folder, or a fold's Keras file."""

import os
import tempfile
from pathlib import Path

import numpy as np

from ml.beats.calibration import COVERAGE
from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.predicting import BeatPredictor
from ml.beats.showing import SHOWN
from ml.registry import syncing
from ml.registry.artefact import Artefact, open_sealed, open_unsealed
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore
from ml.registry.store import ALIASES, VersionMissingError

FAMILY = "beats"


def predictor(name: str) -> BeatPredictor:
    """Return what answers for an alias, an artefact's folder, or a Keras file (not calibrated).

    Raises
    ------
    OSError
        When there is no such model, or it may not be loaded.
    """
    if name in ALIASES:
        return BeatPredictor(registered(name))
    path = Path(name)
    if path.suffix == ".keras":
        return _from_keras(path)
    return BeatPredictor(open_unsealed(path))


def registered(alias: str) -> Artefact:
    """Return the verified artefact that an alias means; the shipped one is registered where there is none.

    Raises
    ------
    StoreError
        When the store fails, or the alias means nothing.
    """
    home = Home.of_environment(os.environ)
    synced = syncing.sync(home, MlflowStore(home))
    version = synced.aliases[FAMILY].get(alias)
    for each in synced.versions:
        if each.family == FAMILY and each.version == version:
            if each.digest is None:
                raise VersionMissingError(f"{FAMILY} {alias}, version {version}: {each.fault}")
            return open_sealed(home.cache / each.digest, home.key(), each.digest)
    raise VersionMissingError(f"{FAMILY} has no {alias}")


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
