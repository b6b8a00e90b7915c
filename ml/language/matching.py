"""Reading a French or English text about an ECG into concepts, by rules, offline and always the same way.

The steps: fold and cut the text (`tokens`), find every concept's names (`lexicon`), complete the items of
lists (`lists`), interpret numbers (`measuring`), join findings to their territory (`territories`,
`locating`), then ask how the text stands to each (`attitude`). From the claims follow what signs amount to
(`implying`) and what does not hold together (`findings`). The conventions are those of READING.md.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ml.language.attitude import LIMITED_DOUBT, Attitude, Attitudes, Mentioned
from ml.language.cues import weighing_of
from ml.language.findings import Findings, is_conclusion
from ml.language.implying import FIRM_CONFIDENCE, Implications
from ml.language.lexicon import Hit, Lexicon
from ml.language.lists import Shared, shared_names
from ml.language.locating import Locator
from ml.language.meanings import Meanings, sex_told
from ml.language.measuring import Measured, growing, measure
from ml.language.mentions import Mention, tokens_within
from ml.language.normalising import Folded, fold
from ml.language.ontology import Category, Kind, Ontology
from ml.language.paraphrasing import DESCRIPTIONS, PARAPHRASES, Paraphrases
from ml.language.shapes import Shapes
from ml.language.territories import lead_groups
from ml.language.tokens import Token, tokenise
from ml.language.types import Certainty, Claim, Expression, LanguageHint, Polarity, Reading, Sex, Span
from ml.language.vocabulary import SKIPPED

RULES_VERSION = 6
LONGEST_TEXT = 20_000
_NAMED_CONFIDENCE = 97.0
_MEASURED_CONFIDENCE = 95.0
_LEADS_CONFIDENCE = 94.0
_LONE_QUALIFIER_PENALTY = 12.0
_LEAST_CONFIDENCE = 5.0
_PARAPHRASED = frozenset({"measured", "paraphrase"})
_ADDED = frozenset({",", "(", ":", "de", "d", "typ"})
_PREMATURE = "PREMATURE_COMPLEX"
_GROWING = "PROGRESSIVE_PR_PROLONGATION"
_PACED_SENSE = {"CAPTURE_BEAT": "PACING_CAPTURE"}
_WORDS_WIN = frozenset({"axis", "qrs"})


class ConceptMatcher(Protocol):
    """Anything that reads a text into concepts; the embedded rules and a language model both do."""

    @property
    def version(self) -> str:
        """Return what the readings depend on: two matchers of one version read alike."""
        ...

    @property
    def ontology(self) -> Ontology:
        """Return the ontology whose identifiers the claims use."""
        ...

    def match(self, text: str, language: LanguageHint = "auto") -> Reading:
        """Read a text; never raises for any text, and returns in bounded time."""
        ...


class EmbeddedMatcher:
    """The rules, over one ontology.

    When not to use it: it reads what is *stated*, and what signs amount to only by the ontology's
    `requires`. A text it does not understand yields few claims rather than guesses.
    """

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._lexicon = Lexicon(ontology)
        self._locator = Locator(ontology)
        self._meanings = Meanings(ontology)
        self._implications = Implications(ontology)
        self._findings = Findings(ontology)
        concepts = [each.id for each in ontology.concepts]
        self._described = Paraphrases(concepts, DESCRIPTIONS, "combined")
        self._paraphrases = Paraphrases(concepts, PARAPHRASES, "paraphrase")
        self._shapes = Shapes(ontology)
        self._version = f"rules-{RULES_VERSION}+ontology-{ontology.version}"

    @property
    def version(self) -> str:
        """Return the editions of the rules and of the ontology."""
        return self._version

    @property
    def ontology(self) -> Ontology:
        """Return the ontology whose identifiers the claims use."""
        return self._ontology

    def match(self, text: str, language: LanguageHint = "auto", sex: Sex | None = None) -> Reading:
        """Read a text of any kind; what lies beyond 20,000 characters is left unread.

        Parameters
        ----------
        text
            What someone wrote about an ECG.
        language
            `auto` knows both languages at once; a language leaves out the other's short abbreviations.
        sex
            The patient's, which moves the limit of the corrected QT; what the text says when not given.
        """
        folded = fold(text[:LONGEST_TEXT])
        tokens = tokenise(folded)
        grown = growing(folded)
        in_turn = {index for span in grown for index in range(span.start, span.end)}
        measured = [each for each in measure(folded) if each.number.start not in in_turn]
        sex = sex or sex_told(folded)
        mentions = [*self._mentions(folded, tokens, measured, language, sex), *self._grown(tokens, grown)]
        claims, ranked = self._claims(tokens, mentions)
        weighing = weighing_of(folded)
        measurements = self._meanings.of(folded, measured, claims, sex)
        return Reading(
            claims=(*claims, *self._implications.of(claims, measurements)),
            measurements=measurements,
            findings=self._findings.of(
                claims,
                measurements,
                replace(weighing, ranked=weighing.ranked or ranked),
                {mention.concept for mention in mentions if mention.shows},
            ),
            unresolved=_unresolved(tokens, mentions, measured),
            source=self.version,
        )

    def _mentions(
        self,
        folded: Folded,
        tokens: Sequence[Token],
        measured: Sequence[Measured],
        language: LanguageHint,
        sex: Sex | None,
    ) -> list[Mention]:
        starts = [token.start for token in tokens]
        values = {
            index: each.measurement.span.start
            for each in measured
            for index in range(
                bisect_left(starts, each.number.start), bisect_left(starts, each.measurement.span.end)
            )
            if tokens[index].end <= each.measurement.span.end
        }
        hits = self._lexicon.hits(tokens, language, values)
        mentions = self._listed(tokens, hits)
        meant = list(self._interpreted(tokens, measured, {each.concept for each in mentions}, sex))
        said_better = {up for each in meant for up in self._meanings.wider(each.concept)}
        mentions = [each for each in mentions if each.concept not in said_better] + meant
        mentions += self._miscalled(folded, tokens, measured)
        mentions += self._led(folded, tokens)
        mentions += self._otherwise(folded, tokens, mentions)
        return self._locator.located(tokens, self._of_pacemakers(mentions))

    def _of_pacemakers(self, mentions: Sequence[Mention]) -> list[Mention]:
        """Take the bare word `capture` beside a pacemaker as the pacemaker's, not as a capture beat."""
        paced = any(self._ontology.concept(each.concept).category is Category.PACING for each in mentions)
        return [
            replace(each, concept=_PACED_SENSE[each.concept])
            if paced and each.concept in _PACED_SENSE and len(each.tokens) == 1
            else each
            for each in mentions
        ]

    def _listed(self, tokens: Sequence[Token], hits: Sequence[Hit]) -> list[Mention]:
        """Return what is named, and what lists name with the words of a neighbour.

        What is normal in one place of a list and not in the next (`T positives en V5, négatives en V2`) is
        said with less confidence.
        """
        shared = [
            each
            for each in shared_names(self._lexicon, tokens, hits)
            if each.joined or not self._ontology.within(each.neighbour.concept, each.hit.concept)
        ]
        limited = {each.neighbour.used for each in shared if self._is_exception(each)}
        completed = {index for each in shared for index in each.hit.used}
        named = [self._named(tokens, hit) for hit in hits if completed.isdisjoint(hit.used)]
        named = [
            replace(each, confidence=each.confidence - LIMITED_DOUBT) if each.tokens in limited else each
            for each in named
        ]
        return named + [
            replace(self._named(tokens, each.hit), like=each.neighbour.used)
            for each in shared
            if each.joined or not self._ontology.exclude_each_other(each.hit.concept, each.neighbour.concept)
        ]

    def _is_exception(self, shared: Shared) -> bool:
        normal = self._ontology.concept(shared.neighbour.concept).kind is Kind.NORMALITY
        return normal and self._ontology.exclude_each_other(shared.hit.concept, shared.neighbour.concept)

    def _named(self, tokens: Sequence[Token], hit: Hit) -> Mention:
        confidence = _NAMED_CONFIDENCE - hit.penalty
        kind = self._ontology.concept(hit.concept).kind
        if kind is Kind.QUALIFIER and len(hit.used) == 1:
            confidence -= _LONE_QUALIFIER_PENALTY
        span = Span(tokens[hit.used[0]].start, tokens[hit.used[-1]].end)
        shows = kind is Kind.DIAGNOSIS and self._lexicon.shows(hit)
        return Mention(hit.concept, hit.used, (span,), hit.method, confidence, denied=hit.denied, shows=shows)

    def _interpreted(
        self, tokens: Sequence[Token], measured: Sequence[Measured], named: set[str], sex: Sex | None
    ) -> Iterator[Mention]:
        """Yield what numbers mean; for the axis and the QRS the text's own words win (rule 6)."""
        for each in measured:
            for concept in self._meanings.meant(each, sex):
                if each.measurement.name in _WORDS_WIN and self._gainsaid(concept, named):
                    continue
                span = each.measurement.span
                yield Mention(concept, tokens_within(tokens, span), (span,), "measured", _MEASURED_CONFIDENCE)

    def _grown(self, tokens: Sequence[Token], spans: Sequence[Span]) -> Iterator[Mention]:
        for span in spans:
            if _GROWING in self._ontology:
                yield Mention(
                    _GROWING, tokens_within(tokens, span), (span,), "measured", _MEASURED_CONFIDENCE
                )

    def _miscalled(
        self, folded: Folded, tokens: Sequence[Token], measured: Sequence[Measured]
    ) -> Iterator[Mention]:
        """Yield what the words right after a number wrongly state of it."""
        for each in measured:
            if (told := self._meanings.miscalled(folded, each)) and (words := tokens_within(tokens, told[1])):
                concept, span = told
                yield Mention(concept, words, (each.measurement.span, span), "exact", _MEASURED_CONFIDENCE)

    def _gainsaid(self, concept: str, named: set[str]) -> bool:
        return any(self._ontology.exclude_each_other(concept, each) for each in named)

    def _otherwise(
        self, folded: Folded, tokens: Sequence[Token], mentions: Sequence[Mention]
    ) -> Iterator[Mention]:
        """Yield what is put in other words, where no name has them."""
        named = {mention.concept for mention in mentions}
        tales: list[Mention] = []
        wholes = [set(mention.tokens) for mention in mentions]
        for mention in (
            *self._shapes.found(tokens),
            *self._described.found(folded, tokens),
            *self._paraphrases.found(folded, tokens),
        ):
            if mention.method == "paraphrase":
                within = any(set(mention.tokens) <= whole for whole in wholes)
                if within or self._is_retold(mention, (*tales, *mentions)):
                    continue
                tales.append(mention)
            if not any(self._ontology.within(concept, mention.concept) for concept in named):
                named.add(mention.concept)
                yield mention

    def _is_retold(self, tale: Mention, others: Sequence[Mention]) -> bool:
        """Say whether a tale takes a word of something that it cannot be true beside: that is chance."""
        return any(
            not set(tale.tokens).isdisjoint(other.tokens)
            and self._ontology.exclude_each_other(tale.concept, other.concept)
            for other in others
        )

    def _led(self, folded: Folded, tokens: Sequence[Token]) -> Iterator[Mention]:
        for group in lead_groups(folded):
            within = tokens_within(tokens, group.span)
            for territory in group.territories:
                if territory in self._ontology and within:
                    yield Mention(territory, within, (group.span,), "exact", _LEADS_CONFIDENCE, leads=True)

    def _claims(self, tokens: Sequence[Token], mentions: Sequence[Mention]) -> tuple[tuple[Claim, ...], bool]:
        """Return what the text says of each mention, and whether it sets one above another."""
        ordered = list(
            self._once(tokens, sorted(mentions, key=lambda mention: (mention.tokens, mention.concept)))
        )
        places = [self._place(mention) for mention in ordered]
        attitudes = Attitudes(tokens, places)
        stated = {
            mention.tokens: attitudes.towards(place) for mention, place in zip(ordered, places, strict=True)
        }
        for mention in ordered:
            if mention.like in stated and stated[mention.tokens].polarity is Polarity.PRESENT:
                stated[mention.tokens] = stated[mention.like]
        for one, other in attitudes.alternatives(places):
            self._hedge(ordered[one], ordered[other], stated)
        ranked = [
            (ordered[one], ordered[other], worded)
            for one, other, worded in attitudes.ranked(places)
            if self._compete(ordered[one].concept, ordered[other].concept, alike=worded)
        ]
        for first, second, worded in ranked:
            self._rank(first, second, stated, worded=worded)
        unqualified = self._unqualified(tokens, mentions, ordered, stated)
        claims = merged(
            [*unqualified, *(self._claim(mention, stated[mention.tokens]) for mention in ordered)]
        )
        return claims, bool(ranked)

    def _unqualified(
        self,
        tokens: Sequence[Token],
        mentions: Sequence[Mention],
        kept: Sequence[Mention],
        stated: Mapping[tuple[int, ...], Attitude],
    ) -> list[Claim]:
        """Return what stands asserted beside a more precise name that is only held possible.

        `Péricardite aiguë, myopéricardite possible` asserts the first.
        """
        doubted = {
            up
            for mention in kept
            if stated[mention.tokens].certainty in {Certainty.POSSIBLE, Certainty.PROBABLE}
            for up in self._ontology.ancestors(mention.concept)
        }
        tokens_kept = {mention.tokens for mention in kept}
        dropped = [
            mention
            for mention in mentions
            if mention.concept in doubted
            and mention.method != "measured"
            and mention.tokens not in tokens_kept
        ]
        if not dropped:
            return []
        ordered = sorted(mentions, key=lambda mention: (mention.tokens, mention.concept))
        attitudes = Attitudes(tokens, [self._place(mention) for mention in ordered])
        held = [(mention, attitudes.towards(self._place(mention))) for mention in dropped]
        return [
            self._claim(mention, attitude)
            for mention, attitude in held
            if attitude.polarity is Polarity.PRESENT and attitude.certainty is Certainty.ASSERTED
        ]

    def _once(self, tokens: Sequence[Token], ordered: Sequence[Mention]) -> Iterator[Mention]:
        """Yield mentions but those that another says more precisely in the same words (rule 2).

        `BAV 2, Mobitz 1` names one block, the second name added to the first; so does `onde P visible devant
        chaque QRS`.
        """
        for position, mention in enumerate(ordered):
            near = ordered[max(0, position - 2) : position + 3]
            if not any(self._is_said_by(mention, other, tokens) for other in near):
                yield mention

    def _is_said_by(self, wide: Mention, narrow: Mention, tokens: Sequence[Token]) -> bool:
        if wide.concept not in self._ontology.ancestors(narrow.concept):
            return False
        if set(wide.tokens) < set(narrow.tokens) and narrow.method == "combined":
            return True
        if wide.tokens[0] == narrow.tokens[0] and wide.method == narrow.method == "exact":
            return True
        kinds = {self._ontology.concept(each.concept).kind for each in (wide, narrow)}
        between = [token.key for token in tokens[wide.tokens[-1] + 1 : narrow.tokens[0]]]
        added = wide.tokens[-1] < narrow.tokens[0] and set(between) <= _ADDED and len(between) <= 2
        return kinds == {Kind.DIAGNOSIS} and added

    def _place(self, mention: Mention) -> Mentioned:
        kind, shelf = (
            self._ontology.concept(mention.concept).kind,
            self._ontology.concept(mention.concept).category,
        )
        return Mentioned(
            mention.tokens[0],
            mention.tokens[-1],
            frozenset(mention.tokens),
            closely=kind is Kind.NORMALITY or mention.method == "measured",
            attached=kind in {Kind.TERRITORY, Kind.QUALIFIER} or mention.method == "measured",
            shared=mention.like is not None,
            shelf=shelf,
            overall=kind is Kind.NORMALITY and shelf is Category.NORMAL,
            concludes=kind is Kind.DIAGNOSIS,
            told=mention.method == "paraphrase",
        )

    def _hedge(self, one: Mention, other: Mention, stated: dict[tuple[int, ...], Attitude]) -> None:
        """Take `BAV 2 ou BAV 3` as two possibilities; a thing and its own synonym are none."""
        if not self._are_rivals(one.concept, other.concept):
            return
        for mention in (one, other):
            attitude = stated[mention.tokens]
            if attitude.polarity is Polarity.PRESENT:
                stated[mention.tokens] = replace(attitude, certainty=Certainty.POSSIBLE)

    def _rank(
        self, first: Mention, second: Mention, stated: dict[tuple[int, ...], Attitude], *, worded: bool
    ) -> None:
        """Take `TV > TSV aberrante` as the likelier and the possible, `TV plutôt que TSV` as TV held."""
        for mention, certainty in ((first, Certainty.PROBABLE), (second, Certainty.POSSIBLE)):
            if worded and mention is first:
                continue
            if stated[mention.tokens].polarity is Polarity.PRESENT:
                stated[mention.tokens] = replace(stated[mention.tokens], certainty=certainty)

    def _are_rivals(self, one: str, other: str) -> bool:
        entries = [self._ontology.concept(each) for each in (one, other)]
        concluded = (is_conclusion(each) and each.kind is not Kind.NORMALITY for each in entries)
        early = (self._ontology.within(each, _PREMATURE) for each in (one, other))
        competing = all(map(any, zip(concluded, early, strict=True)))
        return competing and not self._ontology.related(one, other)

    def _compete(self, one: str, other: str, *, alike: bool) -> bool:
        """Say whether two diagnoses are rivals, and if need be of one sort or excluding each other."""
        shelves = {self._ontology.concept(each).category for each in (one, other)}
        akin = len(shelves) == 1 or self._ontology.exclude_each_other(one, other)
        return (akin or not alike) and self._are_rivals(one, other)

    def _claim(self, mention: Mention, attitude: Attitude) -> Claim:
        concept = self._ontology.concept(mention.concept)
        polarity, certainty = attitude.polarity, attitude.certainty
        if mention.denied and polarity is Polarity.PRESENT:
            polarity, certainty = Polarity.ABSENT, Certainty.ASSERTED
        identifier = concept.id
        if polarity is Polarity.ABSENT and certainty is not Certainty.REJECTED and concept.absence:
            identifier, polarity = concept.absence, Polarity.PRESENT
        return Claim(
            concept=identifier,
            polarity=polarity,
            certainty=certainty,
            expression=Expression.PARAPHRASED if mention.method in _PARAPHRASED else Expression.EXPLICIT,
            confidence=round(max(mention.confidence - attitude.doubt, _LEAST_CONFIDENCE), 1),
            spans=mention.spans,
            method=mention.method,
        )


def merged(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Make one claim of all that say the same; the last firm one's certainty stands (rule 4)."""
    said: dict[tuple[str, Polarity], list[Claim]] = {}
    for claim in claims:
        said.setdefault((claim.concept, claim.polarity), []).append(claim)
    return tuple(_one_of(each) for each in said.values())


def _one_of(claims: Sequence[Claim]) -> Claim:
    named = [claim for claim in claims if claim.expression is Expression.EXPLICIT]
    firm = [claim for claim in claims if claim.confidence >= FIRM_CONFIDENCE]
    return replace(
        (named or claims)[0],
        certainty=(firm or claims)[-1].certainty,
        confidence=max(claim.confidence for claim in claims),
        spans=tuple(sorted({span for claim in claims for span in claim.spans})),
    )


def _unresolved(
    tokens: Sequence[Token], mentions: Sequence[Mention], measured: Sequence[Measured]
) -> tuple[Span, ...]:
    """Return the phrases, between marks, of at least two words in which nothing was recognised."""
    known = {index for mention in mentions for index in mention.tokens}
    known.update(index for each in mentions for span in each.spans for index in tokens_within(tokens, span))
    known.update(index for each in measured for index in tokens_within(tokens, each.measurement.span))
    found: list[Span] = []
    phrase: list[int] = []
    for index, token in enumerate((*tokens, Token(".", 0, 0, mark=True))):
        if not token.mark:
            phrase.append(index)
            continue
        telling = [each for each in phrase if tokens[each].key not in SKIPPED]
        if len(telling) > 1 and known.isdisjoint(phrase):
            found.append(Span(tokens[phrase[0]].start, tokens[phrase[-1]].end))
        phrase = []
    return tuple(found)
