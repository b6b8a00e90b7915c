"""Records of public databases (WFDB) together with the cardiologists' annotations of their beats."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.databases import SUMS, checksums, is_whole
from ml.ecg.signal import Signal

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""The codes of PhysioNet's annotations that mark a beat; the others mark rhythm, noise and waves."""

DS1 = (
    *("101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122"),
    *("124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230"),
)
DS2 = (
    *("100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210"),
    *("212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234"),
)
"""De Chazal's division (2004) of MIT-BIH's records without a pacemaker: to learn from, to be judged on."""


class RecordError(OSError):
    """A record that is missing or damaged; the message names it."""


@dataclass(frozen=True, eq=False)
class AnnotatedRecord:
    """A record and everything that is annotated in it.

    Parameters
    ----------
    name : str
        As in the database: ``100``.
    leads : tuple of str
        As the header spells them, one per column.
    samples_mv : ndarray of float64, shape (n_samples, n_leads)
        Millivolts.
    sampling_rate_hz : float
        Samples per second and lead.
    positions : ndarray of int64, shape (n_annotations,)
        The samples that the annotations stand at, ascending.
    symbols : tuple of str
        PhysioNet's code of each: ``N``, ``V``, ``+``.
    """

    name: str
    leads: tuple[str, ...]
    samples_mv: npt.NDArray[np.float64]
    sampling_rate_hz: float
    positions: npt.NDArray[np.int64]
    symbols: tuple[str, ...]

    def beats(self) -> npt.NDArray[np.int64]:
        """Return the positions of the annotations that mark a beat."""
        return self.positions[[symbol in BEAT_SYMBOLS for symbol in self.symbols]]

    def signal(self) -> Signal:
        """Return its leads; of two that the header spells alike, the second is numbered."""
        names: list[str] = []
        for name in self.leads:
            names.append(name if name not in names else f"{name} ({len(names) + 1})")
        return Signal(tuple(names), self.samples_mv.astype(np.float32), self.sampling_rate_hz)

    def flutter(self) -> list[tuple[int, int]]:
        """Return first and last sample of each stretch of ventricular flutter, which has no beats."""
        bounds = [
            (int(position), symbol)
            for position, symbol in zip(self.positions, self.symbols, strict=True)
            if symbol in "[]"
        ]
        starts = [position for position, symbol in bounds if symbol == "["]
        ends = [position for position, symbol in bounds if symbol == "]"]
        return list(zip(starts, [*ends, len(self.samples_mv)], strict=False))


def record_names(folder: Path, annotator: str = "atr") -> list[str]:
    """Return the names of the annotated records of a folder, ascending.

    Raises
    ------
    RecordError
        When there is none.
    """
    names = sorted(path.stem for path in folder.glob(f"*.{annotator}"))
    if not names:
        raise RecordError(f"{folder}: no record with annotations (.{annotator})")
    return names


def read_annotated(folder: Path, name: str, annotator: str = "atr") -> AnnotatedRecord:
    """Read a record, held against the checksums in its header and, where `download` left them, of its files.

    Raises
    ------
    RecordError
        When a file of it is missing, or is not as published.
    """
    import wfdb  # noqa: PLC0415 - takes a second and loads pandas, and what serves imports this module

    path = folder / name
    sums = checksums(folder) if (folder / SUMS).exists() else {}
    for ending in ("hea", "dat", annotator):
        file = f"{name}.{ending}"
        if file in sums and not is_whole(folder / file, sums[file]):
            raise RecordError(f"record {name}: {folder / file} is missing or damaged")
    try:
        record = wfdb.rdrecord(str(path), physical=False)
        annotation = wfdb.rdann(str(path), annotator)
    except FileNotFoundError as error:
        raise RecordError(f"record {name}: {error.filename} is missing") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RecordError(f"record {name}: {path} is damaged ({error})") from error
    _verify(record, path)
    if not annotation.symbol or (np.diff(annotation.sample) < 0).any():
        raise RecordError(f"record {name}: {path}.{annotator} is damaged (no ascending annotations)")
    return AnnotatedRecord(
        name=name,
        leads=tuple(record.sig_name),
        samples_mv=record.dac(),
        sampling_rate_hz=float(record.fs),
        positions=np.asarray(annotation.sample, np.int64),
        symbols=tuple(annotation.symbol),
    )


def _verify(record: Any, path: Path) -> None:
    """Hold the samples against the 16-bit checksums that the header has of them."""
    for lead, published, found in zip(record.sig_name, record.checksum, record.calc_checksum(), strict=True):
        if published is not None and (published - found) % 65536:
            raise RecordError(f"record {path.name}: lead {lead} of {path} is damaged (checksum)")
