"""The tasks of MIT-BIH that beat classifiers are compared by: which segments, learnt and judged on which.

- `oh2018`: runs, ten folds by class alone. A patient's segments are on both sides, and the length of a run
  tells the class, so its figures say little of new patients; it is here because the literature quotes it.
- `patients`: the same runs, each patient in one fold only.
- `interpatient`: single beats and the AAMI's classes; learnt on the 22 records of DS1, judged on the 22 of
  DS2 (de Chazal 2004). Nothing may be chosen by looking at DS2.
- `development`: the same of DS1 alone, each patient in one fold only: what everything is chosen by.
- `champion`: single beats of all records and the product's classes, each patient in one fold only: what the
  shipped champion learns from. Its folds calibrate its confidence.

From further patients (`ml/beats/further.py`), where any are given, `patients` learns in every fold and is
judged on none, and so does `champion` of those whose blocks nobody told; the others are there as all are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.beats.classes import UNTOLD
from ml.beats.corrected import corrected_records
from ml.beats.further import read_further, signal_files
from ml.beats.segments import BEATS, PRODUCT_BEATS, RATE_HZ, RECORDS, RUNS, Segments, read_segments
from ml.ecg.annotated import DS1, DS2, AnnotatedRecord

Protocol = Literal["oh2018", "patients", "interpatient", "development", "champion"]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """Places of the segments to learn from and of those to be judged on."""

    train: Indices
    test: Indices


@dataclass(frozen=True)
class Data:
    """Where the recordings are that a classifier learns from.

    Parameters
    ----------
    mitdb : Path
        A folder with MIT-BIH.
    further : tuple of Path
        Folders with LUDB, PTB-XL or SVDB: only `patients` and `champion` learn from these too.
    corrections : Path or None
        A file of what readers said of beats (`ml/beats/corrected.py`): only `champion` does.
    """

    mitdb: Path
    further: tuple[Path, ...] = ()
    corrections: Path | None = None

    def records_beyond(self, protocol: Protocol) -> list[AnnotatedRecord]:
        """Return a protocol's records that are not MIT-BIH's."""
        if protocol not in {"patients", "champion"}:
            return []
        records = [record for folder in self.further for record in read_further(folder, RATE_HZ)]
        if protocol == "champion" and self.corrections is not None:
            records += corrected_records(self.corrections, RATE_HZ)
        return records

    def signal_files(self) -> Iterator[Path]:
        """Yield the files of the signals that `champion` learns from, but for corrected ones."""
        for folder in (self.mitdb, *self.further):
            yield from signal_files(folder)


def load(protocol: Protocol, data: Data, cache: Path) -> Segments:
    """Return the segments of a protocol."""
    return cut(protocol, data.mitdb, cache, data.records_beyond(protocol))


def cut(protocol: Protocol, mitdb: Path, cache: Path, further: Sequence[AnnotatedRecord]) -> Segments:
    """Return the segments of a protocol, its records that are not MIT-BIH's being read already."""
    if protocol in {"interpatient", "development"}:
        return read_segments(mitdb, BEATS, cache, (*DS1, *DS2) if protocol == "interpatient" else DS1)
    return read_segments(mitdb, PRODUCT_BEATS if protocol == "champion" else RUNS, cache, RECORDS, further)


def folds(protocol: Protocol, segments: Segments, seed: int, number: int = 10) -> list[Fold]:
    """Return the folds of a protocol; the same seed gives the same ones. `interpatient` has one."""
    if protocol == "interpatient":
        known = np.isin(segments.records, DS1)
        return [Fold(np.flatnonzero(known), np.flatnonzero(~known))]
    if protocol == "oh2018":
        return _folds(by_class(segments.labels, number, seed), number)
    databases = segments.databases()
    own = np.flatnonzero(databases != UNTOLD if protocol == "champion" else databases == "mitdb")
    assigned = np.full(len(segments.labels), -1)
    assigned[own] = by_patient(segments.some(own), number, seed)
    return _folds(assigned, number)


def by_class(labels: Indices, number: int, seed: int) -> Indices:
    """Return a fold for each segment, by chance, every fold with its share of every class."""
    generator = np.random.default_rng(seed)
    assigned = np.empty(len(labels), np.int64)
    start = 0
    for label in np.unique(labels):
        places = generator.permutation(np.flatnonzero(labels == label))
        assigned[places] = (start + np.arange(len(places))) % number
        start += len(places)
    return assigned


def by_patient(
    segments: Segments, number: int, seed: int, among: npt.NDArray[np.bool_] | None = None
) -> Indices:
    """Return a fold for each segment, a patient's all in one, the classes as evenly as patients allow.

    Patients in an order of chance, then those with most segments of rare classes first, each go to the fold
    whose classes are then the least uneven.
    """
    among = np.ones(len(segments.labels), np.bool_) if among is None else among
    patients, places = np.unique(segments.patients(), return_inverse=True)
    shares = np.zeros((len(patients), len(segments.classes)))
    np.add.at(shares, (places[among], segments.labels[among]), 1)
    shares /= np.maximum(shares.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(len(patients))
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]
    held = np.zeros((number, len(segments.classes)))
    chosen = np.zeros(len(patients), np.int64)
    for patient in order:
        unevenness = [
            ((held[fold] + shares[patient]) ** 2).sum() - (held[fold] ** 2).sum() for fold in range(number)
        ]
        chosen[patient] = np.lexsort((held.sum(axis=1), unevenness))[0]
        held[chosen[patient]] += shares[patient]
    return chosen[places]


def _folds(assigned: Indices, number: int) -> list[Fold]:
    """Return the folds of segments assigned to one; those assigned to none (-1) are learnt from in each."""
    return [
        Fold(np.flatnonzero(assigned != fold), np.flatnonzero(assigned == fold)) for fold in range(number)
    ]
