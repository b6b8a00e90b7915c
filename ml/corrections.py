"""What readers said models should have answered, as a file of JSON lines, settled to one label an input.

A line is an opinion in force: `family`, `reader` (who is named without being told), `label`, and what it is
about. The product writes it (`python -m server feedback corrections`); nothing here knows its database. Each
family says what an input is: two opinions on the same input are on the same question. A line whose label is
null is an opinion that tells nothing to learn: it is counted, and that is all.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from ml.registry.manifest import Json

T = TypeVar("T")
SIGNALS, VOLUMES = "signals", "volumes"
"""Folders beside the file, in which what it is about lies by its key: recordings; images and label maps."""
MOST_WEIGHT = 3
"""However many agree: else a few inputs that everybody has seen would count for all others."""
MIN_FEEDBACK = 50


class CorrectionsError(OSError):
    """A file that holds no corrections, or too few; the message says why."""


class TooFewOpinionsError(CorrectionsError):
    """A sound file with fewer opinions than are asked for."""


@dataclass(frozen=True)
class Opinion(Generic[T]):
    """What one line says.

    Parameters
    ----------
    input
        Names what it is about.
    about
        That itself, as the family learns from it.
    """

    input: str
    about: T
    label: str


@dataclass(frozen=True)
class Settled(Generic[T]):
    """An input whose label more than half of its readers agree on.

    `weight` is how many more they are than the others, `MOST_WEIGHT` at most.
    """

    input: str
    about: T
    label: str
    weight: int


@dataclass(frozen=True)
class Corrections(Generic[T]):
    """What is learnt from.

    Parameters
    ----------
    opinions
        Of one reader on one input each, the last one where somebody has several.
    tied
        Inputs that are left out, since no label has more than half of the readers.
    sha256
        Of the file; empty without one.
    unusable
        Opinions that told nothing to learn.
    """

    settled: tuple[Settled[T], ...] = ()
    opinions: int = 0
    tied: int = 0
    sha256: str = ""
    unusable: int = 0

    def lineage(self, parent: str) -> dict[str, Json]:
        """Return what a version's settings, and so MLflow, say of them; nothing without a file.

        Parameters
        ----------
        parent
            The version that the new one is to be compared with.
        """
        if not self.sha256:
            return {}
        return {
            "feedback_hash": self.sha256,
            "feedback_opinions": self.opinions,
            "feedback_inputs": len(self.settled),
            "feedback_undecided": self.tied,
            "feedback_unusable": self.unusable,
            "parent_version": parent,
        }

    def text(self) -> str:
        """Return what a card says of them; empty without a file."""
        if not self.sha256:
            return ""
        return (
            f"\nIt also learnt from {len(self.settled):,} inputs that readers of this site confirmed or "
            f"corrected\n({self.opinions:,} opinions; {self.tied:,} inputs without a majority are left out). "
            "No figure below is of these."
        )

    def without(self, inputs: frozenset[str]) -> "Corrections[T]":
        """Return them without inputs whose label is known otherwise."""
        kept = tuple(each for each in self.settled if each.input not in inputs)
        return replace(self, settled=kept)


def read_corrections(
    path: Path,
    family: str,
    read: Callable[[Mapping[str, Any]], Opinion[T] | None],
    at_least: int = MIN_FEEDBACK,
) -> Corrections[T]:
    """Return the corrections of a file.

    Parameters
    ----------
    read
        Makes an opinion of a line's document, None of one that tells nothing to learn; what it raises of a
        wrong value is told with the line.

    Raises
    ------
    CorrectionsError
        When a line is none, or there are too few opinions (`TooFewOpinionsError`); lines of another family
        do not count.
    """
    content = path.read_bytes()
    by_input: dict[str, dict[str, Opinion[T]]] = {}
    unusable = 0
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            document = json.loads(line)
            if document["family"] != family:
                continue
            opinion = None if document["label"] is None else read(document)
            if opinion is None:
                unusable += 1
            else:
                by_input.setdefault(opinion.input, {})[str(document["reader"])] = opinion
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorrectionsError(f"{path}:{number}: {error!r}") from error
    opinions = sum(len(readers) for readers in by_input.values())
    if opinions < at_least:
        raise TooFewOpinionsError(f"{path}: {opinions} opinions, at least {at_least} are needed")
    settled = [each for readers in by_input.values() if (each := _settled([*readers.values()]))]
    digest = hashlib.sha256(content).hexdigest()
    return Corrections(tuple(settled), opinions, len(by_input) - len(settled), digest, unusable)


def _settled(opinions: list[Opinion[T]]) -> Settled[T] | None:
    (label, agreeing), *_ = Counter(each.label for each in opinions).most_common()
    margin = 2 * agreeing - len(opinions)
    if margin <= 0:
        return None
    first = next(each for each in opinions if each.label == label)
    return Settled(first.input, first.about, label, min(margin, MOST_WEIGHT))
