"""Finding the words that deny, doubt or dismiss."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ml.language.normalising import Folded, stem
from ml.language.tokens import tokenise
from ml.language.types import Finding, Span
from ml.language.vocabulary import (
    ADVERBS,
    CHANGES,
    CHOICES,
    COMPARISONS,
    CUES_AFTER,
    CUES_BEFORE,
    FOREMOST,
    INSERTED,
    LEFT_OPEN,
    PREFERENCES,
)


class Stance(StrEnum):
    """What a cue makes of the name it governs.

    `seeming` takes it for what it looks like, which a `mais` right after it takes back; `likeness` compares,
    which is doubt unless what follows is a tale (`on dirait`);
    `limited` states it with exceptions (`hormis`), `harmless` as of no consequence (`physiologique`);
    `remote` speaks of a risk or an indication rather than of the tracing; `neutral` looks like a negation
    and is none (`pas seulement`).
    """

    DENIED = "denied"
    REJECTED = "rejected"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    SEEMING = "seeming"
    LIKENESS = "likeness"
    REMOTE = "remote"
    LIMITED = "limited"
    HARMLESS = "harmless"
    NEUTRAL = "neutral"

    @property
    def negative(self) -> bool:
        """Whether it turns a claim into its absence."""
        return self in {Stance.DENIED, Stance.REJECTED}


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue phrase, by its first and last token."""

    stance: Stance
    first: int
    last: int


class CueTable:
    """Cue phrases by their first word, the longest first."""

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], Stance]]] = {}
        for stance, listed in phrases.items():
            for phrase in listed:
                keys = tuple(token.key for token in tokenise(phrase))
                self._by_first.setdefault(keys[0], []).append((keys, Stance(stance)))
        for each in self._by_first.values():
            each.sort(key=lambda pair: -len(pair[0]))

    def find(self, keys: Sequence[str], taken: Mapping[int, object]) -> list[Cue]:
        """Return the cues of a text in order, none overlapping, none using a word that a name has taken."""
        found: list[Cue] = []
        index = 0
        while index < len(keys):
            free = (
                cue
                for cue in self._at(keys, index)
                if not any(i in taken for i in range(index, cue.last + 1))
            )
            cue = next(free, None)
            if cue is not None and cue.stance is Stance.POSSIBLE:
                cue = _put_first(cue, keys, taken)
            if cue is not None:
                found.append(cue)
            index = cue.last + 1 if cue is not None else index + 1
        return found

    def _at(self, keys: Sequence[str], index: int) -> Iterator[Cue]:
        for phrase, stance in self._by_first.get(keys[index], ()):
            last = _reached(phrase, keys, index)
            if last is not None:
                yield Cue(stance, index, last)


def _reached(phrase: Sequence[str], keys: Sequence[str], index: int) -> int | None:
    """Return the last token of a phrase that begins at a place, passing over adverbs inside it."""
    for number, key in enumerate(phrase):
        while number and index < len(keys) and keys[index] in INSERTED and key not in INSERTED:
            index += 1
        if index >= len(keys) or keys[index] != key:
            return None
        index += 1
    return index - 1


_FOREMOST = tuple(tuple(token.key for token in tokenise(phrase)) for phrase in FOREMOST)


def _put_first(cue: Cue, keys: Sequence[str], taken: Mapping[int, object]) -> Cue:
    """Take what is possible `above all` as likely, where a name follows: `évoque avant tout une FA`."""
    for phrase in _FOREMOST:
        last = cue.last + len(phrase)
        if tuple(keys[cue.last + 1 : last + 1]) == phrase and any(last + step in taken for step in (1, 2, 3)):
            return Cue(Stance.PROBABLE, cue.first, last)
    return cue


BEFORE = CueTable(CUES_BEFORE)
AFTER = CueTable(CUES_AFTER)


_RATHER = re.compile(
    r"\b(?:plutot|davantage)\b"
    r"(?:[^.;\n]{3,60}\bqu'une?\b|[^,.;\n]{2,60}(?<!\bparce)(?<!puis)(?<!\balors) que\b)"
    r"|\bmore (?:like|of)\b[^.;\n]{3,60}\bthan\b|[a-z)]\s?(?<![=-])>+\s?[a-z]"
)
_CHANGES = re.compile(rf"\b(?:{'|'.join(CHANGES)})\b(?! (?:chaque|each|every)\b)")
_ALTERNATIONS = re.compile(r"\b(?:en )?(?:altern(?!ance electri|ans)\w*|tantot)\b[^.;\n]*")
_NUMBERED = tuple(
    (re.compile(first), least, re.compile(second))
    for first, least, second in (
        (r"(?:^|[,;:.\n])\s*1\s?[).:-]", 3, r"\b2\s?[).:-]"),
        (r"\bn[°o] ?1\b", 1, r"\bn[°o] ?2\b"),
        (
            r"\b(?:diagnostic principal|main diagnosis)\b",
            1,
            r"\bdiagnostics? (?:secondaire|differentiel|alternatif)|\b(?:second|alternative) diagnos",
        ),
        (r"\bfirst(?!\W?(?:-|\s)degree)\b", 3, r"\b(?:second|then)\b(?!\W?degree)"),
        (r"\b(?:d'abord|en premier)\b", 1, r"\b(?:puis|ensuite|en second)\b"),
        (
            r"\b(?:premiere?|1ere?|first) (?:hypothese|diagnostic|choix|choice|hypothesis|diagnosis)\b",
            1,
            r"\b(?:la |le |the )?(?:seconde?|deuxieme|2(?:e|eme|nde?))\b",
        ),
        (
            r"\b(?:most likely|likeliest|plus probable|plus vraisemblable)\b",
            1,
            r"\b(?:then|next|followed by|puis|suivie? de)\b",
        ),
    )
)
"""Diagnoses given one after the other by rank: `1) … 2) …`, `first …, second …`, `d'abord …, ensuite …`.

What opens the first, how many characters it has at least, and what opens the next: apart, since one pattern
of all three would look through the rest of the text from each `1.` of a long list.
"""


@dataclass(frozen=True, slots=True)
class Weighing:
    """How a text sets what it names against each other.

    Attributes
    ----------
    ranked
        Whether it compares: `plutôt que`, `moins probable`.
    chosen
        Whether it numbers its diagnoses, or says which it chooses.
    left_open
        Whether it says that something is not excluded.
    changes
        Where it passes from one moment or tracing to another: `puis`, `actuellement`.
    alternations
        Stretches of the text, to the end of their sentence, in which several things take turns.
    """

    ranked: bool
    chosen: bool
    left_open: bool
    changes: tuple[int, ...] = ()
    alternations: tuple[Span, ...] = ()

    def parts(self, finding: Finding) -> bool:
        """Say whether a change lies between the stretches that a finding sets against each other."""
        first, last = finding.spans[0].end, finding.spans[-1].start
        taking_turns = any(
            each.start <= finding.spans[0].start and last < each.end for each in self.alternations
        )
        return taking_turns or any(first <= place < last for place in self.changes)


def weighing_of(folded: Folded) -> Weighing:
    """Return how a text weighs what it names."""
    text = " ".join(word for word in folded.text.split() if stem(word) not in ADVERBS)
    return Weighing(
        ranked=(
            _has(text, COMPARISONS)
            or bool(_RATHER.search(text))
            or (_has(text, PREFERENCES) and not _has(text, LEFT_OPEN))
        ),
        chosen=_numbered(text) or _has(text, CHOICES),
        left_open=_has(text, LEFT_OPEN),
        changes=tuple(folded.origin[found.start()] for found in _CHANGES.finditer(folded.text)),
        alternations=tuple(
            Span(folded.origin[found.start()], folded.origin[found.end() - 1] + 1)
            for found in _ALTERNATIONS.finditer(folded.text)
        ),
    )


def _has(text: str, phrases: Iterable[str]) -> bool:
    return any(phrase in text for phrase in phrases)


def _numbered(text: str) -> bool:
    return any(
        (found := first.search(text)) and second.search(text, found.end() + least)
        for first, least, second in _NUMBERED
    )
