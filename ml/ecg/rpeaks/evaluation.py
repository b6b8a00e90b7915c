"""How well R peaks are found, on records whose beats cardiologists annotated.

A detection and an annotated beat match when at most 150 ms apart (ANSI/AAMI EC57), each with one only.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.annotated import DS1, AnnotatedRecord, read_annotated, record_names
from ml.ecg.rpeaks.detector import detect_r_peaks

Detector = Callable[[npt.NDArray[np.float64], float], npt.ArrayLike]

TOLERANCE_S = 0.15
MIN_F1 = 99.75
MIN_RECORD_F1 = 97.0
MAX_SECONDS_PER_HALF_HOUR = 0.1
OURS = "chevet"
CHOSEN_ON = frozenset({*DS1, "102", "104"})
"""The records of MIT-BIH that the detector's constants were chosen on: DS1 and two paced ones."""


@dataclass(frozen=True)
class Score:
    """Beats found, detections that are none, beats not found, and what it took on the processor."""

    found: int = 0
    false: int = 0
    missed: int = 0
    seconds_per_half_hour: float = 0.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of sensitivity and positive predictive value, in percent."""
        return _percent(2 * self.found, 2 * self.found + self.false + self.missed)

    def figures(self) -> dict[str, float]:
        """Return the figures for a report, shares in percent."""
        return {
            "beats": self.found + self.missed,
            "false": self.false,
            "missed": self.missed,
            "sensitivity": _percent(self.found, self.found + self.missed),
            "ppv": _percent(self.found, self.found + self.false),
            "f1": self.f1,
            "seconds_per_half_hour": self.seconds_per_half_hour,
        }


@dataclass(frozen=True)
class Report:
    """Scores by detector and record, and which detectors could not be had."""

    scores: Mapping[str, Mapping[str, Score]]
    missing: Sequence[str] = field(default_factory=list)

    def total(self, detector: str, records: Iterable[str] | None = None) -> Score:
        """Return the sum over records; the time is that of the middle record."""
        rows = self.scores[detector]
        each = [rows[name] for name in (rows if records is None else records)]
        return Score(
            sum(score.found for score in each),
            sum(score.false for score in each),
            sum(score.missed for score in each),
            median(score.seconds_per_half_hour for score in each) if each else 0.0,
        )

    def worst(self, detector: str) -> tuple[str, Score]:
        """Return the record with the lowest F1."""
        return min(self.scores[detector].items(), key=lambda row: row[1].f1)

    def groups(self, detector: str) -> dict[str, Score]:
        """Return the totals: of all records, and of those the constants were chosen on and the others."""
        names = set(self.scores[detector])
        rows = {"all": self.total(detector)}
        if names >= CHOSEN_ON:
            rows["constants chosen on these"] = self.total(detector, CHOSEN_ON)
            rows["the others"] = self.total(detector, names - CHOSEN_ON)
        return rows

    def faults(self) -> list[str]:
        """Return which aims ours misses, one line each."""
        total, (name, worst) = self.total(OURS), self.worst(OURS)
        limits = [
            (total.f1 >= MIN_F1, f"F1 {total.f1:.3f} is below {MIN_F1}"),
            (worst.f1 >= MIN_RECORD_F1, f"F1 {worst.f1:.2f} of record {name} is below {MIN_RECORD_F1}"),
            (
                total.seconds_per_half_hour <= MAX_SECONDS_PER_HALF_HOUR,
                f"half an hour takes {total.seconds_per_half_hour:.3f} s, not {MAX_SECONDS_PER_HALF_HOUR}",
            ),
        ]
        return [fault for kept, fault in limits if not kept]

    def figures(self) -> dict[str, Any]:
        """Return everything measured, for JSON."""
        return {
            detector: {
                "records": {name: score.figures() for name, score in rows.items()},
                **{group: score.figures() for group, score in self.groups(detector).items()},
            }
            for detector, rows in self.scores.items()
        } | {"missing": list(self.missing)}

    def text(self) -> str:
        """Return the report as a person reads it."""
        lines = [f"{OURS}, by record", _HEAD]
        lines += [_line(name, score) for name, score in self.scores[OURS].items()]
        for detector in self.scores:
            lines += ["", f"{detector}, in all", _HEAD]
            lines += [_line(group, score) for group, score in self.groups(detector).items()]
            name, score = self.worst(detector)
            lines += [_line(f"worst record, {name}", score)]
        lines += [f"\n{name} is not installed" for name in self.missing]
        return "\n".join(lines)


def evaluate(
    data: Path,
    annotator: str = "atr",
    peers: Mapping[str, Detector] | None = None,
    missing: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _name: None,
) -> Report:
    """Measure our detector and others on every annotated record of a folder, each on the same lead.

    Parameters
    ----------
    data : Path
        A folder of WFDB records.
    annotator : str
        The ending of the annotations. Where it names a lead (LUDB), that lead is read, from its first
        annotated beat to its last; otherwise the first lead, whole.
    peers : mapping of str to Detector, optional
        Other detectors.
    missing : sequence of str
        Peers that are not installed, to be told.
    progress : callable
        Told each record before it is read.
    """
    detectors: dict[str, Detector] = {OURS: detect_r_peaks, **(peers or {})}
    scores: dict[str, dict[str, Score]] = {name: {} for name in detectors}
    for name in record_names(data, annotator):
        progress(name)
        record = read_annotated(data, name, annotator)
        for detector, detect in detectors.items():
            scores[detector][name] = score(record, detect, annotator)
    return Report(scores, missing)


def score(record: AnnotatedRecord, detect: Detector, annotator: str = "atr") -> Score:
    """Measure one detector on one record; ventricular flutter is left out."""
    by_lead = annotator in record.leads
    lead = record.samples_mv[:, record.leads.index(annotator) if by_lead else 0]
    started = time.process_time()
    detections = np.sort(np.asarray(detect(lead, record.sampling_rate_hz), np.int64))
    seconds = time.process_time() - started
    beats, tolerance = record.beats(), round(TOLERANCE_S * record.sampling_rate_hz)
    excluded = record.flutter()
    if by_lead:
        excluded += [(0, int(beats[0]) - tolerance - 1), (int(beats[-1]) + tolerance + 1, len(lead))]
    for start, end in excluded:
        beats = beats[(beats < start) | (beats > end)]
        detections = detections[(detections < start) | (detections > end)]
    found = matched(beats.tolist(), detections.tolist(), tolerance)
    half_hours = len(lead) / record.sampling_rate_hz / 1800
    return Score(found, len(detections) - found, len(beats) - found, seconds / half_hours)


def matched(beats: Sequence[int], detections: Sequence[int], tolerance: int) -> int:
    """Return how many pairs there are at most `tolerance` apart, each of either at most once; both ascend."""
    beat = detection = pairs = 0
    while beat < len(beats) and detection < len(detections):
        apart = detections[detection] - beats[beat]
        pairs += abs(apart) <= tolerance
        beat += apart >= -tolerance
        detection += apart <= tolerance
    return pairs


_HEAD = f"  {'':<26}{'beats':>8}{'false':>7}{'missed':>7}{'Se %':>9}{'PPV %':>9}{'F1 %':>9}{'s/30 min':>10}"


def _line(name: str, score: Score) -> str:
    row = score.figures()
    return (
        f"  {name:<26}{row['beats']:>8.0f}{row['false']:>7.0f}{row['missed']:>7.0f}{row['sensitivity']:>9.3f}"
        f"{row['ppv']:>9.3f}{row['f1']:>9.3f}{row['seconds_per_half_hour']:>10.4f}"
    )


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
