"""Asking an archive, in a process of its own that is ended when it says nothing any more.

What an archive sends is read there and nowhere else: names of patients, which DICOMweb tells whether one asks
for them or not, never reach this process, and whatever hangs or crashes there harms nothing here.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import IO, Any

from ml.ecg.decoding import environment
from ml.pacs.archives import Archive, Criteria, Fetched, Found, Labels, PacsError, PacsFault, Reply, Series

START_S = 60.0
"""How long the process may take to begin, on a busy machine."""
SEARCH_S = 60.0
"""How long a search may take in all."""
MAKE_S = 60.0
"""How long the making of an object may take, and its way to an archive that keeps up."""
STEPS = 3
"""To connect, to be let in and to be answered may each take as long as the archive may say nothing."""
GRACE_S = 2.0


def search(archive: Archive, criteria: Criteria) -> Found:
    """Return the series that match; raises PacsError."""
    asked = {**asdict(criteria), "since": _iso(criteria.since), "until": _iso(criteria.until)}
    with _answer(archive, {"search": asked}, SEARCH_S) as stream:
        line = _line(stream)
    return Found(tuple(Series(**each) for each in line["series"]), line["more"])


def store(archive: Archive, path: Path, media_type: str, labels: Labels) -> Reply:
    """Have a recording as it is kept made a DICOM object, and the archive take it; raises PacsError."""
    asked = {"path": str(path.resolve()), "media_type": media_type, "labels": asdict(labels)}
    with _answer(archive, {"store": asked}, MAKE_S + STEPS * archive.patience_s) as stream:
        return Reply(**_line(stream))


def fetch(archive: Archive, study: str, series: str, most: int) -> Generator[Fetched]:
    """Yield the objects of a series one by one, those included that cannot be had.

    Of more than `most` objects the others are one fault.

    Raises
    ------
    PacsError
        Before the first, when it cannot be told which there are.
    """
    asked = {"study": study, "series": series, "most": most}
    with _answer(archive, {"fetch": asked}, STEPS * archive.patience_s + GRACE_S) as stream:
        left = list[str](_line(stream)["objects"])
        try:
            while left:
                line = _line(stream)
                data = _exactly(stream, line["size"])
                left.remove(line["uid"])
                fault = PacsFault(line["fault"]) if line["fault"] else None
                yield Fetched(line["uid"], data, fault, len(left))
        except PacsError as error:
            yield from (Fetched(uid, fault=error.fault, left=len(left)) for uid in left)


@contextmanager
def _answer(archive: Archive, question: dict[str, Any], silence_s: float) -> Iterator[IO[bytes]]:
    """Run the process for the length of a block, with what it says."""
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as stream:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "ml.pacs", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment(),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            ours.settimeout(START_S)
            ours.sendall(json.dumps({"archive": asdict(archive), **question}).encode() + b"\n")
            _line(stream)
            ours.settimeout(silence_s)
            yield stream
        finally:
            process.kill()
            process.wait()


def _line(stream: IO[bytes]) -> dict[str, Any]:
    """Read a line of the process; none at all when it died, of too much memory for example."""
    try:
        line = stream.readline()
    except TimeoutError:
        raise PacsError(PacsFault.TIMED_OUT) from None
    except OSError:
        raise PacsError(PacsFault.FAILED) from None
    if not line:
        raise PacsError(PacsFault.FAILED)
    said: dict[str, Any] = json.loads(line)
    if said.keys() == {"fault"}:
        raise PacsError(PacsFault(said["fault"]))
    return said


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """Read the bytes of an object, unless the process died over them."""
    try:
        data = stream.read(size)
    except OSError:
        raise PacsError(PacsFault.FAILED) from None
    if len(data) != size:
        raise PacsError(PacsFault.FAILED)
    return data


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
