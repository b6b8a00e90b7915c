"""Finding concepts while someone types: by words, their beginnings, and small typos."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from ml.language.normalising import plain

_SMALL_WORDS = frozenset({"de", "du", "des", "d", "l", "la", "le", "les", "of", "the", "a", "an"})


def _words(text: str) -> tuple[str, ...]:
    separated = "".join(each if each.isalnum() or each == "+" else " " for each in plain(text))
    words = separated.split()
    return tuple(word for word in words if word not in _SMALL_WORDS) or tuple(words)


class Completion:
    """An index of names, searched by what has been typed of one.

    Parameters
    ----------
    entries
        Identifier and its names: first those of the preferred language (label first), then the others.
    """

    def __init__(self, entries: Iterable[tuple[str, tuple[Sequence[str], Sequence[str]]]]) -> None:
        self._names: list[tuple[str, tuple[str, ...], int]] = []
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for identifier, (preferred, others) in entries:
            for position, name in enumerate((*preferred, *others)):
                rank = min(position, 1) + (position >= len(preferred))
                self._add(identifier, name, rank)
        self._vocabulary = sorted(self._by_word)
        self._matching = lru_cache(maxsize=1024)(self._find_words)

    def _add(self, identifier: str, name: str, rank: int) -> None:
        words = _words(name)
        for word in words:
            self._by_word[word].add(len(self._names))
        self._names.append((identifier, words, rank))

    def search(self, text: str, limit: int) -> list[str]:
        """Return at most `limit` identifiers having a name with every typed word, best first."""
        typed = _words(text[:200])[:12]
        if not typed or limit < 1:
            return []
        found: dict[int, float] = {}
        for position, word in enumerate(typed):
            costs = self._matching(word)
            reached = {name: cost for match, cost in costs for name in self._by_word[match]}
            for match, cost in reversed(costs):
                reached.update(dict.fromkeys(self._by_word[match], cost))
            kept = reached.keys() if position == 0 else found.keys() & reached.keys()
            found = {name: found.get(name, 0.0) + reached[name] for name in kept}
        best: dict[str, tuple[float, ...]] = {}
        for name, cost in found.items():
            identifier, words, rank = self._names[name]
            score = (cost + 0.3 * max(0, len(words) - len(typed)) + 0.2 * rank, len(words), name)
            best[identifier] = min(best.get(identifier, score), score)
        return sorted(best, key=lambda identifier: best[identifier])[:limit]

    def _find_words(self, typed: str) -> tuple[tuple[str, float], ...]:
        """Return the indexed words `typed` may be the beginning or a misspelling of, cheapest first."""
        exact = [(word, 0.0 if word == typed else 0.5) for word in self._vocabulary if word.startswith(typed)]
        if exact or len(typed) < 4:
            return tuple(sorted(exact, key=lambda pair: (pair[1], pair[0])))
        allowed = 1 if len(typed) < 7 else 2
        whole = process.extract(
            typed, self._vocabulary, scorer=OSA.distance, score_cutoff=allowed, limit=None
        )
        begun = [
            (word, OSA.distance(typed, word[: len(typed)], score_cutoff=allowed)) for word in self._vocabulary
        ]
        costs = {word: float(distance) for word, distance in begun if distance <= allowed}
        costs |= {word: float(distance) for word, distance, _ in whole}
        return tuple(sorted(((word, 1.0 + cost) for word, cost in costs.items()), key=lambda p: (p[1], p[0])))
