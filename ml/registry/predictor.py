"""How one loaded version of a model answers, whatever its family."""

import importlib
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, cast

from ml.registry.artefact import Artefact


class LoadError(OSError):
    """A verified artefact that cannot be used; the message says why."""


class Predictor(Protocol):
    """A loaded model; what it is asked and answers is its family's: `ml.beats.predicting.BeatPredictor`."""

    def warm_up(self) -> None:
        """Answer a question of no meaning, so that the first real one is not slower than others."""

    def verify_examples(self) -> float:
        """Hold the answers to the artefact's examples against those of the model it was made of.

        Returns the largest difference; raises LoadError where it is above `MAX_PARITY`.
        """


Loader: TypeAlias = Callable[[Artefact], Predictor]

FAMILIES: Mapping[str, str] = {
    "beats": "ml.beats.predicting:load",
    "triage": "ml.triage.predicting:load",
    "segmentation": "ml.segmentation.predicting:load",
}
"""What loads each family: imported when one is first loaded, since it brings NumPy or ONNX Runtime."""


def load(artefact: Artefact) -> Predictor:
    """Return the predictor of a verified artefact.

    Raises
    ------
    LoadError
        When nothing here loads its family, or its files cannot be used.
    """
    place = FAMILIES.get(artefact.manifest.family)
    if place is None:
        raise LoadError(f"no model of the family {artefact.manifest.family} is known here")
    module, _, name = place.partition(":")
    return cast("Loader", getattr(importlib.import_module(module), name))(artefact)
