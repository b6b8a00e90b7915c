"""Patients beyond MIT-BIH, to learn from: those of LUDB and PTB-XL by their diagnosis, SVDB's beat by beat.

Of SVDB (78 patients with beats of atria and node, half an hour each, 128 Hz) the records with an even number
are learnt from, so that the others are there to be judged on.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.beats.classes import UNTOLD
from ml.beats.diagnosed import read_diagnosed
from ml.ecg.annotated import AnnotatedRecord, read_annotated
from ml.ecg.resampling import at_rate


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
    samples, factor = at_rate(record.samples_mv, record.sampling_rate_hz, rate_hz)
    positions = np.round(record.positions * factor).astype(np.int64)
    return replace(
        record,
        name=f"{UNTOLD}-{record.name}",
        samples_mv=samples,
        sampling_rate_hz=rate_hz,
        positions=np.minimum(positions, len(samples) - 1),
        symbols=tuple("A" if symbol == "S" else symbol for symbol in record.symbols),
    )
