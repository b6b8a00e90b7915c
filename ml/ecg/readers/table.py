"""Tables of voltages, for the command line: CSV and MATLAB's .mat, whose rate and unit have to be told."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.io

from ml.ecg.decoded import MAX_FILE_BYTES, DecodeError, DecodeFailure
from ml.ecg.leads import lead_from_text
from ml.ecg.readers.channels import Channel, assemble, check_size, unit_mv
from ml.ecg.signal import Signal

Table = npt.NDArray[np.float64]


def read_table(
    path: Path, *, sampling_rate_hz: float, unit: str, leads: Sequence[str] | None = None
) -> Signal:
    """Read a table with a row a sample and a column a lead.

    Parameters
    ----------
    path : Path
        A ``.mat`` file (up to MATLAB 7) with one matrix of numbers, or text in columns separated by commas,
        semicolons, tabs or spaces, the first line of which may name them. A matrix is turned so that its
        longer side is time.
    sampling_rate_hz : float
        Rows per second; never guessed.
    unit : str
        Of every number but those of a column of time: ``mV``, ``uV``, ``nV`` or ``V``; never guessed.
    leads : sequence of str, optional
        Names of the columns, where the file has none or wrong ones.

    Raises
    ------
    DecodeError
        DAMAGED when it is no such table, NO_WAVEFORM when a ``.mat`` file has none, or several, TOO_LARGE
        and TOO_LONG beyond our limits.
    ValueError
        When the unit is none of voltage, or the leads named are not as many as the columns.
    """
    scale = unit_mv(unit)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise DecodeError(DecodeFailure.TOO_LARGE)
    names, table = _matlab(path) if path.suffix.lower() == ".mat" else _text(path)
    names = list(leads) if leads is not None else names or [""] * table.shape[1]
    if len(names) != table.shape[1]:
        raise ValueError(f"{len(names)} leads named for {table.shape[1]} columns")
    try:
        check_size(*table.shape)
        columns = [Channel(lead_from_text(name), table[:, index] * scale) for index, name in enumerate(names)]
        return assemble(columns, sampling_rate_hz)
    except ValueError:
        raise DecodeError(DecodeFailure.DAMAGED) from None


def _text(path: Path) -> tuple[list[str], Table]:
    """Read columns of numbers, also with decimal commas; one named time, or counting samples, is left out."""
    try:
        text = path.read_text("utf-8-sig")
        first = text.partition("\n")[0]
        separator = next((mark for mark in ";\t," if mark in first), None)
        cells = next(csv.reader([first], delimiter=separator or " ", skipinitialspace=True))
        names = [cell.strip(" '") for cell in cells]
        named = not all(_is_number(name) for name in names)
        with warnings.catch_warnings(action="error"):  # that there is no data is a warning
            table = np.loadtxt(text.splitlines()[named:], delimiter=separator, ndmin=2, converters=_number)
        kept = [index for index, name in enumerate(names) if not (named and _is_time(name))]
        return [names[index] for index in kept] if named else [], table[:, kept]
    except (ValueError, LookupError, StopIteration, csv.Error, UserWarning):
        raise DecodeError(DecodeFailure.DAMAGED) from None


def _number(text: str) -> float:
    return float(text.replace(",", ".")) if text.strip() else np.nan


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def _is_time(name: str) -> bool:
    return name.strip().lower().partition(" ")[0].partition("(")[0] in {
        "time",
        "t",
        "temps",
        "sample",
        "index",
    }


def _matlab(path: Path) -> tuple[list[str], Table]:
    try:
        variables: dict[str, Any] = scipy.io.loadmat(path, mat_dtype=True)
    except (ValueError, TypeError, NotImplementedError, OSError, EOFError, LookupError):
        raise DecodeError(DecodeFailure.DAMAGED) from None
    found = [
        value
        for name, value in variables.items()
        if not name.startswith("__")
        and isinstance(value, np.ndarray)
        and value.ndim == 2
        and value.size > 2
        and np.issubdtype(value.dtype, np.number)
    ]
    if len(found) != 1:
        raise DecodeError(DecodeFailure.NO_WAVEFORM)
    table = np.asarray(found[0], np.float64)
    return [], table if table.shape[0] >= table.shape[1] else table.T
