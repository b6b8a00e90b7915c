"""What a grade is made of; the rules that make one are in `ml.language.grading`."""

from dataclasses import dataclass
from enum import StrEnum

from ml.language.judging import Judgment
from ml.language.types import Finding, Span

GRADER_VERSION = "4"


class Role(StrEnum):
    """Whether an item counts in the mark or only describes the tracing."""

    SCORED = "scored"
    DESCRIPTIVE = "descriptive"


class Verdict(StrEnum):
    """What became of a key item."""

    FOUND = "found"
    PARTIAL = "partial"
    MISSED = "missed"
    CONTRADICTED = "contradicted"


class Reason(StrEnum):
    """Why an item got its verdict, or a claim is wrong."""

    EXACT = "exact"
    MORE_SPECIFIC = "more_specific"
    MORE_GENERAL = "more_general"
    HEDGED = "hedged"
    IMPLIED = "implied"
    NOT_STATED = "not_stated"
    DENIED = "denied"
    EXCLUDED = "excluded"
    OTHER_TERRITORY = "other_territory"
    RULED = "ruled"


@dataclass(frozen=True, slots=True)
class KeyItem:
    """One thing the teacher expects.

    Attributes
    ----------
    coefficient
        Its weight among the scored items, 0.5 to 1.0.
    """

    concept: str
    coefficient: float = 1.0
    role: Role = Role.SCORED

    def __post_init__(self) -> None:
        if not 0.5 <= self.coefficient <= 1.0:
            raise ValueError(
                f"the coefficient of {self.concept} is {self.coefficient}, not within 0.5 and 1.0"
            )


@dataclass(frozen=True, slots=True)
class Because:
    """The ground of a verdict: a reason, and the claimed concept it rests on, if any."""

    reason: Reason
    concept: str | None = None


@dataclass(frozen=True, slots=True)
class GradedItem:
    """A key item with what the answer earned for it; `spans` is the text that decided."""

    concept: str
    verdict: Verdict
    credit: float
    coefficient: float
    role: Role
    spans: tuple[Span, ...]
    because: Because


@dataclass(frozen=True, slots=True)
class WrongClaim:
    """A claim that cannot be true beside the key; `because.concept` is the key item it goes against."""

    concept: str
    spans: tuple[Span, ...]
    because: Because


@dataclass(frozen=True, slots=True)
class Grade:
    """The mark out of 100 and everything it rests on.

    Attributes
    ----------
    score
        0-100, rounded to one decimal; None where the key has no scored item.
    items
        One for each item of the key, in its order.
    supplementary
        Identifiers affirmed beyond the key, without effect on the mark.
    judgment
        How the answer stands to the scored items as a whole; where the key has none, what is wrong with it
        by itself, or None.
    findings
        What does not hold together in the answer by itself.
    """

    score: float | None
    items: tuple[GradedItem, ...]
    wrong: tuple[WrongClaim, ...]
    supplementary: tuple[str, ...]
    judgment: Judgment | None = None
    findings: tuple[Finding, ...] = ()
    grader_version: str = GRADER_VERSION
