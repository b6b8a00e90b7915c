"""Public ECG databases of PhysioNet: fetched through wfdb, held against the checksums published there."""

import hashlib
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SUMS = "SHA256SUMS.txt"
_CONNECTIONS = 2
"""What wfdb opens at once, so as not to overload the server."""
_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *]?(\S+)")


@dataclass(frozen=True)
class Database:
    """A version of a database, and which of its files Chevet reads.

    Parameters
    ----------
    folder : str
        Its place on PhysioNet, version included: figures measured on it can then be measured again.
    files : Pattern
        Matches the names of the files, relative to that folder.
    """

    folder: str
    files: re.Pattern[str]


DATABASES: Mapping[str, Database] = {
    "mitdb": Database("mitdb/1.0.0", re.compile(r"\d{3}\.(hea|dat|atr)")),
    "svdb": Database("svdb/1.0.0", re.compile(r"\d{3}\.(hea|dat|atr)")),
    "ludb": Database("ludb/1.0.1", re.compile(r"LICENSE\.txt|ludb\.csv|data/\d+\.[a-z0-9]+")),
    "ptbxl": Database(
        "ptb-xl/1.0.3",
        re.compile(
            r"LICENSE\.txt|ptbxl_database\.csv|scp_statements\.csv|records100/\d{5}/\d{5}_lr\.(hea|dat)"
        ),
    ),
}


class DownloadError(OSError):
    """A file that could not be had, or is not what PhysioNet published; the message names each."""


def download(
    name: str,
    output: Path,
    address: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Bring a database into a folder and return how many files it has there.

    What is there and whole stays, what is there in part is completed, what is damaged is fetched anew; so an
    interrupted download goes on when it is asked for again.

    Parameters
    ----------
    name : str
        A key of `DATABASES`.
    output : Path
        The folder; it will hold the files as PhysioNet arranges them, and their checksums.
    address : str, optional
        Where a copy of https://physionet.org/files/ is, if not there.
    progress : callable
        Told how many files of how many are done.

    Raises
    ------
    DownloadError
        Naming every file that could not be had or is damaged.
    """
    import wfdb  # noqa: PLC0415 - 1.1 s, and whoever only reads names of databases needs none of it

    wfdb.set_db_index_url(*([address] if address else []))
    database = DATABASES[name]
    output.mkdir(parents=True, exist_ok=True)
    _fetch(database, SUMS, output, anew=True)
    sums = {each: digest for each, digest in checksums(output).items() if database.files.fullmatch(each)}
    if not sums:
        raise DownloadError(f"{output / SUMS}: lists no file of {name}")
    for folder in {(output / each).parent for each in sums}:
        folder.mkdir(parents=True, exist_ok=True)
    faults = []
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        outcomes = pool.map(lambda each: _bring(database, each, sums[each], output), sums)
        for done, fault in enumerate(outcomes, start=1):
            faults += [fault] if fault else []
            progress(done, len(sums))
    if faults:
        raise DownloadError("\n".join(faults))
    return len(sums)


def checksums(folder: Path) -> dict[str, str]:
    """Return the published SHA-256 of each file of a folder that `download` made."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {match[2]: match[1] for match in map(_SUM_LINE.fullmatch, lines) if match}


def is_whole(path: Path, digest: str) -> bool:
    """Tell whether a file is there and has this SHA-256."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _bring(database: Database, name: str, digest: str, output: Path) -> str | None:
    """Make a file whole: what there is of it is completed, then fetched anew; return what is wrong still."""
    path = output / name
    if is_whole(path, digest):
        return None
    for anew in (False, True):
        try:
            _fetch(database, name, output, anew=anew)
        except FileNotFoundError:
            return f"{path}: missing at the source"
        except OSError as error:
            return f"{path}: {error}"
        if is_whole(path, digest):
            return None
    return f"{path}: damaged (not the SHA-256 that {SUMS} has)"


def _fetch(database: Database, name: str, output: Path, *, anew: bool) -> None:
    from wfdb.io.download import dl_pn_file  # noqa: PLC0415 - see `download`

    parent, _, file = name.rpartition("/")
    dl_pn_file((file, parent, database.folder, str(output), True, anew))
