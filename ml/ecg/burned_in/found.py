"""Where text in a picture may identify somebody. Light: no numpy, no Pillow; and never a word of the text."""

from dataclasses import dataclass
from enum import Enum, StrEnum

SEARCH_S = 60.0
"""Seconds on the clock that looking for text in a page may take, beside much else that goes on; of processor
time the program that reads has far less."""


class TextKind(StrEnum):
    """What a text looks like; what is not known to be harmless is at least `UNKNOWN`."""

    NAME = "name"
    DATE = "date"
    IDENTIFIER = "identifier"
    CONTACT = "contact"
    PLACE = "place"
    UNKNOWN = "unknown"


class Search(Enum):
    """How looking for text went."""

    DONE = "done"
    NOT_INSTALLED = "not_installed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, in shares of its width and height, and what the text in it looks like."""

    kind: TextKind
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a picture; without a search that is done, nothing is known of it."""

    search: Search
    regions: tuple[Region, ...] = ()

    @property
    def clear(self) -> bool:
        """Return whether the picture was looked at and nothing in it looks as if it named anybody."""
        return self.search is Search.DONE and not self.regions
