"""Recordings as they come in files: tables, WFDB, and what machines write, in millivolts."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.annotated import BEAT_SYMBOLS
from ml.ecg.leads import lead_from_text
from ml.ecg.readers import read_signal
from ml.ecg.signal import Signal

MILLIVOLTS = {"v": 1000.0, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "nv": 1e-6}
TIME_COLUMNS = {"time", "t", "s", "seconds", "time_s"}
RATE_NAMES = ("fs", "Fs", "FS", "sampling_rate", "samplingrate", "sfreq")


class RecordingError(OSError):
    """A file that cannot be read as a recording; the message names it."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording, and where its R peaks are if its file says so.

    Parameters
    ----------
    signal : Signal
        The voltages.
    peaks : ndarray of int64, optional
        Annotated beats, as WFDB has them beside a record.
    """

    signal: Signal
    peaks: npt.NDArray[np.int64] | None = None


def read_recording(path: Path, rate_hz: float | None = None) -> Recording:
    """Read a recording: `.csv`, `.mat`, a WFDB record (`.hea`, `.dat` or none), else by its content.

    Parameters
    ----------
    path : Path
        The file.
    rate_hz : float, optional
        Samples per second, where the file does not say. CSV: one column a lead, in millivolts, with or
        without their names above; a column of seconds (`time`) also tells the rate. MATLAB: the largest
        matrix, the longer side being time, and a number called `fs`; a WFDB header beside it counts more.

    Raises
    ------
    RecordingError
        When it is missing, damaged or incomplete.
    """
    beside = path.with_suffix(".hea").exists()
    ending = path.suffix.lower()
    if not path.exists() and not beside:
        raise RecordingError(f"{path} is missing")
    try:
        if ending == ".csv":
            return Recording(_read_csv(path, rate_hz))
        if ending == ".mat" and not beside:
            return Recording(_read_mat(path, rate_hz))
        if ending in {".hea", ".dat", ".mat", ""} and beside:
            return _read_wfdb(path.with_suffix(""))
        return Recording(read_signal(path))
    except Exception as error:  # what readers of so many formats raise has no class in common
        raise RecordingError(f"{path} cannot be read: {error}") from error


def _read_csv(path: Path, rate_hz: float | None) -> Signal:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(4096)
        file.seek(0)
        separator = csv.Sniffer().sniff(head, ",;\t").delimiter if any(c in head for c in ",;\t") else ","
        rows = [row for row in csv.reader(file, delimiter=separator) if any(cell.strip() for cell in row)]
    names = None if _is_number(rows[0][0]) else [cell.strip() for cell in rows.pop(0)]
    samples = np.asarray([[_number(cell) for cell in row] for row in rows], np.float64)
    names = names or [str(column + 1) for column in range(samples.shape[1])]
    times = [column for column, name in enumerate(names) if name.lower() in TIME_COLUMNS]
    if times:
        rate_hz = rate_hz or 1 / float(np.median(np.diff(samples[:, times[0]])))
    kept = [column for column in range(len(names)) if column not in times]
    return _signal([names[column] for column in kept], samples[:, kept], rate_hz)


def _read_mat(path: Path, rate_hz: float | None) -> Signal:
    from scipy.io import loadmat  # noqa: PLC0415 - for this kind of file only

    found: dict[str, Any] = {
        name: value for name, value in loadmat(path).items() if not name.startswith("__")
    }
    numbers = {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    }
    rates = [
        float(numbers[name].flat[0]) for name in RATE_NAMES if name in numbers and numbers[name].size == 1
    ]
    samples = max(numbers.values(), key=lambda value: value.size, default=np.zeros((0, 0)))
    if samples.ndim != 2 or max(samples.shape) < 2:
        raise ValueError("it holds no matrix of samples")
    samples = samples if samples.shape[0] >= samples.shape[1] else samples.T
    names = [str(column + 1) for column in range(samples.shape[1])]
    return _signal(names, samples.astype(np.float64), rate_hz or (rates[0] if rates else None))


def _read_wfdb(path: Path) -> Recording:
    import wfdb  # noqa: PLC0415 - takes a second

    record = wfdb.rdrecord(str(path))
    factors = [MILLIVOLTS.get(unit.lower(), 1.0) for unit in record.units]
    signal = _signal(record.sig_name, record.p_signal * factors, float(record.fs))
    if not path.with_suffix(".atr").exists():
        return Recording(signal)
    annotation = wfdb.rdann(str(path), "atr")
    beats = np.isin(annotation.symbol, sorted(BEAT_SYMBOLS))
    return Recording(signal, np.asarray(annotation.sample, np.int64)[beats])


def _signal(names: Sequence[str], samples: npt.NDArray[np.float64], rate_hz: float | None) -> Signal:
    if not rate_hz:
        raise ValueError("it does not tell its sampling rate: give --fs")
    unique: list[str] = []
    for name in names:
        known = lead_from_text(name) or name
        unique.append(known if known not in unique else f"{known} ({len(unique) + 1})")
    return Signal(tuple(unique), samples.astype(np.float32), rate_hz)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else float("nan")
