"""What does not hold together in a text, and how it weighs its diagnoses against each other."""

from collections.abc import Container, Iterator, Sequence
from itertools import combinations

from ml.language.concepts import Category, Concept, Kind, Measure, Severity
from ml.language.cues import Weighing
from ml.language.implying import FIRM_CONFIDENCE, covered, firm, signs_of
from ml.language.ontology import Ontology
from ml.language.types import Certainty, Claim, Expression, Finding, FindingKind, Measurement, Polarity, Span

_GRAVEST = tuple(FindingKind)
# With one of these, two conclusions about the rhythm are both true: of another chamber, or of its turn.
_TWO_RHYTHMS = ("AV_BLOCK", "AV_DISSOCIATION", "ESCAPE_RHYTHM", "PAUSE", "SINUS_NODE_DYSFUNCTION")
# With one of these there are two sorts of beats, narrow ones and wide ones.
_TWO_BEATS = (
    "PREMATURE_COMPLEX",
    "EVERY_OTHER_BEAT",
    "CAPTURE_BEAT",
    "FUSION_BEAT",
    "ESCAPE_RHYTHM",
    "PACED_RHYTHM",
)
_DOUBTED = frozenset({Certainty.POSSIBLE, Certainty.PROBABLE})


class Findings:
    """Looks for faults in the claims of one text at a time."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology

    def of(
        self,
        claims: Sequence[Claim],
        measurements: Sequence[Measurement],
        weighing: Weighing,
        shown: Container[str] = (),
    ) -> tuple[Finding, ...]:
        """Return what is found, each once.

        Parameters
        ----------
        weighing
            How the text sets what it names against each other.
        shown
            Diagnoses whose name in the text spells a sign out.
        """
        affirmed = firm(claims)
        of_one_moment = [
            *self._measurement_conflicts(affirmed, measurements),
            *self._incompatible(_without_agreed(affirmed, measurements)),
        ]
        found = [
            *self._polarity_conflicts(claims, affirmed),
            *(each for each in of_one_moment if not weighing.parts(each)),
            *self._denied_grounds(claims, affirmed),
            *(each for each in self._unsupported(affirmed) if each.concepts[0] not in shown),
            *self._differential(claims, weighing),
        ]
        kept = [finding for finding in dict.fromkeys(found) if not _told_otherwise(finding, found)]
        return tuple(sorted(kept, key=lambda finding: _GRAVEST.index(finding.kind)))

    def _polarity_conflicts(self, claims: Sequence[Claim], affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield what is affirmed, by itself or through a more specific concept, and denied as well."""
        for claim in affirmed:
            for other in (each for each in claims if each.confidence >= FIRM_CONFIDENCE):
                denied = self._denied(other)
                if denied is None or not self._ontology.within(claim.concept, denied):
                    continue
                counted = claim.method == "measured"  # a number beside the wrong word, told as such
                if other.polarity is Polarity.ABSENT or (
                    not counted and self._is_same_sort(claim.concept, denied)
                ):
                    yield _finding(FindingKind.POLARITY_CONFLICT, claim, other)

    def _is_same_sort(self, claimed: str, denied: str) -> bool:
        """Say whether what an absence denies is the thing itself; a flat ST denies no STEMI, it errs."""
        conclusion = is_conclusion(self._ontology.concept(claimed))
        return not (conclusion and self._ontology.concept(denied).kind is Kind.SIGN)

    def _denied_grounds(self, claims: Sequence[Claim], affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield conclusions beside the denial of a sign in each of their pictures: `WPW sans onde delta`."""
        denied = [
            each for each in claims if each.polarity is Polarity.ABSENT and each.confidence >= FIRM_CONFIDENCE
        ]
        for claim in affirmed:
            needed = self._needed(self._ontology.concept(claim.concept))
            for other in denied:
                if any(self._ontology.within(sign, other.concept) for sign in needed):
                    yield _finding(FindingKind.INTERNAL_ERROR, claim, other)

    def _needed(self, concept: Concept) -> set[str]:
        """Return the signs in every picture of a conclusion; a pacemaker's spike may be too small to see."""
        if not concept.requires or concept.category is Category.PACING or not is_conclusion(concept):
            return set()
        shared = set.intersection(*map(set, concept.requires))
        return {sign for sign in shared if self._ontology.concept(sign).kind is Kind.SIGN}

    def _denied(self, claim: Claim) -> str | None:
        """Return what a claim denies, be it by stating the concept of its absence."""
        if claim.polarity is Polarity.ABSENT:
            return claim.concept
        return self._ontology.denied_by(claim.concept) if claim.method != "measured" else None

    def _measurement_conflicts(
        self, affirmed: Sequence[Claim], measurements: Sequence[Measurement]
    ) -> Iterator[Finding]:
        """Yield the numbers that mean something else than the words beside them, or than the conclusion."""
        named = [claim for claim in affirmed if claim.method != "measured"]
        known = covered(named, self._ontology)
        found: dict[tuple[str, ...], set[Span]] = {}
        for each in measurements:
            if each.meaning in known and each.agrees is not False:
                continue
            for claim in named:
                if self._miscalls(claim, each):
                    involved = (each.meaning, claim.concept) if each.meaning else (claim.concept,)
                    found.setdefault(involved, set(claim.spans)).add(each.span)
        for concepts, spans in found.items():
            yield Finding(FindingKind.MEASUREMENT_CONFLICT, concepts, tuple(sorted(spans)))

    def _miscalls(self, claim: Claim, measurement: Measurement) -> bool:
        """Say whether a claim is the wrong word for a number, or a conclusion the number speaks against."""
        interval = self._ontology.concept(claim.concept).range
        if measurement.meaning is None:
            return (
                measurement.agrees is False and interval is not None and interval.measure == measurement.name
            )
        excluded = self._ontology.exclude_each_other(claim.concept, measurement.meaning)
        return excluded and (measurement.agrees is False or (interval is None and measurement.agrees is None))

    def _incompatible(self, affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield pairs that cannot both be true, and conclusions beside what argues against them."""
        two_beats = any(self._ontology.within(each.concept, two) for each in affirmed for two in _TWO_BEATS)
        for one, other in combinations(affirmed, 2):
            if "measured" in {one.method, other.method} and not self._is_diagnosis(one, other):
                continue
            first, second = (self._ontology.concept(each.concept) for each in (one, other))
            if self._are_denials(first, second) or (two_beats and self._are_of_the_qrs(first, second)):
                continue
            overall = _is_overall(first, second) or _is_overall(second, first)
            if overall or self._ontology.exclude_each_other(first.id, second.id):
                conclusions = is_conclusion(first) and is_conclusion(second)
                alike = not is_conclusion(first) and not is_conclusion(second)
                kind = FindingKind.CONTRADICTION if conclusions or alike else FindingKind.INTERNAL_ERROR
                yield _finding(kind, one, other)
            elif self._argues(first, second, affirmed) or self._argues(second, first, affirmed):
                conclusions = is_conclusion(first) and is_conclusion(second)
                if not conclusions or Category.PACING in {first.category, second.category}:
                    yield _finding(FindingKind.INTERNAL_ERROR, one, other)
                elif not any(
                    self._ontology.within(each.concept, two) for each in affirmed for two in _TWO_RHYTHMS
                ):
                    yield _finding(FindingKind.CONTRADICTION, one, other)

    def _are_of_the_qrs(self, *concepts: Concept) -> bool:
        """Say whether all tell how wide the QRS is, and no more."""
        return all(each.range is not None and each.range.measure == Measure.QRS for each in concepts)

    def _is_diagnosis(self, *claims: Claim) -> bool:
        return any(is_conclusion(self._ontology.concept(claim.concept)) for claim in claims)

    def _are_denials(self, one: Concept, other: Concept) -> bool:
        """Say whether one states the absence of the other: that is a conflict of polarity."""
        return any(
            denied is not None
            and self._ontology.within(claimed.id, denied)
            and self._is_same_sort(claimed.id, denied)
            for claimed, denied in (
                (one, self._ontology.denied_by(other.id)),
                (other, self._ontology.denied_by(one.id)),
            )
        )

    def _argues(self, sign: Concept, conclusion: Concept, affirmed: Sequence[Claim]) -> bool:
        """Say whether a sign speaks against a conclusion, and no other conclusion beside it accounts for it.

        `FA et BAV complet, RR réguliers`: the block makes them so.
        """
        speaks = any(
            self._ontology.within(sign.id, each)
            for member in self._ontology.lineage(conclusion.id)
            for each in self._ontology.concept(member).against
        )
        return speaks and not any(
            self._accounts_for(each.concept, sign.id)
            for each in affirmed
            if each.concept not in {sign.id, conclusion.id}
            and not self._ontology.related(each.concept, conclusion.id)
            and not self._ontology.exclude_each_other(each.concept, conclusion.id)
        )

    def _accounts_for(self, other: str, sign: str) -> bool:
        concept = self._ontology.concept(other)
        if not is_conclusion(concept) or concept.kind is not Kind.DIAGNOSIS:
            return False
        picture = {each for member in self._family(concept) for each in signs_of(member)}
        return not picture.isdisjoint(self._ontology.lineage(sign))

    def _unsupported(self, affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield grave diagnoses for which no sign of their picture is given."""
        for claim in affirmed:
            concept = self._ontology.concept(claim.concept)
            if concept.severity is Severity.URGENT and self._needs_signs(concept):
                wider = {each for each in self._ontology.ancestors(concept.id) if self._is_named_so(each)}
                signs = {sign for member in self._family(concept) for sign in signs_of(member)} - wider
                held = covered([each for each in affirmed if each is not claim], self._ontology)
                if held.keys().isdisjoint(signs):
                    yield Finding(FindingKind.UNSUPPORTED_DIAGNOSIS, (concept.id,), claim.spans)

    def _needs_signs(self, concept: Concept) -> bool:
        """Say whether a diagnosis stands on signs its name does not state, as `tachycardie à QRS larges`.

        A fault of a pacemaker is itself what one sees: `spike non suivi de QRS`.
        """
        general = self._ontology.ancestors(concept.id)
        recognisable = any(member.requires or member.supports for member in self._family(concept))
        says_itself = any(
            all(sign in general and not self._is_named_so(sign) for sign in signs)
            for signs in concept.requires
        )
        told = says_itself or concept.category is Category.PACING
        return is_conclusion(concept) and recognisable and not told

    def _is_named_so(self, concept: str) -> bool:
        return self._ontology.concept(concept).kind is Kind.DIAGNOSIS

    def _family(self, concept: Concept) -> list[Concept]:
        return [self._ontology.concept(each) for each in self._ontology.lineage(concept.id)]

    def _differential(self, claims: Sequence[Claim], weighing: Weighing) -> Iterator[Finding]:
        """Yield the diagnoses that are weighed against each other, or against something left open."""
        compares = weighing.ranked or weighing.chosen or weighing.left_open
        weighed = [claim for claim in claims if self._is_weighed(claim, signs=compares)]
        doubted = [claim for claim in weighed if claim.certainty in _DOUBTED]
        rivals = self._rivals(weighed, doubted, numbered=weighing.chosen)
        if len(rivals) < 2 and not (doubted and weighing.left_open):
            return
        ranked = weighing.ranked or weighing.chosen
        told = rivals if len(rivals) > 1 else doubted
        yield Finding(
            FindingKind.RANKED_DIFFERENTIAL if ranked else FindingKind.HEDGED_DIFFERENTIAL,
            tuple(claim.concept for claim in told),
            tuple(sorted({span for claim in told for span in claim.spans})),
        )

    def _is_weighed(self, claim: Claim, *, signs: bool) -> bool:
        """Say whether a claim is a conclusion the text holds, doubts, or considered and dropped.

        With `signs`, extrasystoles count too: `Mobitz 2 plutôt que des ESA bloquées`.
        """
        entry = self._ontology.concept(claim.concept)
        counts = is_conclusion(entry) or (signs and is_ectopy(entry))
        stated = claim.expression is not Expression.IMPLIED and counts
        return stated and (claim.polarity is Polarity.PRESENT or claim.certainty is Certainty.REJECTED)

    def _are_rivals(self, one: Claim, other: Claim) -> bool:
        """Say whether two claims compete; part of the other's picture only with what it excludes."""
        grounds = self._is_ground(one, other) or self._is_ground(other, one)
        excluded = self._ontology.exclude_each_other(one.concept, other.concept)
        return self._are_alike(one, other) and (excluded or not grounds)

    def _are_alike(self, one: Claim, other: Claim) -> bool:
        """Say whether two claims can compete; a normal rhythm, or a pacemaker, only with what it excludes."""
        if self._ontology.related(one.concept, other.concept):
            return False
        entries = [self._ontology.concept(each.concept) for each in (one, other)]
        return self._ontology.exclude_each_other(one.concept, other.concept) or all(
            each.kind is not Kind.NORMALITY and each.category is not Category.PACING for each in entries
        )

    def _is_ground(self, sign: Claim, conclusion: Claim) -> bool:
        """Say whether a firm claim is in the picture of a conclusion: `tachycardie sinusale, EP possible`."""
        concept = self._ontology.concept(conclusion.concept)
        picture = {each for member in self._family(concept) for each in signs_of(member)}
        picture.difference_update(self._ontology.ancestors(concept.id))
        asserted = sign.certainty is Certainty.ASSERTED
        return asserted and not picture.isdisjoint(self._ontology.lineage(sign.concept))

    def _rivals(self, weighed: Sequence[Claim], doubted: Sequence[Claim], *, numbered: bool) -> list[Claim]:
        """Return the claims that stand against another: one of two is doubted, or all are given a rank."""
        if numbered:
            return [one for one in weighed if any(self._are_alike(one, other) for other in weighed)]
        return [
            one
            for one in weighed
            if any(self._are_rivals(one, other) for other in (weighed if one in doubted else doubted))
        ]


def _without_agreed(affirmed: Sequence[Claim], measurements: Sequence[Measurement]) -> list[Claim]:
    """Leave out what numbers mean by themselves where the word beside them is near enough."""
    agreed = {each.meaning for each in measurements if each.agrees}
    return [claim for claim in affirmed if claim.method != "measured" or claim.concept not in agreed]


def _told_otherwise(finding: Finding, found: Sequence[Finding]) -> bool:
    """Say whether another finding tells the same better: rivals do not contradict, a wrong number is one."""
    if finding.kind is FindingKind.POLARITY_CONFLICT:
        return any(
            each.kind is FindingKind.MEASUREMENT_CONFLICT
            and not set(finding.concepts).isdisjoint(each.concepts)
            for each in found
        )
    better = {
        FindingKind.CONTRADICTION: FindingKind.RANKED_DIFFERENTIAL,
        FindingKind.INTERNAL_ERROR: FindingKind.MEASUREMENT_CONFLICT,
    }.get(finding.kind)
    return any(each.kind is better and set(finding.concepts) <= set(each.concepts) for each in found)


def _is_overall(one: Concept, other: Concept) -> bool:
    """Say whether one calls the tracing normal as a whole and the other is a diagnosis that matters."""
    normal = one.kind is Kind.NORMALITY and one.category is Category.NORMAL and bool(one.requires)
    return normal and other.kind is Kind.DIAGNOSIS and other.severity not in {None, Severity.MINOR}


def is_ectopy(concept: Concept) -> bool:
    """Say whether a concept is one sort of a disturbance of the rhythm that counts as a sign."""
    graded = concept.severity is not None and bool(concept.parents)
    return concept.kind is Kind.SIGN and concept.category is Category.RHYTHM and graded


def is_conclusion(concept: Concept) -> bool:
    """Say whether a concept is what a reader concludes rather than what he sees.

    A diagnosis, a normal rhythm, and normality or an artefact where signs can amount to it (`ECG normal`).
    """
    if concept.kind is Kind.DIAGNOSIS:
        return True
    if concept.kind is Kind.NORMALITY:
        return concept.category is Category.RHYTHM or bool(concept.requires)
    return concept.category is Category.TECHNICAL and bool(concept.requires)


def _finding(kind: FindingKind, one: Claim, other: Claim) -> Finding:
    spans: set[Span] = {*one.spans, *other.spans}
    return Finding(kind, tuple(dict.fromkeys((one.concept, other.concept))), tuple(sorted(spans)))
