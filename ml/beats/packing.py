"""Beats as they are kept: some twelve bytes each, before compression."""

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ml.beats.predicting import BeatAnswer

_STEPS = 65_535
"""Probabilities are kept in so many steps: finer than any calibration."""


@dataclass(frozen=True, eq=False)
class KeptBeats:
    """The beats of an answer, as they were kept.

    Parameters
    ----------
    classes : tuple of str
        The names that labels are places in.
    leads : tuple of str
        Which leads were read, the first one shown.
    sampling_rate_hz : float
        Of the recording, which positions count samples of.
    positions : ndarray of int64, shape (n_beats,)
        Samples of the R peaks, ascending.
    labels : ndarray of uint8, shape (n_beats,)
        The most likely class.
    probabilities : ndarray of float64, shape (n_beats, n_classes)
        Calibrated.
    sets : ndarray of bool, shape (n_beats, n_classes)
        The conformal sets.
    """

    classes: tuple[str, ...]
    leads: tuple[str, ...]
    sampling_rate_hz: float
    positions: npt.NDArray[np.int64]
    labels: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float64]
    sets: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def confidences(self) -> npt.NDArray[np.float64]:
        """Return the probability of each beat's class."""
        return self.probabilities[np.arange(len(self)), self.labels]

    def counts(self) -> dict[str, int]:
        """Return how many beats each class has."""
        found = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}


def pack(answer: "BeatAnswer | KeptBeats") -> bytes:
    """Return an answer's beats as bytes to keep."""
    head = {
        "classes": answer.classes,
        "leads": answer.leads,
        "rate": answer.sampling_rate_hz,
        "beats": len(answer.positions),
    }
    parts = (
        json.dumps(head).encode() + b"\n",
        answer.positions.astype("<i8").tobytes(),
        answer.labels.astype("u1").tobytes(),
        np.rint(np.clip(answer.probabilities, 0, 1) * _STEPS).astype("<u2").tobytes(),
        np.packbits(answer.sets.ravel()).tobytes(),
    )
    return zlib.compress(b"".join(parts))


def unpack(kept: bytes) -> KeptBeats:
    """Return the beats that `pack` made bytes of."""
    first, _, body = zlib.decompress(kept).partition(b"\n")
    head = json.loads(first)
    beats, classes = head["beats"], len(head["classes"])
    ends = np.cumsum([8 * beats, beats, 2 * beats * classes])
    positions, labels, fractions = (
        np.frombuffer(body[start:end], kind)
        for start, end, kind in zip((0, *ends), ends, ("<i8", "u1", "<u2"), strict=False)
    )
    bits = np.unpackbits(np.frombuffer(body[ends[-1] :], "u1"), count=beats * classes)
    return KeptBeats(
        tuple(head["classes"]),
        tuple(head["leads"]),
        head["rate"],
        positions.astype(np.int64),
        labels.copy(),
        fractions.reshape(beats, classes) / _STEPS,
        bits.reshape(beats, classes).astype(np.bool_),
    )
