"""What a text about an ECG says, once read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Language = Literal["fr", "en"]
LanguageHint = Literal["auto", "fr", "en"]


class Polarity(StrEnum):
    """Whether the text affirms a concept or denies it."""

    PRESENT = "present"
    ABSENT = "absent"


class Certainty(StrEnum):
    """How firmly the writer holds a claim; a rejected one was considered, then dismissed."""

    ASSERTED = "asserted"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    REJECTED = "rejected"


class Expression(StrEnum):
    """How the claim was put: by its name, in other words, or only through its signs."""

    EXPLICIT = "explicit"
    PARAPHRASED = "paraphrased"
    IMPLIED = "implied"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of characters of the text as it was given: `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One concept a text affirms or denies.

    Attributes
    ----------
    concept
        Identifier in the ontology the text was read with.
    confidence
        How sure the reader is that the text says this, 0-100. It says nothing of whether the ECG shows it.
    spans
        Where the text says it, in text order; empty only for a concept picked from a list.
    method
        Which rule found it: `exact`, `typo`, `order`, `list`, `combined`, `measured`, `picked`, `model`.
    """

    concept: str
    polarity: Polarity
    certainty: Certainty
    expression: Expression
    confidence: float
    spans: tuple[Span, ...]
    method: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number the text gives for a named quantity.

    Attributes
    ----------
    name
        `rate` (ventricular), `atrial_rate`, `pr`, `qrs`, `qt`, `qtc`, `axis`, `sokolow` or `p_duration`.
    value
        In `unit`; the nearer bound when the text gives a bound or a range.
    unit
        `/min`, `ms`, `°` or `mm`; seconds and centimetres are converted.
    """

    name: str
    value: float
    unit: str
    span: Span


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything read from one text.

    Attributes
    ----------
    claims
        In text order, at most one for each concept and polarity.
    unresolved
        Stretches of the text in which nothing was recognised.
    source
        Version of the matcher that made it, so that a stored reading can be explained later.
    """

    claims: tuple[Claim, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    unresolved: tuple[Span, ...] = ()
    source: str = ""
