"""Finding the words that deny, doubt or dismiss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ml.language.normalising import Folded
from ml.language.tokens import tokenise
from ml.language.vocabulary import COMPARISONS, CUES_AFTER, CUES_BEFORE


class Stance(StrEnum):
    """What a cue makes of the name it governs.

    `limited` states it with exceptions (`hormis`), `remote` speaks of a risk or an indication rather than of
    the tracing, and `neutral` looks like a negation and is none (`pas seulement`).
    """

    DENIED = "denied"
    REJECTED = "rejected"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    REMOTE = "remote"
    LIMITED = "limited"
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
            if cue is not None:
                found.append(cue)
            index = cue.last + 1 if cue is not None else index + 1
        return found

    def _at(self, keys: Sequence[str], index: int) -> Iterator[Cue]:
        for phrase, stance in self._by_first.get(keys[index], ()):
            if tuple(keys[index : index + len(phrase)]) == phrase:
                yield Cue(stance, index, index + len(phrase) - 1)


BEFORE = CueTable(CUES_BEFORE)
AFTER = CueTable(CUES_AFTER)


def compares(folded: Folded) -> bool:
    """Say whether a text weighs one thing against another: `plutôt que`, `moins probable`."""
    return any(comparison in folded.text for comparison in COMPARISONS)
