"""XML of strangers: elements, attributes and text; no entities, nothing fetched, bounded size and depth."""

import re
import warnings
from base64 import b64decode
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np
import numpy.typing as npt

from ml.ecg.decoded import DecodeError, DecodeFailure

MAX_XML_BYTES = 40_000_000
_DEEPEST = 100
_MOST_ELEMENTS = 200_000
_PIECE = 1 << 16
_LONGEST_TAG = 1 << 20
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_FIRST_TAG = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?([A-Za-z][\w.-]*)")


def root_name(head: bytes) -> str:
    """Return the first element's name from a file's first bytes, whatever its encoding; empty for no XML."""
    text = head.replace(b"\0", b"")
    if b"<" not in text[:16]:
        return ""
    match = _FIRST_TAG.search(_COMMENT.sub(b"", text))
    return match[1].decode() if match else ""


def parse(path: Path) -> Element:
    """Parse a document to elements named without their namespace.

    Raises
    ------
    DecodeError
        UNSAFE when it declares an entity, or is nested, split or extended beyond reason, TOO_LARGE beyond
        `MAX_XML_BYTES`, DAMAGED when it is not well-formed.
    """
    if path.stat().st_size > MAX_XML_BYTES:
        raise DecodeError(DecodeFailure.TOO_LARGE)
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.builder.data
    parser.EntityDeclHandler = _refuse
    try:
        _feed(parser, path)
    except expat.ExpatError:
        raise DecodeError(DecodeFailure.DAMAGED) from None
    return tree.builder.close()


def _feed(parser: expat.XMLParserType, path: Path) -> None:
    """Parse piece by piece, and no tag or comment so long that it alone costs seconds."""
    fed = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            parser.Parse(piece)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > _LONGEST_TAG:
                raise DecodeError(DecodeFailure.UNSAFE)
    parser.Parse(b"", True)  # noqa: FBT003 - expat takes no keywords


def text_of(element: Element, name: str) -> str:
    """Return the text of the first descendant of a name; raise LookupError when there is none."""
    found = next(element.iter(name), None)
    if found is None:
        raise LookupError(name)
    return (found.text or "").strip()


def bytes_of(text: str | None) -> bytes:
    """Return what Base64 text stands for."""
    return b64decode("".join((text or "").split()), validate=True)


def numbers_of(text: str | None) -> npt.NDArray[np.float64]:
    """Return numbers written one after another; raise an error when something else is among them."""
    with warnings.catch_warnings(action="error"):  # it would stop there with a warning
        return np.fromstring(text or "", np.float64, sep=" ")


class _Tree:
    """Builds the elements and counts them."""

    def __init__(self) -> None:
        self.builder = TreeBuilder()
        self._depth = 0
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS:
            raise DecodeError(DecodeFailure.UNSAFE)
        self.builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        self._depth -= 1
        self.builder.end(_local(name))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _refuse(*_: object) -> None:
    raise DecodeError(DecodeFailure.UNSAFE)
