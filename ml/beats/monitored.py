"""What is watched of a recording and its answer, and the same of the recordings a version learnt from."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ml.beats.assessing import qrs_and_noise
from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.predicting import BeatAnswer, BeatPredictor
from ml.beats.protocols import Data
from ml.beats.quality import Reason
from ml.beats.segments import RECORDS, patient_of
from ml.ecg.annotated import AnnotatedRecord, read_annotated
from ml.ecg.signal import Signal
from ml.monitoring.reference import Reference, Row
from ml.registry.artefact import Artefact, with_file
from ml.registry.contents import REFERENCE

NUMERIC = (
    *("heart_rate", "rr_variability", "amplitude_first", "amplitude_second"),
    *("noise", "confidence", "other_than_normal"),
)
QUALITY = ("quality", *(f"quality:{reason}" for reason in Reason))
"""The verdict, and of every reason whether it is there: a drift of these is one of the signals."""
CATEGORICAL = ("class", *QUALITY)
STRETCH_S = 10.0
"""As long as most recordings that are asked about: the middle of each that was learnt from."""


def row(signal: Signal, answer: BeatAnswer) -> Row:
    """Return what is watched of a recording that was answered.

    Rate (a minute), unevenness (the usual step from one interval to the next, as a share of it), heights of
    the QRS (mV) and noise (as a share of it) of the leads that were read; the usual class, the share of beats
    of others than the normal one, the mean confidence; quality.
    """
    reasons = answer.quality.reasons
    found: dict[str, float | str | None] = {"quality": str(answer.quality.verdict)}
    found |= {f"quality:{reason}": "yes" if reason in reasons else "no" for reason in Reason}
    if not len(answer.positions):
        return found
    intervals = np.diff(answer.positions) / answer.sampling_rate_hz
    if len(intervals):
        found["heart_rate"] = float(60 / np.median(intervals))
    if len(intervals) > 1:
        found["rr_variability"] = float(np.median(np.abs(np.diff(intervals))) / np.median(intervals))
    for name, lead in zip(("amplitude_first", "amplitude_second"), answer.leads, strict=False):
        samples = signal.lead(lead).astype(np.float64)
        found[name], _, noise = qrs_and_noise(samples, answer.sampling_rate_hz, answer.positions)
        found.setdefault("noise", noise)
    labels = np.bincount(answer.labels, minlength=len(answer.classes))
    normal = answer.classes.index(PRODUCT_CLASSES[0])
    found["class"] = answer.classes[int(labels.argmax())]
    found["other_than_normal"] = float(1 - labels[normal] / labels.sum())
    found["confidence"] = float(answer.confidences.mean())
    return found


def reference(predictor: BeatPredictor, records: Iterable[AnnotatedRecord]) -> Reference:
    """Return the reference of a version: ten seconds of each patient it learnt from, asked as any other.

    One stretch a patient, since those of one are alike, and the tests suppose that they are not.
    """
    rows = {}
    for record in records:
        patient = patient_of(record.name)
        if patient not in rows:
            middle = _middle(record.signal())
            rows[patient] = row(middle, predictor.predict(middle))
    return Reference.of(list(rows.values()), NUMERIC, CATEGORICAL)


def referred(artefact: Artefact, data: Data) -> Artefact:
    """Add its reference to a version of the protocol `champion` that is not sealed, where it lies."""
    made = reference(BeatPredictor(artefact), _learnt_from(data))
    return with_file(artefact, REFERENCE, made.to_bytes())


def _learnt_from(data: Data) -> Iterator[AnnotatedRecord]:
    yield from (read_annotated(data.mitdb, name) for name in RECORDS)
    yield from data.records_beyond("champion")


def _middle(signal: Signal) -> Signal:
    length = round(STRETCH_S * signal.sampling_rate_hz)
    first = max(len(signal.samples_mv) - length, 0) // 2
    return replace(signal, samples_mv=signal.samples_mv[first : first + length])
