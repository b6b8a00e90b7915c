"""How our readers do on files: what they find, and how far it is from what somebody else's reader finds."""

import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ml.ecg.decoded import DecodeError
from ml.ecg.leads import lead_from_text
from ml.ecg.readers import FORMATS, HEAD_BYTES, Format, read_signal, wfdb
from ml.ecg.readers.peers import PEERS, Leads
from ml.ecg.signal import Signal


@dataclass(frozen=True)
class Row:
    """What became of one file.

    Attributes
    ----------
    file : str
        Its path below the folder.
    format : str
        The name of the reader's module.
    failure : str or None
        Why there is no signal.
    leads, sampling_rate_hz, duration_s
        Of the signal.
    peer : str or None
        Whose reading ours is compared with; None where theirs is not installed, or failed.
    compared : int
        Leads that both have, under one name and of one length.
    difference_uv : float or None
        The largest difference of any of their samples.
    """

    file: str
    format: str
    failure: str | None = None
    leads: tuple[str, ...] = ()
    sampling_rate_hz: float | None = None
    duration_s: float | None = None
    peer: str | None = None
    compared: int = 0
    difference_uv: float | None = None

    def text(self) -> str:
        """Return one line."""
        if self.failure:
            return f"{self.file}  {self.format}  refused: {self.failure}"
        found = f"{len(self.leads)} leads, {self.sampling_rate_hz:g} Hz, {self.duration_s:.1f} s"
        if self.difference_uv is None:
            return f"{self.file}  {self.format}  {found}  compared with nobody"
        beside = f"{self.compared} of them as {self.peer} reads them, to {self.difference_uv:.2g} µV"
        return f"{self.file}  {self.format}  {found}  {beside}"


def evaluate(folder: Path, progress: Callable[[str], None]) -> list[Row]:
    """Read every recording of a folder and those below it; WFDB records by their headers."""
    rows = []
    for path, reader in _recordings(folder):
        progress(path.name)
        rows.append(_row(str(path.relative_to(folder)), path, reader))
    return rows


def _recordings(folder: Path) -> Iterator[tuple[Path, Format]]:
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if path.suffix == ".hea":
            yield path, wfdb
            continue
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        found = next((reader for reader in FORMATS if reader in PEERS and reader.recognises(head)), None)
        if found:
            yield path, found


def _row(file: str, path: Path, reader: Format) -> Row:
    name = getattr(reader, "__name__", "").rpartition(".")[2]
    try:
        signal = read_signal(path)
    except DecodeError as error:
        return Row(file, name, failure=error.code.value)
    found = Row(file, name, None, signal.leads, signal.sampling_rate_hz, signal.duration_s)
    peer, module, ask = PEERS[reader]
    try:
        with warnings.catch_warnings(action="ignore"):
            theirs = ask(importlib.import_module(module), path)
    except Exception:  # noqa: BLE001 - what others cannot read is no fault of ours
        return found
    compared, difference_uv = _compared(signal, theirs)
    return Row(**{**asdict(found), "peer": peer, "compared": compared, "difference_uv": difference_uv})


def _compared(signal: Signal, theirs: Leads) -> tuple[int, float | None]:
    """Return how many leads both have, and their largest difference."""
    differences = []
    for label, values in theirs.items():
        lead = lead_from_text(label)
        if lead in signal.leads and len(values) == len(signal.samples_mv):
            differences.append(float(np.nanmax(np.abs(signal.lead(lead) - values))) * 1e3)
    return len(differences), max(differences, default=None)
