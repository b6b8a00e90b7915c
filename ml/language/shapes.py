"""Waves told by their shape in certain leads: `onde S large et traînante en DI, aVL et V6`.

`data/shapes.json` gives, by concept, names of its wave, adjectives and leads. It is stated where one of its
adjectives stands by the wave and one of its leads follows, whatever else is said of either.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.language.lexicon import WAVES
from ml.language.mentions import Mention
from ml.language.ontology import Ontology
from ml.language.tokens import Token, tokenise
from ml.language.types import Span
from ml.language.vocabulary import JOINTS, SKIPPED

_REACH_AFTER = 12
_REACH_BEFORE = 3
_CONFIDENCE = 91.0
_TURNS = frozenset({".", ";", "\n", ":", "?", "=>", "(", "avec", "with", "puis", "then", "mai", "but"})
_WITHOUT = frozenset({"san", "no", "without"})  # `R large sans onde q en DI` is still about the R
_INTO_LEADS = frozenset({"en", "in", "dan", "sur", "de", "au", "niveau", "lead", "derivation", "across"})


@dataclass(frozen=True, slots=True)
class _Shape:
    concept: str
    waves: frozenset[str]
    shapes: frozenset[str]
    leads: frozenset[str]


def _keys(words: Sequence[str]) -> frozenset[str]:
    return frozenset(token.key for word in words for token in tokenise(word))


_SHAPES = tuple(
    _Shape(concept, *(_keys(told[each]) for each in ("waves", "shapes", "leads")))
    for concept, told in json.loads(
        (Path(__file__).parent / "data" / "shapes.json").read_text(encoding="utf-8")
    ).items()
)


class Shapes:
    """The shapes of the concepts an ontology has."""

    def __init__(self, ontology: Ontology) -> None:
        self._shapes = [each for each in _SHAPES if each.concept in ontology]
        self._waves = frozenset(wave for each in self._shapes for wave in each.waves)

    def found(self, tokens: Sequence[Token]) -> Iterator[Mention]:
        """Yield a mention for each wave that has the shape and the leads of a concept."""
        for place, token in enumerate(tokens):
            if token.key not in self._waves:
                continue
            before, after = _before(tokens, place), _after(tokens, place)
            for shape in self._shapes:
                told = [index for index in (*before, *after) if tokens[index].key in shape.shapes]
                leads = [index for index in after if tokens[index].key in shape.leads]
                if token.key in shape.waves and told and leads:
                    used = tuple(sorted({place, *told, leads[0]}))
                    span = Span(tokens[used[0]].start, tokens[used[-1]].end)
                    yield Mention(shape.concept, used, (span,), "combined", _CONFIDENCE)


def _before(tokens: Sequence[Token], place: int) -> list[int]:
    """Return the words right before a wave that can only belong to it: `grande et large | onde R`."""
    first = place
    while first > max(0, place - _REACH_BEFORE) and not tokens[first - 1].mark and not tokens[first - 1].lead:
        first -= 1
    return list(range(first, place))


def _after(tokens: Sequence[Token], place: int) -> list[int]:
    """Return the words after a wave, as far as its leads go."""
    found: list[int] = []
    led = False
    for index in range(place + 1, min(len(tokens), place + 1 + _REACH_AFTER)):
        token = tokens[index]
        denied = tokens[index - 1].key in _WITHOUT or tokens[index - 2].key in _WITHOUT
        over = token.key in _TURNS or (token.key in WAVES and not denied)
        if over or (led and not token.lead and token.key not in JOINTS | SKIPPED | _INTO_LEADS):
            break
        led = led or token.lead
        found.append(index)
    return found
