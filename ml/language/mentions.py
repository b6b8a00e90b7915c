"""Places in a text that speak of a concept, before it is known whether the text affirms it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from ml.language.tokens import Token
from ml.language.types import Span


@dataclass(frozen=True, slots=True)
class Mention:
    """One place that speaks of a concept.

    Attributes
    ----------
    tokens
        The tokens it is made of, in order; never empty.
    denied
        Whether a negation stands inside its name.
    like
        Tokens of the list neighbour that lends it a word, and with it the neighbour's negation and doubt.
    leads
        Whether it is a group of leads, which says something only about a finding.
    shows
        Whether the name of a diagnosis spells one of its signs out (`SCA avec sus-décalage`).
    """

    concept: str
    tokens: tuple[int, ...]
    spans: tuple[Span, ...]
    method: str
    confidence: float
    denied: bool = False
    like: tuple[int, ...] | None = None
    leads: bool = False
    shows: bool = False


def tokens_within(tokens: Sequence[Token], span: Span) -> tuple[int, ...]:
    """Return the words inside a stretch of the text."""
    first = bisect_left(tokens, span.start, key=lambda token: token.start)
    last = bisect_left(tokens, span.end, key=lambda token: token.start)
    return tuple(
        index for index in range(first, last) if tokens[index].end <= span.end and not tokens[index].mark
    )
