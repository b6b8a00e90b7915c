"""Every name of every concept, arranged so that a text can be searched for all of them at once."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType

from rapidfuzz import process
from rapidfuzz.distance import OSA

from ml.language.ontology import Concept, Kind, Ontology
from ml.language.tokens import Token, tokenise
from ml.language.types import Language, LanguageHint
from ml.language.vocabulary import (
    CAPITALS,
    COMMON,
    INNER_NEGATIONS,
    JOINTS,
    SKIPPED,
    SMALL_WORDS,
    TRANSPARENT,
    TURNS,
)

WAVES = frozenset({"p", "t", "q", "r", "s", "st", "qrs", "ondep", "ondet", "ondeq", "onder", "ondes"})
_WITH = frozenset({"avec", "with"})
_FUNCTION_WORDS = (
    SKIPPED
    | JOINTS
    | TURNS
    | {"dan", "for", "chez", "compar", "lor", "aux", "ici", "here", "throughout", "ecg", "but"}
)
_NEGATIVE_OPENINGS = frozenset({"pas", "san", "absenc", "aucun", "no", "without", "non"})
_MOST_SKIPPED = 5
_SKIP_PENALTY = 1.5
_TYPO_PENALTY = 7.0
_ORDER_PENALTY = 8.0
_LONGEST_WINDOW = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """One name of a concept found among the tokens.

    Attributes
    ----------
    used
        Indices of the tokens that make up the name, in text order.
    keys
        The name's own keys, in the name's order.
    denied
        Whether a negation stands inside the name (`rythme non sinusal`).
    penalty
        Confidence lost to what was skipped or corrected.
    method
        `exact`, `typo`, `order` or `list`.
    """

    concept: str
    used: tuple[int, ...]
    keys: tuple[str, ...]
    denied: bool
    penalty: float
    method: str


@dataclass(frozen=True, slots=True)
class Collision:
    """Two concepts whose names are the same once inflection and small words are gone."""

    keys: tuple[str, ...]
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class _Path:
    """What has been read of a name, and what was passed over on the way; small words cost nothing.

    `affirmed` is how many of the words make a name of their own before a negation: in `BBG non complet`
    only the completeness is denied.
    """

    used: tuple[int, ...] = ()
    skipped: int = 0
    denied: bool = False
    affirmed: int = 0
    parted: bool = False

    def over(self, key: str, *, named: bool, free: bool = False) -> "_Path":
        """Return the path that passes over one more word, `named` if a name ends before it."""
        cost = 0 if free or key in SMALL_WORDS else 1
        if self.denied or key not in INNER_NEGATIONS:
            return replace(self, skipped=self.skipped + cost)
        affirmed = len(self.used) if named else 0
        return _Path(self.used, self.skipped + cost, denied=True, affirmed=affirmed, parted=self.parted)


@dataclass(frozen=True, slots=True)
class _Passed:
    """Places a name that begins at `start` may pass over: values, and a comma after one begun before."""

    keys: Sequence[str]
    values: Mapping[int, int]
    start: int
    begins: int

    def __contains__(self, index: object) -> bool:
        if not isinstance(index, int):
            return False
        if index in self.values:
            return True
        value = self.values.get(index - 1)
        return (
            value is not None
            and index > self.start
            and value <= self.begins
            and self.keys[index : index + 1] in ([","], ["("])
        )


class Lexicon:
    """The names of an ontology's concepts; short foreign abbreviations apart, both languages at once.

    Students mix languages ("STEMI antérieur", "QRS wide"), so a language hint only leaves out the
    other language's abbreviations of at most three letters.
    """

    def __init__(self, ontology: Ontology) -> None:
        self.collisions: list[Collision] = []
        self._names: dict[tuple[str, ...], tuple[str, Language | None]] = {}
        self._kinds = {concept.id: concept.kind for concept in ontology.concepts}
        for concept in ontology.concepts:
            denied = ontology.denied_by(concept.id)
            names = ontology.concept(denied).every_name if denied else ()
            for keys, language in _patterns(concept, frozenset(map(name_keys, names))):
                self._add(keys, concept.id, language)
        self._trie = _trie(self._names)
        self._unordered = _unordered(self._names)
        self.vocabulary = frozenset(key for keys in self._names for key in keys)
        self._by_initial: dict[str, list[str]] = defaultdict(list)
        for key in sorted(self.vocabulary):
            self._by_initial[key[0]].append(key)
        self._beheaded = {key[1:]: key for key in sorted(self.vocabulary) if len(key) > 5}
        self.corrected = lru_cache(maxsize=4096)(self._corrected)

    def _add(self, keys: tuple[str, ...], concept: str, language: Language | None) -> None:
        known = self._names.setdefault(keys, (concept, language))
        if known[0] != concept:
            self.collisions.append(Collision(keys, known[0], concept))

    def named(self, keys: Sequence[str]) -> str | None:
        """Return the concept having exactly this name, if any."""
        found = self._names.get(tuple(keys))
        return found[0] if found else None

    def shows(self, hit: Hit) -> bool:
        """Say whether a diagnosis's name spells a sign out: after `avec`, or as a mere wave's shape."""
        after = next((at for at, key in enumerate(hit.keys) if key in _WITH), None)
        if after is not None:
            return self._says(hit.keys[after + 1 :], Kind.SIGN)
        parts = combinations(range(len(hit.keys) + 1), 2)
        others = (hit.keys[first:last] for first, last in parts if WAVES.isdisjoint(hit.keys[first:last]))
        return not WAVES.isdisjoint(hit.keys) and not any(self._says(each, Kind.DIAGNOSIS) for each in others)

    def _says(self, keys: Sequence[str], kind: Kind) -> bool:
        found = self.named(keys)
        return found is not None and self._kinds[found] is kind

    def _corrected(self, key: str) -> str | None:
        """Return the one known key a misspelt word must be, or nothing when it is known or unclear."""
        if len(key) < 5 or key in self.vocabulary or key in COMMON or not key.isalpha():
            return None
        if key in self._beheaded:
            return self._beheaded[key]
        allowed = 1 if len(key) < 8 else 2
        close = process.extract(
            key, self._by_initial[key[0]], scorer=OSA.distance, score_cutoff=allowed, limit=2
        )
        if not close or (len(close) == 2 and close[0][1] == close[1][1]):
            return None
        return str(close[0][0]) if len(close[0][0]) >= 5 else None

    def hits(
        self, tokens: Sequence[Token], hint: LanguageHint, values: Mapping[int, int] = MappingProxyType({})
    ) -> list[Hit]:
        """Find the names in a text, the longest first claiming their tokens, in text order.

        A wave may lend its word to a second name: `P positive en DII | devant chaque QRS`.

        Parameters
        ----------
        values
            Tokens that are a measured value and its unit, with the place where its measurement begins: a name
            goes on beyond them (`PR à 220 ms court`), one that begins the measurement over a comma too.
        """
        keys, typos = self._keys(tokens)
        found = [
            *self._walks(tokens, keys, typos, values),
            *self._windows(keys, typos),
        ]
        kept = _longest(self._allowed(found, tokens, hint))
        leads = frozenset(index for index, token in enumerate(tokens) if token.lead)
        taken = {index for hit in kept for index in hit.used}
        again = [
            each
            for hit in kept
            if not hit.denied
            for wave in hit.used
            if keys[wave] in WAVES
            for each in self._walk(keys, typos, wave, leads.union(hit.used))
            if len(each.used) > 2 and taken.isdisjoint(each.used[1:])
        ]
        more = _longest(self._allowed(again, tokens, hint))
        kept = [self._of_its_wave(hit, keys, taken) for hit in kept]
        return sorted([*kept, *more], key=lambda hit: hit.used)

    def _of_its_wave(self, hit: Hit, keys: Sequence[str], taken: Container[int]) -> Hit:
        """Give a lone adjective the wave of the name beside it: `précédé d'une onde P | sinusale`."""
        if len(hit.used) > 1:
            return hit
        before, after = hit.used[0] - 1, hit.used[0] + 1
        if before in taken and keys[before] in WAVES:
            both = (keys[before], *hit.keys)
        elif after in taken and keys[after] in WAVES:
            both = (*hit.keys, keys[after])
        else:
            return hit
        concept = self.named(both)
        return hit if concept is None else replace(hit, concept=concept, keys=both)

    def _allowed(self, found: Iterable[Hit], tokens: Sequence[Token], hint: LanguageHint) -> list[Hit]:
        return [hit for hit in found if self._speaks(hit.keys, hint) and not _in_small(hit, tokens)]

    def _keys(self, tokens: Sequence[Token]) -> tuple[list[str], frozenset[int]]:
        corrections = {
            index: corrected
            for index, token in enumerate(tokens)
            if not token.mark and token.key not in SKIPPED and (corrected := self.corrected(token.key))
        }
        keys = [corrections.get(index, token.key) for index, token in enumerate(tokens)]
        return keys, frozenset(corrections)

    def _speaks(self, keys: tuple[str, ...], hint: LanguageHint) -> bool:
        language = self._names[keys][1]
        return hint == "auto" or language is None or language == hint or len(keys) > 1 or len(keys[0]) > 3

    def _walks(
        self, tokens: Sequence[Token], keys: list[str], typos: frozenset[int], values: Mapping[int, int]
    ) -> Iterator[Hit]:
        for start, token in enumerate(tokens):
            yield from self._walk(keys, typos, start, _Passed(keys, values, start, token.start))

    def _walk(
        self, keys: list[str], typos: frozenset[int], start: int, values: Container[int]
    ) -> Iterator[Hit]:
        """Follow names word by word from one place, passing over small words between, and over values."""
        stack = [(self._trie, start, _Path())]
        while stack:
            node, index, path = stack.pop()
            if index >= len(keys):
                continue
            key = keys[index]
            following = node.next.get(key)
            if following is not None and not (key == "s" and index in values):  # seconds, no pronoun
                taken = replace(path, used=(*path.used, index))
                borrowed = path.parted and _begins_noun(keys, index + 1)
                if (
                    following.name
                    and not borrowed
                    and not self._only_qualifies(following.name, taken.affirmed)
                ):
                    yield self._hit(following.name, taken, typos, "exact")
                stack.append((following, index + 1, taken))
            passed = key in SKIPPED or index in values or key == ":" or _joins_skipped(keys, index)
            passed = passed or (key == "," and _goes_on(keys, index))
            if path.used and path.skipped < _MOST_SKIPPED and passed:
                valued = index in values and key.isalnum()
                beyond = path.over(key, named=node.name is not None, free=valued)
                if key == "," and index in values:
                    beyond = replace(beyond, parted=True)
                stack.append((node, index + 1, beyond))

    def _windows(self, keys: list[str], typos: frozenset[int]) -> Iterator[Hit]:
        """Find names whose words stand together in another order."""
        for start, key in enumerate(keys):
            if key not in self.vocabulary:
                continue
            window: list[int] = []
            denied = False
            for index in range(start, min(len(keys), start + 2 * _LONGEST_WINDOW)):
                if keys[index] in self.vocabulary and keys[index] not in INNER_NEGATIONS:
                    window.append(index)
                elif keys[index] in INNER_NEGATIONS and not self._is_name(keys, window):
                    denied = True
                elif keys[index] not in SKIPPED or keys[index] in INNER_NEGATIONS:
                    break
                if len(window) > _LONGEST_WINDOW:
                    break
                name = self._unordered.get(tuple(sorted(keys[each] for each in window)))
                if name and len(window) > 1:
                    skipped = index + 1 - start - len(window)
                    yield self._hit(name, _Path(tuple(window), skipped, denied), typos, "order")

    def _is_name(self, keys: Sequence[str], window: Sequence[int]) -> bool:
        """Say whether words are a name already: what `LBBB not complete` denies is what follows."""
        return tuple(keys[each] for each in window) in self._names

    def _hit(self, name: tuple[str, ...], path: _Path, typos: frozenset[int], method: str) -> Hit:
        wrong = len(typos.intersection(path.used))
        penalty = _SKIP_PENALTY * path.skipped + _TYPO_PENALTY * wrong
        penalty += _ORDER_PENALTY if method == "order" else 0.0
        used = path.used[path.affirmed :]
        return Hit(self._names[name][0], used, name, path.denied, penalty, "typo" if wrong else method)

    def _only_qualifies(self, name: tuple[str, ...], affirmed: int) -> bool:
        """Say whether the words after a negation add nothing to the concept that those before it name."""
        return affirmed > 0 and self._names[name][0] == self._names[name[:affirmed]][0]


def _begins_noun(keys: Sequence[str], index: int) -> bool:
    """Say whether a word is a noun of its own: `QT 560 ms, normal | potassium` tells nothing of the QT."""
    return index < len(keys) and keys[index].isalpha() and keys[index] not in _FUNCTION_WORDS


def _joins_skipped(keys: Sequence[str], index: int) -> bool:
    """Say whether an `and` or a stroke stands between two adjectives that may be passed over."""
    return (
        keys[index] in {"et", "and", "/"}
        and 0 < index < len(keys) - 1
        and {keys[index - 1], keys[index + 1]} <= (SKIPPED if keys[index] == "/" else TRANSPARENT)
    )


def _goes_on(keys: Sequence[str], comma: int) -> bool:
    """Say whether a comma stands before a relative clause, or between waves: `P, QRS et T négatifs`."""
    before, after = keys[comma - 1], keys[comma + 1 : comma + 2]
    return after in (["which"], ["qui"]) or (before in WAVES and not WAVES.isdisjoint(after))


def _in_small(hit: Hit, tokens: Sequence[Token]) -> bool:
    """Say whether an abbreviation that is a word as well was written like the word."""
    return hit.keys[0] in CAPITALS and len(hit.keys) == 1 and not tokens[hit.used[0]].capital


def name_keys(name: str, *, summed_up: bool = True) -> tuple[str, ...]:
    """Return what a name is looked up by: its words' keys without the small ones."""
    tokens = tokenise(name, summed_up=summed_up)
    return tuple(token.key for token in tokens if not token.mark and token.key not in SMALL_WORDS)


class _Node:
    """One step of the names' prefix tree; `name` is set where a name ends."""

    __slots__ = ("name", "next")

    def __init__(self) -> None:
        self.next: dict[str, _Node] = {}
        self.name: tuple[str, ...] | None = None


def _trie(names: dict[tuple[str, ...], tuple[str, Language | None]]) -> _Node:
    root = _Node()
    for name in names:
        node = root
        for key in name:
            node = node.next.setdefault(key, _Node())
        node.name = name
    return root


def _unordered(
    names: dict[tuple[str, ...], tuple[str, Language | None]],
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Index names by their words in alphabetical order; numbers mean something by their place."""
    index: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in names:
        if 1 < len(name) <= _LONGEST_WINDOW and not any(key.isdigit() for key in name):
            index.setdefault(tuple(sorted(name)), name)
    return index


def _patterns(
    concept: Concept, denied: Container[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], Language | None]]:
    french, english = concept.names("fr"), concept.names("en")
    for name in dict.fromkeys((*french, *english)):
        language: Language | None = None
        if name not in english:
            language = "fr"
        elif name not in french:
            language = "en"
        keys = name_keys(name)
        if not keys or (keys[0] in _NEGATIVE_OPENINGS and keys[1:] in denied):
            continue
        yield keys, language
        apart = name_keys(name, summed_up=False)
        if len(apart) > 1 and apart != keys:
            yield apart, language  # `ECG normal`, which is one word where it is a sentence
        bare = tuple(key[4:] if key.startswith("onde") and len(key) == 5 else key for key in keys)
        if len(keys) > 1 and bare != keys:
            yield bare, language


def _weight(hit: Hit) -> float:
    """Return how much a hit explains; words in another order may well belong to different names."""
    return len(hit.used) - (1.25 if hit.method == "order" else 0.0)


def _longest(hits: list[Hit]) -> list[Hit]:
    """Keep hits that share no token, longer ones and those in the name's own order first."""
    taken: set[int] = set()
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (-_weight(hit), hit.penalty, hit.used)):
        if taken.isdisjoint(hit.used):
            taken.update(hit.used)
            kept.append(hit)
    return sorted(kept, key=lambda hit: hit.used)
