"""Finding one ontology's concepts in another by the names they share."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ml.language.foreign import ForeignConcept, ForeignOntology
from ml.language.lexicon import Lexicon, name_keys
from ml.language.matching import EmbeddedMatcher
from ml.language.normalising import plain
from ml.language.ontology import Ontology
from ml.language.tokens import tokenise
from ml.language.types import Claim, Polarity
from ml.language.vocabulary import SKIPPED

_LABELS_VOTES, _LABEL_VOTES, _READ_VOTES, _SYNONYM_VOTES = 4.0, 3.0, 2.0, 1.0
_SECOND_LANGUAGE_SHARE = 0.5
_GROUPING_SHARE = 0.5
_UNTELLING = SKIPPED.union({"presenc", "absenc", "san", "pas", "indic", ">", "<"})


class Alignment:
    """Our concepts and theirs, each with its counterpart where names show one.

    Each name that both give to a concept is a vote; a label weighs more than a synonym. Several of ours may
    share one counterpart, where the other ontology is the coarser one.

    Parameters
    ----------
    set_aside
        By identifier, names of the other ontology that a reviewer found to state something else: no votes.

    Attributes
    ----------
    outward
        The other ontology's identifier by ours.
    inward
        Ours by the other ontology's: the one of its concepts that shares most names.
    """

    def __init__(
        self, ours: Ontology, foreign: ForeignOntology, set_aside: Mapping[str, Sequence[str]]
    ) -> None:
        self.ours = ours
        self.set_aside = {each: frozenset(plain(name) for name in names) for each, names in set_aside.items()}
        self.foreign = {each.id: each for each in foreign.concepts}
        self._lexicon = Lexicon(ours)
        self._reader = EmbeddedMatcher(ours)
        self.read = lru_cache(maxsize=None)(self._read)
        votes: dict[str, dict[str, float]] = defaultdict(dict)
        for each in foreign.concepts:
            for concept, count in self._votes(each).items():
                votes[concept][each.id] = count
        self.outward = {concept: max(by, key=lambda each: by[each]) for concept, by in votes.items()}
        self.inward: dict[str, str] = {}
        for concept, theirs in self.outward.items():
            known = self.inward.get(theirs)
            if known is None or votes[concept][theirs] > votes[known][theirs]:
                self.inward[theirs] = concept

    def owner(self, name: str) -> str | None:
        """Return our concept of that name, if any."""
        return self._lexicon.named(name_keys(name))

    def labels(self, concept: str) -> tuple[str, str]:
        """Return the labels of one of ours."""
        entry = self.ours.concept(concept)
        return entry.label_fr, entry.label_en

    def _read(self, name: str) -> tuple[Claim, ...]:
        """Return what a name states when it is read like a text."""
        return self._reader.match(name).claims

    def _votes(self, foreign: ForeignConcept) -> Mapping[str, float]:
        votes: dict[str, float] = defaultdict(float)
        for name, weight in ((foreign.label, 1.0), (foreign.label_en, _SECOND_LANGUAGE_SHARE)):
            found = self.owner(name) if name else None
            if name and found:
                same = plain(name) in {plain(label) for label in self.labels(found)}
                votes[found] = max(votes[found], weight * (_LABELS_VOTES if same else _LABEL_VOTES))
        if not votes and (read := self._read_whole(foreign.label)):
            votes[read] += _READ_VOTES
        aside = self.set_aside.get(foreign.id, frozenset())
        for name in foreign.synonyms:
            if plain(name) in aside:
                continue
            found = self.owner(name) or self._read_whole(name)
            if found and not self.ours.concept(found).parts:
                votes[found] += _SYNONYM_VOTES
        share = _GROUPING_SHARE if foreign.grouping else 1.0
        return {ours: count * share for ours, count in votes.items()}

    def _read_whole(self, name: str) -> str | None:
        """Return the concept that a whole name states, no word of it left over."""
        claims = self.read(name)
        if len(claims) != 1 or claims[0].polarity is Polarity.ABSENT:
            return None
        spans = claims[0].spans
        left = [
            token
            for token in tokenise(name)
            if not token.mark
            and token.key not in _UNTELLING
            and not any(span.start <= token.start and token.end <= span.end for span in spans)
        ]
        return None if left else claims[0].concept
