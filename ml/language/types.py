"""What a text about an ECG says, once read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Language = Literal["fr", "en"]
LanguageHint = Literal["auto", "fr", "en"]
Sex = Literal["female", "male"]


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


FIRMNESS = {
    Certainty.REJECTED: 0,
    Certainty.POSSIBLE: 1,
    Certainty.PROBABLE: 2,
    Certainty.ASSERTED: 3,
}
"""How firmly each is held, in order."""


class Expression(StrEnum):
    """How the claim was put: by its name, in other words, or only through its signs."""

    EXPLICIT = "explicit"
    PARAPHRASED = "paraphrased"
    IMPLIED = "implied"


class FindingKind(StrEnum):
    """What does not hold together in a text, or how it weighs diagnoses.

    A `contradiction` is between two conclusions, an `internal_error` between a conclusion and a sign; a
    `polarity_conflict` affirms and denies one thing; in a `measurement_conflict` a number means something
    else than the words beside it. An `unsupported_diagnosis` is a grave one with no sign given for it. A
    `ranked_differential` says which of several diagnoses is likelier, a `hedged_differential` leaves it open.
    """

    CONTRADICTION = "contradiction"
    POLARITY_CONFLICT = "polarity_conflict"
    MEASUREMENT_CONFLICT = "measurement_conflict"
    INTERNAL_ERROR = "internal_error"
    UNSUPPORTED_DIAGNOSIS = "unsupported_diagnosis"
    RANKED_DIFFERENTIAL = "ranked_differential"
    HEDGED_DIFFERENTIAL = "hedged_differential"


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
        Which rule found it: `exact`, `typo`, `order`, `list`, `combined`, `measured`, `paraphrase`,
        `implied`, `picked`, `model`.
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
        `rate` (ventricular), `atrial_rate`, `pr`, `qrs`, `qt`, `qtc`, `axis`, `sokolow`, `p_duration`,
        `cornell`, `pause` or `st` (how far the segment is shifted).
    value
        In `unit`; the nearer bound when the text gives a bound or a range.
    unit
        `/min`, `ms`, `°` or `mm`; seconds and centimetres are converted.
    meaning
        The concept whose range the value lies in; None where it means nothing by itself.
    agrees
        Whether the words of its sentence call the value what it means; None where they call it nothing.
    """

    name: str
    value: float
    unit: str
    span: Span
    meaning: str | None = None
    agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the text as a whole: which concepts it involves, and where."""

    kind: FindingKind
    concepts: tuple[str, ...]
    spans: tuple[Span, ...]


class Fallback(StrEnum):
    """Why a language model had no part in a reading it was to help with.

    It is `not_asked` where the reading could not wait for it, as within a transaction.
    """

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    NOT_ASKED = "not_asked"
    OVER_BUDGET = "over_budget"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A concept the rules and a language model read differently.

    Attributes
    ----------
    rules, model
        The polarity each reads; None for who does not read it.
    sentence
        The sentence it is about, names and identifiers masked.
    """

    concept: str
    rules: Polarity | None
    model: Polarity | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Consultation:
    """What came of asking a language model.

    Attributes
    ----------
    fallback
        Why the reading is the rules' alone; None when the model answered.
    microeuros
        What the answer cost, in millionths of a euro.
    dropped
        How many of its claims were refused: concepts it was not offered, words that are not in the text.
    """

    fallback: Fallback | None = None
    microeuros: int = 0
    dropped: int = 0
    disputes: tuple[Dispute, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything read from one text.

    Attributes
    ----------
    claims
        What is stated, in text order, then what follows from it (`implied`); at most one for each concept and
        polarity.
    findings
        What does not hold together, gravest first.
    unresolved
        Stretches of the text in which nothing was recognised.
    source
        Version of the matcher that made it, so that a stored reading can be explained later.
    consultation
        What came of asking a language model; None where none was asked.
    """

    claims: tuple[Claim, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[Finding, ...] = ()
    unresolved: tuple[Span, ...] = ()
    source: str = ""
    consultation: Consultation | None = None
