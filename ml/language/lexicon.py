"""Every name of every concept, arranged so that a text can be searched for all of them at once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from ml.language.ontology import Concept, Ontology
from ml.language.tokens import Token, tokenise
from ml.language.types import Language, LanguageHint

SMALL_WORDS = frozenset(
    "le la les l un une des de du d au aux a the of an en in segment intervall interval espac degr degre "
    "typ cardiaqu cardiac".split()
)
_VERBS = "est sont etait rest sembl apparait parait is are was were remain ce s se meme y qui".split()
_DEGREES = (
    "tre asse bien plu net nett nettement clairement franc franch franchement strictement legerement leger "
    "discret discretement moder modere important majeur sever marqu minim minime probabl probablement "
    "possibl possiblement peu quelqu plusieur several very mild marked markedly severe slightly probably "
    "possibly likely toujour aspect allur wav ond"
).split()
_TRANSPARENT = "regulier irregulier regular irregular monomorph isol isolated unipolair complex".split()
INNER_NEGATIONS = frozenset({"non", "pas", "not", "n", "ne"})
SKIPPED = SMALL_WORDS | frozenset(_VERBS) | frozenset(_DEGREES) | frozenset(_TRANSPARENT) | INNER_NEGATIONS
_NEGATIVE_OPENINGS = frozenset("pas san absenc aucun no without non absent".split())
_COMMON = frozenset(
    "avec dans pour mais donc avant apres entre chaque toute tous tout cette cet autre comme ainsi alors "
    "patient patiente trace traces onde ondes signe signes chez encore aussi moins plutot retenu retenue "
    "aucune retrouve presence absence possible probable evolution contexte associe associee depuis lors "
    "derivation derivations diagnostic conclusion conclure environ battements minute minutes seconde "
    "secondes interpretation hypothese clinique surveillance risque urgence traitement douleur which there "
    "shows showing other about would could their while these those where suggests evidence without".split()
)
_MOST_SKIPPED = 3
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


class Lexicon:
    """The names of an ontology's concepts; short foreign abbreviations apart, both languages at once.

    Students mix languages ("STEMI antérieur", "QRS wide"), so a language hint only leaves out the
    other language's abbreviations of at most three letters.
    """

    def __init__(self, ontology: Ontology) -> None:
        self.collisions: list[Collision] = []
        self._names: dict[tuple[str, ...], tuple[str, Language | None]] = {}
        absences = {concept.absence for concept in ontology.concepts}
        for concept in ontology.concepts:
            for keys, language in _patterns(concept, stated_by_denial=concept.id in absences):
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

    def _corrected(self, key: str) -> str | None:
        """Return the one known key a misspelt word must be, or nothing when it is known or unclear."""
        if len(key) < 5 or key in self.vocabulary or key in _COMMON or not key.isalpha():
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

    def hits(self, tokens: Sequence[Token], hint: LanguageHint) -> list[Hit]:
        """Find the names in a text, the longest first claiming their tokens, in text order."""
        keys, typos = self._keys(tokens)
        found = [
            *(hit for start in range(len(keys)) for hit in self._walk(keys, typos, start)),
            *self._windows(keys, typos),
        ]
        allowed = [hit for hit in found if self._speaks(hit.keys, hint)]
        return _longest(allowed)

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

    def _walk(self, keys: list[str], typos: frozenset[int], start: int) -> Iterator[Hit]:
        """Follow names word by word from one place, passing over small words between."""
        stack: list[tuple[_Node, int, tuple[int, ...], int, bool]] = [(self._trie, start, (), 0, False)]
        while stack:
            node, index, used, skipped, denied = stack.pop()
            if index >= len(keys):
                continue
            key = keys[index]
            following = node.next.get(key)
            if following is not None:
                taken = (*used, index)
                if following.name:
                    yield self._hit(following.name, taken, skipped, denied, typos, "exact")
                stack.append((following, index + 1, taken, skipped, denied))
            if used and key in SKIPPED and skipped < _MOST_SKIPPED + len(used):
                step = 0 if key in SMALL_WORDS else 1
                stack.append((node, index + 1, used, skipped + step, denied or key in INNER_NEGATIONS))

    def _windows(self, keys: list[str], typos: frozenset[int]) -> Iterator[Hit]:
        """Find names whose words stand together in another order."""
        for start, key in enumerate(keys):
            if key not in self.vocabulary:
                continue
            window: list[int] = []
            for index in range(start, min(len(keys), start + 2 * _LONGEST_WINDOW)):
                if keys[index] in self.vocabulary:
                    window.append(index)
                elif keys[index] not in SKIPPED or keys[index] in INNER_NEGATIONS:
                    break
                if len(window) > _LONGEST_WINDOW:
                    break
                name = self._unordered.get(tuple(sorted(keys[each] for each in window)))
                if name and len(window) > 1:
                    yield self._hit(
                        name, tuple(window), index + 1 - start - len(window), False, typos, "order"
                    )

    def _hit(
        self,
        name: tuple[str, ...],
        used: tuple[int, ...],
        skipped: int,
        denied: bool,
        typos: frozenset[int],
        method: str,
    ) -> Hit:
        wrong = len(typos.intersection(used))
        penalty = 1.5 * skipped + 7.0 * wrong + (8.0 if method == "order" else 0.0)
        return Hit(self._names[name][0], used, name, denied, penalty, "typo" if wrong else method)


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
    concept: Concept, *, stated_by_denial: bool
) -> Iterator[tuple[tuple[str, ...], Language | None]]:
    french, english = concept.names("fr"), concept.names("en")
    for name in dict.fromkeys((*french, *english)):
        language: Language | None = None
        if name not in english:
            language = "fr"
        elif name not in french:
            language = "en"
        keys = tuple(token.key for token in tokenise(name) if not token.mark and token.key not in SMALL_WORDS)
        if not keys or (stated_by_denial and keys[0] in _NEGATIVE_OPENINGS):
            continue
        yield keys, language
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
