"""A trained U-Net as it answers: NumPy and ONNX Runtime, no TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from ml.registry.artefact import Artefact
from ml.registry.contents import EXAMPLES, GRAPH
from ml.registry.graphs import loaded, parity
from ml.registry.predictor import LoadError
from ml.segmentation.inputs import Slices, slices_of, unsliced
from ml.segmentation.reading import Codes, Volume
from ml.segmentation.segments import SEGMENTS

FAMILY = "segmentation"
ARCHITECTURE = "unet-2d"
BATCH = 8


@dataclass(frozen=True, eq=False)
class Segmented:
    """What is said of a volume.

    Parameters
    ----------
    codes : ndarray of uint8
        The likeliest segment of each voxel; 0 for the background.
    probabilities : ndarray of float32, shape (x, y, z, 4)
        Of the background and each segment.
    """

    codes: Codes
    probabilities: NDArray[np.float32]


class UNetPredictor:
    """One version of the network; may be asked from several threads.

    Raises
    ------
    LoadError
        When its graph cannot be used, or is not what the manifest says.
    """

    def __init__(self, artefact: Artefact) -> None:
        manifest = artefact.manifest
        if manifest.architecture != ARCHITECTURE or manifest.classes != tuple(SEGMENTS):
            raise LoadError(f"the architecture {manifest.architecture} is not known here")
        images = manifest.settings.get("images")
        if not isinstance(images, list) or not images or not all(isinstance(each, str) for each in images):
            raise LoadError("the manifest does not say which images it is shown")
        self.images = tuple(str(each) for each in images)
        """What the images are called, in the order in which they are shown."""
        self._artefact = artefact
        self._session = loaded(artefact.read(GRAPH))
        found = [(each.name, each.shape[-1]) for each in self._session.get_inputs()]
        if found != [("slices", len(self.images))]:
            raise LoadError(f"the graph takes {found}, which is not what the manifest says")

    def warm_up(self) -> None:
        """Answer the artefact's examples."""
        self._answered(self._examples()[0])

    def verify_examples(self) -> float:
        """Hold the graph's answers against those of the model it was made of; return the largest difference.

        Raises
        ------
        LoadError
            When it is above `MAX_PARITY`.
        """
        shown, expected = self._examples()
        return parity(self._answered(shown), expected)

    def segment(self, volumes: Sequence[Volume]) -> Segmented:
        """Segment images of the same voxels, given in the order of `images`."""
        told = unsliced(self._answered(slices_of(volumes)), volumes[0].data.shape)
        return Segmented(np.asarray(told.argmax(axis=-1), np.uint8), told)

    def _answered(self, slices: Slices) -> NDArray[np.float32]:
        parts = [
            self._session.run(None, {"slices": slices[at : at + BATCH]})[0]
            for at in range(0, len(slices), BATCH)
        ]
        return np.concatenate(parts)

    def _examples(self) -> tuple[Slices, NDArray[np.float32]]:
        try:
            with np.load(BytesIO(self._artefact.read(EXAMPLES)), allow_pickle=False) as kept:
                return kept["slices"], kept["expected"]
        except (ValueError, KeyError, OSError) as error:
            raise LoadError("the examples cannot be read") from error


def load(artefact: Artefact) -> UNetPredictor:
    """Return the predictor of a verified artefact."""
    return UNetPredictor(artefact)
