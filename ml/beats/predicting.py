"""A trained beat classifier as it answers: NumPy, SciPy and ONNX Runtime, no TensorFlow."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ml.beats.quality import Quality
from ml.ecg.signal import Signal
from ml.registry.artefact import Artefact

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MAX_DURATION_S = 3600.0
"""Of a longer recording the first hour is read, and the answer says so (`Reason.CUT`)."""


@dataclass(frozen=True, eq=False)
class BeatAnswer:
    """What is said of a recording; without beats where its quality is insufficient.

    Parameters
    ----------
    classes : tuple of str
        The names that labels are places in: Normal, LBBB, RBBB, APB, PVC.
    positions : ndarray of int64, shape (n_beats,)
        Samples of the R peaks in the recording as it was given, ascending.
    labels : ndarray of uint8, shape (n_beats,)
        The most likely class.
    probabilities : ndarray of float32, shape (n_beats, n_classes)
        Calibrated; each row sums to 1.
    sets : ndarray of bool, shape (n_beats, n_classes)
        The conformal sets; the most likely class is always in.
    quality : Quality
        How far to trust it.
    leads : tuple of str
        Which leads were read, as the recording spells them: one or two.
    sampling_rate_hz : float
        The recording's.
    """

    classes: tuple[str, ...]
    positions: npt.NDArray[np.int64]
    labels: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float32]
    sets: npt.NDArray[np.bool_]
    quality: Quality
    leads: tuple[str, ...]
    sampling_rate_hz: float

    @property
    def confidences(self) -> npt.NDArray[np.float32]:
        """Return the calibrated probability of each beat's label."""
        return self.probabilities[np.arange(len(self.labels)), self.labels]


@dataclass(frozen=True, eq=False)
class Saliency:
    """What a beat's class hangs on.

    Parameters
    ----------
    start : int
        The sample of the recording that the first weight stands at.
    weights : ndarray of float32, shape (n_samples,)
        By how much hiding the surroundings of each sample lowers the probability of the class; 0 at least.
    label : int
        The class.
    """

    start: int
    weights: npt.NDArray[np.float32]
    label: int


class BeatPredictor:
    """One version of the classifier.

    Parameters
    ----------
    artefact : Artefact
        Verified.

    Raises
    ------
    LoadError
        When its graph cannot be used, or is not what the manifest says.
    """

    def __init__(self, artefact: Artefact) -> None:
        raise NotImplementedError

    def warm_up(self) -> None:
        """Classify a made beat."""

    def predict(self, signal: Signal) -> BeatAnswer:
        """Find the beats of a recording and classify them; any signal gets a bounded answer."""
        raise NotImplementedError

    def classify(self, signal: Signal, peaks: npt.NDArray[np.int64]) -> BeatAnswer:
        """Classify beats whose R peaks are known, ascending samples of the recording."""
        raise NotImplementedError

    def saliency(self, signal: Signal, peaks: npt.NDArray[np.int64], beat: int) -> Saliency:
        """Return what the class of one beat hangs on, given all R peaks."""
        raise NotImplementedError


def load(artefact: Artefact) -> BeatPredictor:
    """Return the predictor of a verified artefact."""
    return BeatPredictor(artefact)
