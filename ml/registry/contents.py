"""What files a sealed folder may hold: nothing that runs code when it is read."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from ml.registry.manifest import MANIFEST, ArtefactError, FileEntry

CARD = "card.md"
GRAPH = "model.onnx"
KERAS = "model.keras"
EXAMPLES = "examples.npz"
REFERENCE = "reference.json"

MAX_FILES = 16
MAX_FILE = 64 * 1024 * 1024
MAX_JSON = 8 * 1024 * 1024

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\.[a-z0-9]{1,8}")
_KERAS_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_CODE = {
    "Lambda",
    "__lambda__",
    "function",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "TFSMLayer",
}


def check_names(entries: Mapping[str, FileEntry]) -> None:
    """Refuse names that lead elsewhere, kinds that are not listed, and too much of either.

    Raises
    ------
    ArtefactError
        When there is one; it is named.
    """
    if len(entries) > MAX_FILES:
        raise ArtefactError(f"{len(entries)} files, more than {MAX_FILES}")
    for name, entry in entries.items():
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise ArtefactError(f"{name!r} is no name of a file here")
        if _ending(name) not in _KINDS:
            raise ArtefactError(f"{name}: files of this kind are refused")
        if not 0 < entry.size <= MAX_FILE:
            raise ArtefactError(f"{name}: {entry.size} bytes")


def check_contents(name: str, data: bytes) -> None:
    """Refuse a file that is not what its name says, or that holds what would run.

    Raises
    ------
    ArtefactError
        When it is refused.
    """
    _KINDS[_ending(name)](name, data)


def _ending(name: str) -> str:
    return name.rpartition(".")[2]


def _text(name: str, data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise ArtefactError(f"{name}: not a text") from error


def _json(name: str, data: bytes) -> None:
    """Refuse what is not one object of JSON, strictly read: no NaN, no name twice, nothing too deep."""
    if len(data) > MAX_JSON:
        raise ArtefactError(f"{name}: {len(data)} bytes of JSON, more than {MAX_JSON}")
    try:
        document = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{name}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise ArtefactError(f"{name}: not an object of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in an object")
    return found


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _onnx(name: str, data: bytes) -> None:
    # A ModelProto begins with its version. Weights kept outside of it are refused as it is loaded.
    if data[:1] != b"\x08":
        raise ArtefactError(f"{name}: not an ONNX graph")


def _npz(name: str, data: bytes) -> None:
    for member, content in _members(name, data):
        if not member.endswith(".npy") or not content.startswith(b"\x93NUMPY") or b"|O" in content[:128]:
            raise ArtefactError(f"{name}: {member} is not an array of numbers")


def _keras(name: str, data: bytes) -> None:
    members = dict(_members(name, data))
    if set(members) != _KERAS_MEMBERS:
        raise ArtefactError(f"{name}: not a Keras model alone ({', '.join(sorted(members))})")
    try:
        _check_layers(name, json.loads(members["config.json"]))
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{name}: config.json cannot be read") from error


def _check_layers(name: str, part: Any) -> None:
    """Refuse anything in a model's configuration that is not Keras' own, or that carries code."""
    if isinstance(part, dict):
        kind, module = part.get("class_name"), part.get("module")
        foreign = isinstance(module, str) and not f"{module}.".startswith("keras.")
        if kind in _CODE or foreign:
            raise ArtefactError(f"{name}: {module or ''} {kind or ''} is refused: it may carry code")
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            _check_layers(name, each)


def _members(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive, refusing what grows too large and names that appear twice."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            if len({entry.filename for entry in entries}) != len(entries) or len(entries) > MAX_FILES:
                raise ArtefactError(f"{name}: its archive has too many members")
            if sum(entry.file_size for entry in entries) > MAX_FILE:
                raise ArtefactError(f"{name}: its archive is too large")
            for entry in entries:
                yield entry.filename, archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        if isinstance(error, ArtefactError):
            raise
        raise ArtefactError(f"{name}: not an archive") from error


_KINDS: Mapping[str, Callable[[str, bytes], None]] = {
    "md": _text,
    "json": _json,
    "onnx": _onnx,
    "npz": _npz,
    "keras": _keras,
}
