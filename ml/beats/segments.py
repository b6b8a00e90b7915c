"""What a beat classifier learns from: stretches of the first lead of a record, each with its class.

A run is a stretch of consecutive beats of the same kind (Oh 2018); any annotation between two beats, be it of
rhythm or of noise, ends a run, which is what gives the counts of that paper's protocol. A beat is one beat,
with its class of the AAMI or of the product. All begin 99 samples before the first R peak and end 160 after
the last, at 360 Hz.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.beats.caching import keep_arrays
from ml.beats.classes import AAMI_CLASSES, AAMI_CODES, CHAMPION_CODES, PRODUCT_CLASSES, PRODUCT_CODES
from ml.ecg.annotated import AnnotatedRecord, RecordError, read_annotated

RATE_HZ = 360.0
BEFORE = 99
AFTER = 160
BEAT_LENGTH = BEFORE + 1 + AFTER
RUN_LENGTH = 1000

RECORDS = (
    *(str(number) for number in range(100, 125) if number not in {110, 120}),
    *(
        str(number)
        for number in range(200, 235)
        if number not in {204, 206, 211, 216, 218, *range(224, 228), 229}
    ),
)
"""The 48 records of MIT-BIH."""

_VERSION = 2
"""Raised whenever the same records give other segments: what is cached is then made anew."""

Stretch = tuple[str, int, int]
"""A class, and the samples of the first and of the last R peak."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments of several records.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_segments, length)
        Each with mean 0 and standard deviation 1, then zeros up to the length.
    labels : ndarray of int64, shape (n_segments,)
        Places in `classes`.
    records : ndarray of str, shape (n_segments,)
        The record each is from.
    firsts, lasts : ndarray of int64, shape (n_segments,)
        The samples of the record at which the first and the last R peak of each are.
    classes : tuple of str
        The names of the classes.
    data_hash : str
        Of the files read and of how: the same hash, the same segments.
    """

    samples: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    records: npt.NDArray[np.str_]
    firsts: npt.NDArray[np.int64]
    lasts: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    data_hash: str

    def counts(self) -> dict[str, int]:
        """Return how many segments each class has."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, numbers.tolist(), strict=True))

    def some(self, places: npt.NDArray[np.int64]) -> "Segments":
        """Return those at some places."""
        arrays = ("samples", "labels", "records", "firsts", "lasts")
        return replace(self, **{name: getattr(self, name)[places] for name in arrays})

    def patients(self) -> npt.NDArray[np.str_]:
        """Return whose each segment is."""
        return np.asarray([patient_of(name) for name in self.records.tolist()], self.records.dtype)

    def databases(self) -> npt.NDArray[np.str_]:
        """Return which database each segment is from: what its record's name begins with, or MIT-BIH."""
        parts = [name.partition("-") for name in self.records.tolist()]
        return np.asarray([first if dash else "mitdb" for first, dash, _ in parts])


@dataclass(frozen=True)
class Kind:
    """How segments are cut and named.

    Parameters
    ----------
    name : str
        In the name of cached files.
    length : int
        Samples of a segment.
    classes : tuple of str
        The classes, in the order of their numbers.
    stretches : callable
        Gives the stretches of a record.
    """

    name: Literal["runs", "beats", "product"]
    length: int
    classes: tuple[str, ...]
    stretches: Callable[[AnnotatedRecord], Iterable[Stretch]]


def runs(record: AnnotatedRecord) -> Iterator[Stretch]:
    """Return the runs of consecutive annotations with the same code, of the beats the product names."""
    numbered = zip(record.symbols, record.positions.tolist(), strict=True)
    for symbol, group in groupby(numbered, key=lambda each: each[0]):
        if symbol in PRODUCT_CODES:
            positions = [position for _, position in group]
            yield PRODUCT_CODES[symbol], positions[0], positions[-1]


def beats(record: AnnotatedRecord) -> Iterator[Stretch]:
    """Return every beat by itself, with its class of the AAMI."""
    for symbol, position in zip(record.symbols, record.positions.tolist(), strict=True):
        if symbol in AAMI_CODES:
            yield AAMI_CODES[symbol], position, position


def product_beats(record: AnnotatedRecord) -> Iterator[Stretch]:
    """Return every beat by itself that has a class of the product."""
    for symbol, position in zip(record.symbols, record.positions.tolist(), strict=True):
        if symbol in CHAMPION_CODES:
            yield CHAMPION_CODES[symbol], position, position


RUNS = Kind("runs", RUN_LENGTH, PRODUCT_CLASSES, runs)
BEATS = Kind("beats", BEAT_LENGTH, AAMI_CLASSES, beats)
PRODUCT_BEATS = Kind("product", BEAT_LENGTH, PRODUCT_CLASSES, product_beats)


def patient_of(record: str) -> str:
    """Return whose a record is: every one is a patient's own, but 201 and 202 are of one man.

    Where its name says whose it is, that is what stands before the point.
    """
    name = record.partition(".")[0]
    return "201" if name == "202" else name


def segment(lead: npt.NDArray[np.float64], first: int, last: int, length: int) -> npt.NDArray[np.float32]:
    """Return a stretch from before its first R peak to after its last, z-scored, cut or filled up with zeros.

    Where the record begins later or ends earlier, the segment is that much shorter.
    """
    start = max(first - BEFORE, 0)
    part = lead[start : min(last + AFTER + 1, start + length)]
    spread = part.std()
    filled = np.zeros(length, np.float32)
    if spread > 0:
        filled[: len(part)] = (part - part.mean()) / spread
    return filled


def read_segments(
    data: Path, kind: Kind, cache: Path, records: Sequence[str], further: Sequence[AnnotatedRecord] = ()
) -> Segments:
    """Return the segments of records, made once for the same files and kept in a folder.

    Parameters
    ----------
    data : Path
        A folder with MIT-BIH.
    kind : Kind
        How they are cut.
    cache : Path
        Where they are kept.
    records : sequence of str
        The names of MIT-BIH's records.
    further : sequence of AnnotatedRecord
        Others, that are read already.

    Raises
    ------
    RecordError
        When a record is missing, damaged, or not of 360 Hz.
    """
    data_hash = _data_hash(data, kind, records, further)
    kept = cache / f"{kind.name}-{data_hash[:16]}.npz"
    if not kept.exists():
        keep_arrays(kept, _cut([*(read_annotated(data, name) for name in records), *further], kind))
    with np.load(kept, allow_pickle=False) as arrays:
        return Segments(**arrays, classes=kind.classes, data_hash=data_hash)


def _cut(records: Sequence[AnnotatedRecord], kind: Kind) -> Mapping[str, npt.NDArray[np.generic]]:
    """Return the arrays of the segments of these records."""
    samples, labels, names, firsts, lasts = [], [], [], [], []
    for record in records:
        if record.sampling_rate_hz != RATE_HZ:
            raise RecordError(f"record {record.name}: {record.sampling_rate_hz:g} Hz, not {RATE_HZ:g}")
        lead = record.samples_mv[:, 0]
        for name, first, last in kind.stretches(record):
            samples.append(segment(lead, first, last, kind.length))
            labels.append(kind.classes.index(name))
            names.append(record.name)
            firsts.append(first)
            lasts.append(last)
    return {
        "samples": np.stack(samples),
        "labels": np.asarray(labels, np.int64),
        "records": np.asarray(names),
        "firsts": np.asarray(firsts, np.int64),
        "lasts": np.asarray(lasts, np.int64),
    }


def _data_hash(data: Path, kind: Kind, records: Sequence[str], further: Sequence[AnnotatedRecord]) -> str:
    """Return the SHA-256 of the files, of how they are cut, and of this code's version."""
    digest = hashlib.sha256(repr((_VERSION, kind.name, kind.length, kind.classes, BEFORE, AFTER)).encode())
    for name in records:
        for ending in ("hea", "dat", "atr"):
            path = data / f"{name}.{ending}"
            if not path.is_file():
                raise RecordError(f"record {name}: {path} is missing")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    for record in further:
        digest.update(repr((record.name, record.leads, record.symbols)).encode())
        digest.update(record.positions.tobytes() + record.samples_mv.tobytes())
    return digest.hexdigest()
