"""The process that speaks to an archive, and ends with whoever started it.

Started by `ml.pacs.asking` as ``python -m ml.pacs FD``: the question comes on a socket, which whoever asks
keeps open; so does the answer, a line of JSON at a time, an object's bytes behind its line.
"""

import json
import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import IO, Any

from ml.pacs.archives import (
    Archive,
    Criteria,
    DicomWeb,
    Dimse,
    Fetched,
    Labels,
    Modality,
    PacsError,
    PacsFault,
    Reply,
)
from ml.pacs.questions import Peer, objects, search

MEMORY_BYTES = 2_000_000_000


def answer(question: dict[str, Any], out: socket.socket) -> None:
    """Answer one question."""
    given = question["archive"]
    archive: Archive = Dimse(**given) if given["kind"] == "dimse" else DicomWeb(**given)
    try:
        with ExitStack() as stack:
            peer = stack.enter_context(_peer(archive))
            if "search" in question:
                found = search(peer, _criteria(question["search"]))
                _say(out, {"series": [asdict(each) for each in found.series], "more": found.more})
                return
            if "store" in question:
                _say(out, asdict(_stored(peer, **question["store"])))
                return
            stack.enter_context(peer.receiving())
            for each in _fetched(peer, out, **question["fetch"]):
                fault = each.fault.value if each.fault else None
                _say(out, {"uid": each.uid, "size": len(each.data), "fault": fault}, each.data)
    except PacsError as error:
        _say(out, {"fault": error.fault.value})


def _peer(archive: Archive) -> AbstractContextManager[Peer]:
    """Return what speaks to an archive, with no more imported than that takes."""
    if isinstance(archive, Dimse):
        from ml.pacs.dimse import DimsePeer  # noqa: PLC0415 - it takes half a second

        return DimsePeer(archive)
    from ml.pacs.dicomweb import DicomWebPeer  # noqa: PLC0415 - the same

    return DicomWebPeer(archive)


def _fetched(peer: Peer, out: socket.socket, study: str, series: str, most: int) -> Iterator[Fetched]:
    """Say how many there are, then fetch one by one; a fault of one is no fault of the others."""
    listed = objects(peer, study, series, most)
    _say(out, {"objects": [each.uid for each in listed]})
    for each in listed:
        if each.fault is not None:
            yield each
            continue
        try:
            yield Fetched(each.uid, peer.fetch(study, series, each.uid))
        except PacsError as error:
            yield Fetched(each.uid, fault=error.fault)


def _stored(peer: Peer, path: str, media_type: str, labels: dict[str, Any]) -> Reply:
    """Make a recording an object, and hand it over."""
    from ml.pacs.objects import object_of  # noqa: PLC0415 - nothing else needs pictures

    return peer.store(object_of(Path(path), media_type, Labels(**labels)))


def _criteria(given: dict[str, Any]) -> Criteria:
    days = {name: date.fromisoformat(given[name]) if given[name] else None for name in ("since", "until")}
    return Criteria(Modality(given["modality"]), **days, description=given["description"])


def _say(out: socket.socket, line: dict[str, Any], data: bytes = b"") -> None:
    out.sendall(json.dumps(line).encode() + b"\n")
    out.sendall(data)


def _limit(asking: IO[bytes]) -> None:
    """Keep to limits of the kernel's, and end when whoever asks is gone."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_until_alone, args=(asking,), daemon=True).start()


def _until_alone(asking: IO[bytes]) -> None:
    try:
        asking.read()
    finally:
        os._exit(1)


def main() -> None:
    """Read the question and answer it."""
    out = socket.socket(fileno=int(sys.argv[1]))
    asking = out.makefile("rb")
    question = json.loads(asking.readline())
    _limit(asking)
    try:
        _say(out, {"ready": True})
        try:
            answer(question, out)
        except (OSError, ValueError, MemoryError):  # a key file, a certificate, or far too much
            _say(out, {"fault": PacsFault.FAILED.value})
    except BrokenPipeError:  # whoever asked is gone
        os._exit(1)
    out.shutdown(socket.SHUT_WR)
    os._exit(0)  # a talk that hangs keeps no thread of it waiting


if __name__ == "__main__":
    main()
