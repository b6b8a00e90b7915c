"""Patients beyond MIT-BIH, to learn from: those of LUDB and PTB-XL by their diagnosis, SVDB's beat by beat.

Of SVDB (78 patients with beats of atria and node, half an hour each, 128 Hz) the records with an even number
are learnt from, so that the others are there to be judged on.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import signal

from ml.beats.diagnosed import read_diagnosed
from ml.ecg.annotated import AnnotatedRecord, read_annotated


def read_further(folder: Path, rate_hz: float) -> Iterator[AnnotatedRecord]:
    """Yield the records of a folder that are learnt from, at a sampling rate.

    Raises
    ------
    RecordError
        When it holds none of the databases, or a record is damaged.
    """
    names = _learnt_of_svdb(folder)
    if not names:
        yield from read_diagnosed(folder, rate_hz)
    for name in names:
        yield _resampled(read_annotated(folder, name), rate_hz)


def signal_files(folder: Path) -> Iterator[Path]:
    """Yield the files of signals that are learnt from; of what is told by its diagnosis, all there are."""
    names = _learnt_of_svdb(folder)
    yield from [folder / f"{name}.dat" for name in names] or folder.rglob("*.dat")


def _learnt_of_svdb(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("8[0-9][02468].atr"))


def _resampled(record: AnnotatedRecord, rate_hz: float) -> AnnotatedRecord:
    """Return a record of SVDB at another rate; its S, premature of atria or node, by a code of MIT-BIH."""
    ratio = Fraction(rate_hz / record.sampling_rate_hz).limit_denominator(1000)
    samples = signal.resample_poly(
        record.samples_mv, ratio.numerator, ratio.denominator, axis=0, padtype="line"
    )
    positions = np.round(record.positions * float(ratio)).astype(np.int64)
    return replace(
        record,
        name=f"svdb-{record.name}",
        samples_mv=samples,
        sampling_rate_hz=rate_hz,
        positions=np.minimum(positions, len(samples) - 1),
        symbols=tuple("A" if symbol == "S" else symbol for symbol in record.symbols),
    )
