"""From why a patient comes, in free French or English, to a row of the scale, or to none.

`data/complaints.json` names concepts with the words for them in both languages (`saign*` is every word
that begins so), and for each complaint the sets of concepts that amount to it. A text is the complaint
whose set it holds whole; of several, the one whose concepts say the most, rare ones more than common ones.
What is denied or lies in the past is passed over.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from rapidfuzz import fuzz, process

from ml.language.normalising import plain, stem

_DOUBLE = re.compile(r"([a-z])\1")
_DECIMAL = re.compile(r"(?<=[0-9])[.,](?=[0-9])")
_SENTENCE = re.compile(r"[;\n]|(?<=\w{5}[.!?])\s+(?=[A-ZÀ-Ý])")
_PASSED_OVER = frozenset(
    [
        "a",
        "ai",
        "as",
        "ont",
        "est",
        "de",
        "d",
        "du",
        "des",
        "la",
        "le",
        "les",
        "l",
        "un",
        "une",
        "en",
        "et",
        "the",
        "of",
        "an",
        "in",
        "on",
        "at",
        "to",
        "au",
        "aux",
        "son",
        "ses",
        "mon",
        "ma",
        "mes",
        "il",
        "elle",
        "qui",
        "s",
        "se",
        "avec",
        "chez",
        "tres",
        "plusieurs",
        "with",
        "and",
        "is",
        "my",
        "his",
        "her",
    ]
)
_CLAUSE_END = frozenset(",.:()")
_REACH = 4
"""How many words a denial reaches."""
_LATER = 0.8
"""What a sentence after the first is worth: people begin with why they come."""
_SHORTEST_MISSPELT = 6
_SIMILAR = 86.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A complaint that a text may state."""

    complaint: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """What a text states: the candidates, the best first; none where nothing is recognised."""

    candidates: tuple[Candidate, ...]
    concepts: frozenset[str]

    @property
    def complaint(self) -> str | None:
        """The best candidate's complaint."""
        return self.candidates[0].complaint if self.candidates else None


class Vocabulary:
    """The words and sets of concepts, indexed; checked when built.

    Raises
    ------
    ValueError
        When a set names a concept that has no words, or two complaints share one.
    """

    def __init__(self, words: Mapping[str, list[str]], complaints: Mapping[str, list[str]]) -> None:
        self._forms: dict[tuple[str, ...], set[str]] = {}
        faults = [
            f"{concept}: '{form}' has no words"
            for concept, forms in words.items()
            for form in forms
            if not _key(form)
        ]
        for concept, forms in words.items():
            for form in filter(_key, forms):
                self._forms.setdefault(_key(form), set()).add(concept)
        self._starts: dict[str, list[tuple[str, ...]]] = {}
        for key in sorted(self._forms, key=len, reverse=True):
            self._starts.setdefault(key[0], []).append(key)
        self._spelling = sorted(
            {key[0] for key in self._forms if len(key) == 1 and len(key[0]) >= _SHORTEST_MISSPELT}
        )
        patterns = [
            (complaint, frozenset(pattern.split()))
            for complaint, all_ in complaints.items()
            for pattern in all_
        ]
        faults += [
            f"{complaint}: no words for {concept}"
            for complaint, pattern in patterns
            for concept in sorted(pattern - words.keys())
        ]
        shared = Counter(pattern for _, pattern in patterns)
        faults += [
            f"{' '.join(sorted(each))}: belongs to {times} complaints"
            for each, times in shared.items()
            if times > 1
        ]
        if faults:
            raise ValueError("\n".join(faults))
        users: Counter[str] = Counter()
        for complaint in complaints:
            users.update(
                {concept for other, pattern in patterns if other == complaint for concept in pattern}
            )
        self._weights = {concept: 1 + math.log(len(complaints) / times) for concept, times in users.items()}
        self._by_rarest: dict[str, list[tuple[str, frozenset[str]]]] = {}
        for complaint, pattern in patterns:
            rarest = max(sorted(pattern), key=lambda each: self._weights[each])
            self._by_rarest.setdefault(rarest, []).append((complaint, pattern))

    def match(self, text: str) -> Match:
        """Find what a text states."""
        best: dict[str, tuple[float, int]] = {}
        found: set[str] = set()
        for number, sentence in enumerate(_SENTENCE.split(text)):
            places = self._concepts(sentence)
            found |= places.keys()
            for complaint, pattern in (each for rarest in places for each in self._by_rarest.get(rarest, ())):
                if pattern <= places.keys():
                    score = sum(self._weights[each] for each in pattern) * (_LATER if number else 1)
                    first = min(places[each] for each in pattern)
                    best[complaint] = max(best.get(complaint, (0.0, 0)), (score, -first))
        ranked = sorted(best.items(), key=lambda item: item[1], reverse=True)
        return Match(tuple(Candidate(name, round(score, 3)) for name, (score, _) in ranked), frozenset(found))

    def _concepts(self, sentence: str) -> dict[str, int]:
        """Return the concepts a sentence states, with the place of each."""
        words = _words(sentence)
        stated: dict[str, int] = {}
        denied_until = place = 0
        while place < len(words):
            if words[place] in _CLAUSE_END:
                denied_until = 0 if words[place] == "." or denied_until < len(words) else denied_until
                place += 1
                continue
            key, length = self._longest(words, place)
            concepts = self._forms[key] if key else set()
            if concepts & {"not", "history"}:
                denied_until = place + 1 + _REACH if "not" in concepts else 2 * len(words)
            elif place >= denied_until:
                for concept in concepts:
                    stated.setdefault(concept, place)
            place += max(length, 1)
        return stated

    def _longest(self, words: list[str], place: int) -> tuple[tuple[str, ...], int]:
        """Return the longest form that begins at a place, and its number of words."""
        found: tuple[str, ...] = ()
        for start in self._heads(words[place]):
            for key in self._starts.get(start, ()):
                if len(key) > len(found) and _fits(key, words[place : place + len(key)], start):
                    found = key
        return found, len(found)

    def _heads(self, word: str) -> Iterator[str]:
        """Yield what a form may begin with to begin with this word, misspelt or not."""
        known = False
        starts = [stem(word), *(f"{word[:end]}*" for end in range(len(word), 1, -1))]
        for head in sorted(starts, key=lambda each: -len(each.rstrip("*"))):
            if head in self._starts:
                known = True
                yield head
        if not known and len(word) >= _SHORTEST_MISSPELT and (close := self._close(word)):
            yield close

    @lru_cache(maxsize=8192)  # noqa: B019 - there is one vocabulary
    def _close(self, word: str) -> str | None:
        choices = [each for each in self._spelling if each[0] == word[0]]
        found = process.extractOne(stem(word), choices, scorer=fuzz.ratio, score_cutoff=_SIMILAR)
        return found[0] if found else None


def _folded(text: str) -> str:
    """Return plain text with double letters as one, which is where people slip most."""
    return _DOUBLE.sub(r"\1", plain(text))


def _key(form: str) -> tuple[str, ...]:
    return tuple(
        each if each.endswith("*") else stem(each)
        for each in re.findall(r"[a-z0-9]+[+*]?", _folded(form))
        if each not in _PASSED_OVER
    )


def _words(sentence: str) -> list[str]:
    return [
        each
        for each in re.findall(r"[a-z0-9]+\+?|[,.:()]", _DECIMAL.sub(" ", _folded(sentence)))
        if each not in _PASSED_OVER
    ]


def _fits(key: tuple[str, ...], words: list[str], head: str) -> bool:
    """Say whether words are those of a form whose first is known to be."""
    if len(words) < len(key) or key[0] != head:
        return False
    return all(
        word.startswith(part[:-1]) if part.endswith("*") else stem(word) == part
        for part, word in zip(key[1:], words[1:], strict=True)
    )


@cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of the file that comes with this package."""
    document = json.loads(files("ml.triage").joinpath("data/complaints.json").read_text(encoding="utf-8"))
    return Vocabulary(document["words"], document["complaints"])


@lru_cache(maxsize=4096)
def match(text: str) -> Match:
    """Find which of the scale's complaints a text states."""
    return vocabulary().match(text)
