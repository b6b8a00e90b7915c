"""Joining findings to the territory they are found in: `sus-décalage ST` + `V1-V6`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ml.language.mentions import Mention
from ml.language.ontology import Category, Kind, Ontology
from ml.language.tokens import Token

_LONE_PENALTY = 30.0
_FARTHEST_BEFORE = 40
_FARTHEST_AFTER = 2
_FARTHEST_OPENED = 7
_LEADING = frozenset({"en", "in", "au", "niveau", "dan", "the", "territoir", "paroi", "sur", "de", "la"})
_SENTENCE_ENDS = frozenset({".", ";", "\n", "?", "!", ":"})
_BARRIERS = frozenset(
    {"avec", "with", "mais", "sans", "but", "without", "alor", "tandi", "wherea", "while", "contrairement"}
)


class Locator:
    """The composites of an ontology: concepts that are a finding in a place."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._composites = {each.parts: each.id for each in ontology.concepts if len(each.parts) == 2}
        self._parts = {whole: parts for parts, whole in self._composites.items()}
        heads = frozenset(parts[0] for parts in self._composites)
        self._placed = frozenset(_placed_signs(ontology)) - heads
        self._heads = {concept: concept for concept in (*heads, *self._parts, *self._placed)}
        for each in ontology.concepts:
            general = (up for up in ontology.ancestors(each.id) if up in heads)
            if each.id not in self._heads and (head := next(general, None)) is not None:
                self._heads[each.id] = head

    def located(self, tokens: Sequence[Token], mentions: Sequence[Mention]) -> list[Mention]:
        """Replace findings and the territories they are in by the composites.

        Leads that locate nothing are dropped; a territory's name alone, without a word for territory or a
        preposition, is kept with little confidence.
        """
        leads = {
            index for each in mentions if each.leads for index in range(each.tokens[0], each.tokens[-1] + 1)
        }
        numbered = enumerate(mentions)
        findings = {index: each for index, each in numbered if each.concept in self._heads}
        places: dict[int, list[Mention]] = {}
        kept: list[Mention] = []
        for mention in sorted(mentions, key=lambda each: each.tokens):
            if self._ontology.concept(mention.concept).kind is not Kind.TERRITORY:
                continue
            base = self._base(tokens, findings, mention, leads)
            if base is None:
                kept.extend(_alone(tokens, mention))
            else:
                places.setdefault(base, []).append(mention)
        for index, mention in enumerate(mentions):
            if self._ontology.concept(mention.concept).kind is not Kind.TERRITORY:
                kept.extend(self._joined(mention, places.get(index, [])))
        return kept

    def _base(
        self,
        tokens: Sequence[Token],
        findings: Mapping[int, Mention],
        place: Mention,
        leads: set[int],
    ) -> int | None:
        """Return the finding a territory belongs to: the nearest before in its phrase, else right after."""
        first, last = place.tokens[0], place.tokens[-1]
        before = [
            index
            for index in findings
            if first - _FARTHEST_BEFORE <= (end := findings[index].tokens[-1]) < first
            and _same_phrase(tokens[end + 1 : first], leads, end + 1)
        ]
        if before:
            return max(before, key=lambda index: findings[index].tokens)
        opens = _opens_clause(tokens, first, last, place_leads=place.leads)
        reach = _FARTHEST_OPENED if opens else _FARTHEST_AFTER
        after = [
            index
            for index in findings
            if last < (start := findings[index].tokens[0]) <= last + reach
            and _same_phrase(tokens[last + 1 + opens : start], leads, last + 1 + opens)
        ]
        if not after:
            return _described(tokens, findings, place)
        return min(after, key=lambda index: findings[index].tokens)

    def _joined(self, finding: Mention, places: list[Mention]) -> list[Mention]:
        if not places:
            return [finding]
        named = [each.concept for each in places if self._locates(finding, each)]
        head = self._heads[finding.concept]
        kind, own = self._parts.get(head, (head, ""))
        composites = [
            composite
            for place in self._merged([own, *named] if own else named)
            for composite in self._composites_for(kind, place)
        ]
        if not composites:
            told = finding.concept in self._placed
            return [finding, *(replace(place, leads=False) for place in places if told or not place.leads)]
        spans = tuple(sorted({*finding.spans, *(span for place in places for span in place.spans)}))
        confidence = min(finding.confidence, *(place.confidence for place in places))
        method = finding.method if finding.method == "paraphrase" else "combined"
        placed = [
            replace(finding, concept=concept, spans=spans, confidence=confidence, method=method)
            for concept in dict.fromkeys(composites)
        ]
        return placed if head == finding.concept else [finding, *placed]

    def _locates(self, finding: Mention, place: Mention) -> bool:
        """Say whether a place is one of a finding; leads tell nothing of where a pathway runs."""
        conduction = self._ontology.concept(finding.concept).category is Category.CONDUCTION
        return not (place.leads and conduction)

    def _composites_for(self, finding: str, place: str) -> list[str]:
        """Return the concepts for a finding in a place, or in the wider places that the place is part of."""
        exact = self._composites.get((finding, place))
        if exact:
            return [exact]
        wider = [up for up, distance in self._ontology.ancestors(place).items() if distance == 1]
        return [found for up in wider if (found := self._composites.get((finding, up)))]

    def _merged(self, places: list[str]) -> list[str]:
        """Replace two territories by the one that names both, and drop what a finer one covers."""
        for parts, whole in self._composites.items():
            if set(parts) <= set(places):
                places = [place for place in places if place not in parts] + [whole]
        return self._ontology.most_specific(places)


def _placed_signs(ontology: Ontology) -> Iterator[str]:
    """Yield the signs that amount to something by their place: biphasic T waves in V2-V3."""
    for concept in ontology.concepts:
        for signs in concept.requires:
            kinds = [ontology.concept(sign).kind for sign in signs]
            if sorted(kinds) == [Kind.SIGN, Kind.TERRITORY]:
                yield signs[kinds.index(Kind.SIGN)]


def _described(tokens: Sequence[Token], findings: Mapping[int, Mention], place: Mention) -> int | None:
    """Return the one finding put in other words in a place's sentence: such a tale runs over its commas."""
    around = [
        index
        for index, each in findings.items()
        if each.method == "paraphrase"
        and not any(
            token.mark and token.key in _SENTENCE_ENDS
            for token in tokens[min(each.tokens[0], place.tokens[0]) : max(each.tokens[-1], place.tokens[-1])]
        )
    ]
    return around[0] if len(around) == 1 else None


def _opens_clause(tokens: Sequence[Token], first: int, last: int, *, place_leads: bool) -> bool:
    """Say whether a place stands before all else, set off by a comma: `En latéral, les ondes T …`.

    Leads may head what follows a colon anywhere: `Faire V7-V9 : sus ST`.
    """
    heads = place_leads and last + 1 < len(tokens) and tokens[last + 1].key == ":"
    if heads:
        return True
    before = first - 1
    while before >= 0 and tokens[before].key in _LEADING:
        before -= 1
    opens = before < 0 or (tokens[before].mark and tokens[before].key != ",")
    return opens and last + 1 < len(tokens) and tokens[last + 1].key == ","


def _alone(tokens: Sequence[Token], place: Mention) -> list[Mention]:
    if place.leads:
        return []
    before = tokens[place.tokens[0] - 1].key if place.tokens[0] else ""
    if len(place.tokens) > 1 or before in {"en", "in"}:
        return [place]
    return [replace(place, confidence=place.confidence - _LONE_PENALTY)]


def _same_phrase(between: Sequence[Token], leads: set[int], first: int) -> bool:
    """Say whether tokens keep a phrase together: no mark outside a list of leads, no turn."""
    return not any(
        token.key in _BARRIERS or (token.mark and token.key != "/" and index not in leads)
        for index, token in enumerate(between, start=first)
    )
