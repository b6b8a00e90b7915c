"""What a version has learnt from, kept with it, so that it is never judged on that.

`learnt.json` of an artefact has a fingerprint of every recording or visit that the version learnt from, was
calibrated on or was chosen by: 64 bits of a SHA-256, which tell the same again and give nothing away. Of
versions that shipped before it was kept it lies in `ml/pretrained/learnt/`, under their digests.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from ml.registry.artefact import Artefact
from ml.registry.manifest import ArtefactError
from ml.registry.shipped import PRETRAINED

LEARNT = "learnt.json"


def fingerprint(data: bytes) -> str:
    """Return what tells some data again."""
    return hashlib.sha256(data).hexdigest()[:16]


def of_record(signals: Path) -> str:
    """Return the fingerprint of a record, by the file of its signals."""
    return fingerprint(signals.read_bytes())


def write_learnt(fingerprints: Iterable[str]) -> bytes:
    """Return the file."""
    return (json.dumps({"learnt": sorted(set(fingerprints))}, separators=(",", ":")) + "\n").encode()


def learnt(artefact: Artefact, pretrained: Path = PRETRAINED) -> frozenset[str] | None:
    """Return what a version has learnt from; None where nobody kept it.

    Raises
    ------
    ArtefactError
        When the file is none.
    """
    if LEARNT in artefact.manifest.files:
        return _read(artefact.read(LEARNT))
    shipped = pretrained / "learnt" / f"{artefact.digest}.json"
    return _read(shipped.read_bytes()) if shipped.exists() else None


def _read(data: bytes) -> frozenset[str]:
    try:
        return frozenset(str(each) for each in json.loads(data)["learnt"])
    except (ValueError, LookupError, TypeError) as error:
        raise ArtefactError(f"{LEARNT} names nothing that was learnt from ({error})") from error
