"""Reading a French or English text about an ECG into concepts, by rules, offline and always the same way.

The steps: fold and cut the text (`tokens`), find every concept's names (`lexicon`), complete the items of
lists (`lists`), interpret numbers (`measuring`) and groups of leads (`territories`), join findings to their
territory, then ask how the text stands to each (`attitude`). READING.md is the convention followed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ml.language.attitude import Attitude, Attitudes, Mentioned
from ml.language.lexicon import SKIPPED, Hit, Lexicon
from ml.language.lists import shared_names
from ml.language.measuring import Measured, measure
from ml.language.normalising import Folded, fold
from ml.language.ontology import Concept, Kind, Ontology
from ml.language.territories import lead_groups
from ml.language.tokens import Token, tokenise
from ml.language.types import (
    Certainty,
    Claim,
    Expression,
    LanguageHint,
    Polarity,
    Reading,
    Span,
)

RULES_VERSION = 1
LONGEST_TEXT = 20_000
_NAMED_CONFIDENCE = 97.0
_MEASURED_CONFIDENCE = 95.0
_LONE_TERRITORY_PENALTY = 30.0
_LONE_QUALIFIER_PENALTY = 12.0
_FAR = 2
_FIRM = 60.0


class ConceptMatcher(Protocol):
    """Anything that reads a text into concepts; the embedded rules and a language model both do."""

    @property
    def version(self) -> str:
        """Return what the readings depend on: two matchers of one version read alike."""
        ...

    def match(self, text: str, language: LanguageHint = "auto") -> Reading:
        """Read a text; never raises for any text, and returns in bounded time."""
        ...


@dataclass(frozen=True, slots=True)
class _Mention:
    """One place that speaks of a concept, before it is known whether it affirms it."""

    concept: str
    tokens: tuple[int, ...]
    spans: tuple[Span, ...]
    method: str
    confidence: float
    denied: bool = False
    like: int | None = None
    lead_group: bool = False


class EmbeddedMatcher:
    """The rules, over one ontology.

    When not to use it: it reads what is *stated*. It draws no diagnosis from signs, and a text it does
    not understand yields few claims rather than guesses.
    """

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._lexicon = Lexicon(ontology)
        self._composites = {
            concept.parts: concept.id for concept in ontology.concepts if len(concept.parts) == 2
        }
        self._bases = frozenset(parts[0] for parts in self._composites)
        self._ranges = [concept for concept in ontology.concepts if concept.range]
        self.version = f"rules-{RULES_VERSION}+ontology-{ontology.version}"

    @property
    def ontology(self) -> Ontology:
        """Return the ontology whose identifiers the claims use."""
        return self._ontology

    def match(self, text: str, language: LanguageHint = "auto") -> Reading:
        """Read a text of any kind; what lies beyond 20,000 characters is left unread.

        Parameters
        ----------
        text
            What someone wrote about an ECG.
        language
            `auto` knows both languages at once; a language leaves out the other's short abbreviations.
        """
        folded = fold(text[:LONGEST_TEXT])
        tokens = tokenise(folded)
        measured = measure(folded)
        mentions = self._mentions(folded, tokens, measured, language)
        claims = self._claims(tokens, mentions)
        return Reading(
            claims=claims,
            measurements=tuple(each.measurement for each in measured),
            unresolved=_unresolved(tokens, mentions, measured),
            source=self.version,
        )

    def _mentions(
        self, folded: Folded, tokens: Sequence[Token], measured: Sequence[Measured], language: LanguageHint
    ) -> list[_Mention]:
        hits = self._lexicon.hits(tokens, language)
        mentions = [self._named(tokens, hit) for hit in hits]
        for shared in shared_names(self._lexicon, tokens, hits):
            mentions.append(replace(self._named(tokens, shared.hit), like=hits.index(shared.neighbour)))
        mentions += self._interpreted(tokens, measured, mentions)
        mentions += self._by_leads(folded, tokens)
        return self._composed(tokens, mentions)

    def _named(self, tokens: Sequence[Token], hit: Hit) -> _Mention:
        confidence = _NAMED_CONFIDENCE - hit.penalty
        if self._ontology.concept(hit.concept).kind is Kind.QUALIFIER and len(hit.used) == 1:
            confidence -= _LONE_QUALIFIER_PENALTY
        return _Mention(
            hit.concept,
            hit.used,
            _spans(tokens, hit.used),
            hit.method,
            max(confidence, 5.0),
            denied=hit.denied,
        )

    def _interpreted(
        self, tokens: Sequence[Token], measured: Sequence[Measured], named: Sequence[_Mention]
    ) -> Iterator[_Mention]:
        """Yield what numbers mean, unless the text's own words say otherwise (axis and QRS: rule 6)."""
        words = {mention.concept for mention in named}
        for each in measured:
            for concept in self._ranges:
                if concept.range is None or concept.range.measure != each.measurement.name:
                    continue
                if not (concept.range.contains(each.low) and concept.range.contains(each.high)):
                    continue
                worded = concept.range.measure in {"axis", "qrs"} and any(
                    self._ontology.exclude_each_other(concept.id, word) for word in words
                )
                if not worded:
                    span = each.measurement.span
                    yield _Mention(
                        concept.id, _tokens_within(tokens, span), (span,), "measured", _MEASURED_CONFIDENCE
                    )

    def _by_leads(self, folded: Folded, tokens: Sequence[Token]) -> Iterator[_Mention]:
        for group in lead_groups(folded):
            for territory in group.territories:
                if territory in self._ontology:
                    yield _Mention(
                        territory,
                        _tokens_within(tokens, group.span),
                        (group.span,),
                        "exact",
                        _NAMED_CONFIDENCE - 3.0,
                        lead_group=True,
                    )

    # -- findings and their territories ---------------------------------------------------------------

    def _composed(self, tokens: Sequence[Token], mentions: list[_Mention]) -> list[_Mention]:
        """Join each territory to the finding it locates; leads that locate nothing say nothing."""
        order = sorted(range(len(mentions)), key=lambda index: (mentions[index].tokens, index))
        found: dict[int, list[int]] = {}
        lone: set[int] = set()
        for index in order:
            if not self._is_territory(mentions[index].concept):
                continue
            base = self._located(tokens, mentions, index)
            if base is None:
                lone.add(index)
            else:
                found.setdefault(base, []).append(index)
        result: dict[int, _Mention | None] = {}
        for base, territories in found.items():
            self._join(mentions, base, territories, result)
        for index in lone:
            result[index] = self._lone(tokens, mentions[index])
        return (
            [
                kept
                for index, mention in enumerate(mentions)
                if (kept := result.get(index, mention)) is not None
            ]
            if not any(mention.like is not None for mention in mentions)
            else _renumbered(mentions, result)
        )

    def _is_territory(self, concept: str) -> bool:
        return self._ontology.concept(concept).kind is Kind.TERRITORY

    def _located(self, tokens: Sequence[Token], mentions: Sequence[_Mention], index: int) -> int | None:
        """Return the finding a territory belongs to: the nearest before it in its phrase, else after it."""
        here = mentions[index].tokens
        if not here:
            return None
        before = [
            other
            for other, each in enumerate(mentions)
            if each.concept in self._bases
            and each.tokens
            and each.tokens[0] < here[0]
            and _same_phrase(tokens, mentions, each.tokens[-1], here[0])
        ]
        if before:
            return max(before, key=lambda other: mentions[other].tokens[0])
        after = [
            other
            for other, each in enumerate(mentions)
            if each.concept in self._bases
            and each.tokens
            and each.tokens[0] > here[-1]
            and each.tokens[0] - here[-1] <= _FAR
            and _same_phrase(tokens, mentions, here[-1], each.tokens[0])
        ]
        return min(after, key=lambda other: mentions[other].tokens[0]) if after else None

    def _join(
        self,
        mentions: Sequence[_Mention],
        base: int,
        territories: Sequence[int],
        result: dict[int, _Mention | None],
    ) -> None:
        finding = mentions[base]
        places = {mentions[index].concept: index for index in territories}
        composites = [
            composite
            for place in self._merged(list(places))
            for composite in self._located_findings(finding.concept, place)
        ]
        for index in territories:
            if composites or mentions[index].lead_group:
                result[index] = None
        if not composites:
            return
        spans = tuple(
            sorted({*finding.spans, *(span for index in territories for span in mentions[index].spans)})
        )
        confidence = min(finding.confidence, *(mentions[index].confidence for index in territories))
        joined = [
            replace(finding, concept=concept, spans=spans, confidence=confidence, method="combined")
            for concept in composites
        ]
        result[base] = joined[0]
        for index, mention in zip(territories, joined[1:], strict=False):
            result[index] = mention

    def _located_findings(self, finding: str, place: str) -> list[str]:
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
        covered = {ancestor for place in places for ancestor in self._ontology.ancestors(place)}
        return [place for place in places if place not in covered]

    def _lone(self, tokens: Sequence[Token], mention: _Mention) -> _Mention | None:
        if mention.lead_group:
            return None
        before = tokens[mention.tokens[0] - 1].key if mention.tokens and mention.tokens[0] > 0 else ""
        if len(mention.tokens) > 1 or before in {"en", "in"}:
            return mention
        return replace(mention, confidence=mention.confidence - _LONE_TERRITORY_PENALTY)

    # -- what the text makes of them ------------------------------------------------------------------

    def _claims(self, tokens: Sequence[Token], mentions: Sequence[_Mention]) -> tuple[Claim, ...]:
        places = [self._place(mention) for mention in mentions]
        attitudes = Attitudes(tokens, places)
        stated = [attitudes.towards(place) for place in places]
        for index, mention in enumerate(mentions):
            if mention.like is not None:
                stated[index] = stated[mention.like]
        self._hedge_alternatives(attitudes, mentions, places, stated)
        order = sorted(range(len(mentions)), key=lambda index: (mentions[index].spans, index))
        return _merged_claims(self._claim(mentions[index], stated[index]) for index in order)

    def _place(self, mention: _Mention) -> Mentioned:
        concept = self._ontology.concept(mention.concept)
        first, last = (mention.tokens[0], mention.tokens[-1]) if mention.tokens else (0, 0)
        return Mentioned(
            first,
            last,
            frozenset(mention.tokens),
            normality=concept.kind is Kind.NORMALITY,
            attached=concept.kind in {Kind.TERRITORY, Kind.QUALIFIER} or mention.method == "measured",
            shared=mention.method == "list",
        )

    def _hedge_alternatives(
        self,
        attitudes: Attitudes,
        mentions: Sequence[_Mention],
        places: Sequence[Mentioned],
        stated: list[Attitude],
    ) -> None:
        """Take `BAV 2 ou BAV 3` as two possibilities; a thing or its own synonym is none."""
        order = sorted(range(len(mentions)), key=lambda index: places[index].first)
        for one, other in attitudes.alternatives([places[index] for index in order]):
            pair = (order[one], order[other])
            concepts = [mentions[index].concept for index in pair]
            if not all(self._is_diagnosis(concept) for concept in concepts) or self._related(*concepts):
                continue
            for index in pair:
                if stated[index].polarity is Polarity.PRESENT:
                    stated[index] = replace(stated[index], certainty=Certainty.POSSIBLE)

    def _is_diagnosis(self, concept: str) -> bool:
        return self._ontology.concept(concept).kind is Kind.DIAGNOSIS

    def _related(self, one: str, other: str) -> bool:
        return (
            one == other or one in self._ontology.ancestors(other) or other in self._ontology.ancestors(one)
        )

    def _claim(self, mention: _Mention, attitude: Attitude) -> Claim:
        concept: Concept = self._ontology.concept(mention.concept)
        polarity, certainty = attitude.polarity, attitude.certainty
        if mention.denied and polarity is Polarity.PRESENT:
            polarity, certainty = Polarity.ABSENT, Certainty.ASSERTED
        identifier = concept.id
        if polarity is Polarity.ABSENT and certainty is not Certainty.REJECTED and concept.absence:
            identifier, polarity = concept.absence, Polarity.PRESENT
        measured = mention.method == "measured"
        return Claim(
            concept=identifier,
            polarity=polarity,
            certainty=certainty,
            expression=Expression.PARAPHRASED if measured else Expression.EXPLICIT,
            confidence=round(max(mention.confidence - attitude.doubt, 5.0), 1),
            spans=mention.spans,
            method=mention.method,
        )


def _spans(tokens: Sequence[Token], used: Sequence[int]) -> tuple[Span, ...]:
    """Return where tokens stand, those with only skipped words between as one stretch."""
    spans: list[Span] = []
    before = -2
    for index in used:
        token = tokens[index]
        between = [tokens[each].key for each in range(before + 1, index)] if spans else [","]
        if all(key in SKIPPED for key in between):
            spans[-1] = Span(spans[-1].start, token.end)
        else:
            spans.append(Span(token.start, token.end))
        before = index
    return tuple(spans)


def _tokens_within(tokens: Sequence[Token], span: Span) -> tuple[int, ...]:
    return tuple(
        index
        for index, token in enumerate(tokens)
        if token.start >= span.start and token.end <= span.end and not token.mark
    )


def _same_phrase(tokens: Sequence[Token], mentions: Sequence[_Mention], first: int, second: int) -> bool:
    """Say whether two tokens share a phrase: no mark and no other finding between them."""
    leads = {
        index
        for mention in mentions
        if mention.lead_group
        for index in range(mention.tokens[0], mention.tokens[-1] + 1)
    }
    between = range(first + 1, second)
    if any(tokens[index].mark and tokens[index].key != "/" and index not in leads for index in between):
        return False
    return not any(
        tokens[index].key in {"avec", "with", "mais", "sans", "but", "without"} for index in between
    )


def _renumbered(mentions: Sequence[_Mention], result: dict[int, "_Mention | None"]) -> list[_Mention]:
    """Drop what was joined away and repair the references between list neighbours."""
    kept = [index for index in range(len(mentions)) if result.get(index, mentions[index]) is not None]
    places = {index: position for position, index in enumerate(kept)}
    final: list[_Mention] = []
    for index in kept:
        mention = result.get(index) or mentions[index]
        like = places.get(mention.like) if mention.like is not None else None
        final.append(replace(mention, like=like))
    return final


def _merged_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Make one claim of all that say the same; the last one's certainty stands (rule 4)."""
    merged: dict[tuple[str, Polarity], Claim] = {}
    for claim in claims:
        key = (claim.concept, claim.polarity)
        known = merged.get(key)
        if known is None:
            merged[key] = claim
            continue
        merged[key] = replace(
            claim if claim.expression is Expression.EXPLICIT else known,
            certainty=claim.certainty if claim.confidence >= _FIRM else known.certainty,
            confidence=max(known.confidence, claim.confidence),
            spans=tuple(sorted({*known.spans, *claim.spans})),
        )
    return tuple(merged.values())


def _unresolved(
    tokens: Sequence[Token], mentions: Sequence[_Mention], measured: Sequence[Measured]
) -> tuple[Span, ...]:
    """Return the phrases, between marks, of at least two words in which nothing was recognised."""
    spans = [span for mention in mentions for span in mention.spans]
    spans += [each.measurement.span for each in measured]
    found: list[Span] = []
    phrase: list[Token] = []
    for token in (*tokens, Token(".", 0, 0, mark=True)):
        if not token.mark:
            phrase.append(token)
            continue
        if len([each for each in phrase if each.key not in SKIPPED]) > 1:
            stretch = Span(phrase[0].start, phrase[-1].end)
            if not any(span.start < stretch.end and stretch.start < span.end for span in spans):
                found.append(stretch)
        phrase = []
    return tuple(found)
