"""Recordings of a site in which readers confirmed or corrected beats, to learn from beside the databases.

Only what readers said of a beat is told; the others are there around it. Recordings without one of the two
leads are left out. Each is taken for a patient of its own, so that no beat of it is learnt from and judged.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml.beats.classes import FAMILY, PRODUCT_CODES
from ml.beats.diagnosed import LEADS, UNKNOWN
from ml.corrections import SIGNALS, Corrections, Opinion, Settled, read_corrections
from ml.ecg.annotated import AnnotatedRecord
from ml.ecg.readers import read_stretch
from ml.ecg.resampling import at_rate
from ml.ecg.rpeaks.detector import detect_r_peaks

LONGEST_S = 3600.0
NEAR_S = 0.1
"""How far a beat may be from where it was when readers saw it."""
CODES = {name: code for code, name in PRODUCT_CODES.items()}

Beat = tuple[str, float]
"""The key of a recording, and when the beat's R peak comes."""


def read_beats(path: Path, at_least: int) -> Corrections[Beat]:
    """Return the corrections of a file; raises CorrectionsError."""
    return read_corrections(path, FAMILY, _opinion, at_least)


def corrected_records(path: Path, rate_hz: float) -> Iterator[AnnotatedRecord]:
    """Yield the recordings that lie beside a file of corrections, at a sampling rate."""
    recordings = defaultdict[str, list[Settled[Beat]]](list)
    for each in read_beats(path, 1).settled:
        recordings[each.about[0]].append(each)
    for key, beats in sorted(recordings.items()):
        with (path.parent / SIGNALS / key).open("rb") as file:
            recording = read_stretch(file, 0, LONGEST_S, ())
        if not set(LEADS) <= set(recording.leads):
            continue
        leads = np.stack([recording.lead(lead) for lead in LEADS], axis=1).astype(np.float64)
        samples, _ = at_rate(leads, recording.sampling_rate_hz, rate_hz)
        peaks = detect_r_peaks(samples[:, 0], rate_hz)
        symbols = np.full(len(peaks), UNKNOWN)
        for each in beats:
            apart = np.abs(peaks / rate_hz - each.about[1])
            if len(peaks) and apart.min() <= NEAR_S:
                symbols[int(apart.argmin())] = CODES[each.label]
        yield AnnotatedRecord(f"site-{key[:16]}", LEADS, samples, rate_hz, peaks, tuple(symbols.tolist()))


def _opinion(line: Mapping[str, Any]) -> Opinion[Beat]:
    key, seconds = str(line["signal"]), float(line["seconds"])
    if line["label"] not in CODES or not key.isalnum():
        raise ValueError(f"no class or no recording: {line['label']!r}")
    return Opinion(f"{key}@{seconds:.2f}", (key, seconds), line["label"])
