"""What does not hold together in a text, and how it weighs its diagnoses against each other."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from ml.language.concepts import Category, Concept, Kind, Severity
from ml.language.implying import covered, firm, signs_of
from ml.language.ontology import Ontology
from ml.language.types import Certainty, Claim, Expression, Finding, FindingKind, Measurement, Polarity, Span

_GRAVEST = tuple(FindingKind)


class Findings:
    """Looks for faults in the claims of one text at a time."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._denials = {each.absence: each.id for each in ontology.concepts if each.absence}

    def of(
        self, claims: Sequence[Claim], measurements: Sequence[Measurement], *, ranked: bool
    ) -> tuple[Finding, ...]:
        """Return what is found, each once.

        Parameters
        ----------
        ranked
            Whether the text compares what it names (`plutôt que`, `moins probable`).
        """
        affirmed = firm(claims)
        found = [
            *self._polarity_conflicts(claims, affirmed),
            *self._measurement_conflicts(affirmed, measurements),
            *self._incompatible(affirmed),
            *self._unsupported(affirmed),
            *self._differential(claims, ranked=ranked),
        ]
        told = {finding.concepts for finding in found if finding.kind is FindingKind.MEASUREMENT_CONFLICT}
        kept = [
            finding
            for finding in dict.fromkeys(found)
            if finding.kind is not FindingKind.INTERNAL_ERROR or finding.concepts not in told
        ]
        return tuple(sorted(kept, key=lambda finding: _GRAVEST.index(finding.kind)))

    def _polarity_conflicts(self, claims: Sequence[Claim], affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield what is affirmed, by itself or through a more specific concept, and denied as well."""
        for claim in affirmed:
            for other in claims:
                denied = self._denied(other)
                if denied is not None and self._ontology.within(claim.concept, denied):
                    yield _finding(FindingKind.POLARITY_CONFLICT, claim, other)

    def _denied(self, claim: Claim) -> str | None:
        """Return what a claim denies, be it by stating the concept of its absence."""
        if claim.polarity is Polarity.ABSENT:
            return claim.concept
        return self._denials.get(claim.concept) if claim.method != "measured" else None

    def _measurement_conflicts(
        self, affirmed: Sequence[Claim], measurements: Sequence[Measurement]
    ) -> Iterator[Finding]:
        """Yield the numbers that mean something else than the words beside them, or than the conclusion."""
        named = [claim for claim in affirmed if claim.method != "measured"]
        known = covered(named, self._ontology)
        for each in measurements:
            if each.meaning is None or each.meaning in known:
                continue
            for claim in named:
                if not self._ontology.exclude_each_other(claim.concept, each.meaning):
                    continue
                interval = self._ontology.concept(claim.concept).range
                if each.agrees is False or interval is None:
                    yield Finding(
                        FindingKind.MEASUREMENT_CONFLICT,
                        (each.meaning, claim.concept),
                        tuple(sorted({each.span, *claim.spans})),
                    )

    def _incompatible(self, affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield pairs that cannot both be true, and conclusions beside a sign that argues against them."""
        for one, other in combinations(affirmed, 2):
            if "measured" in {one.method, other.method} and not self._is_diagnosis(one, other):
                continue
            first, second = (self._ontology.concept(each.concept) for each in (one, other))
            if self._are_denials(first, second):
                continue
            if self._ontology.exclude_each_other(first.id, second.id):
                conclusions = is_conclusion(first) and is_conclusion(second)
                alike = not is_conclusion(first) and not is_conclusion(second)
                kind = FindingKind.CONTRADICTION if conclusions or alike else FindingKind.INTERNAL_ERROR
                yield _finding(kind, one, other)
            elif self._argues(first, second) or self._argues(second, first):
                yield _finding(FindingKind.INTERNAL_ERROR, one, other)

    def _is_diagnosis(self, *claims: Claim) -> bool:
        return any(is_conclusion(self._ontology.concept(claim.concept)) for claim in claims)

    def _are_denials(self, one: Concept, other: Concept) -> bool:
        """Say whether one states the absence of the other: that is a conflict of polarity."""
        return any(
            denied is not None and self._ontology.within(claimed.id, denied)
            for claimed, denied in (
                (one, self._denials.get(other.id)),
                (other, self._denials.get(one.id)),
            )
        )

    def _argues(self, sign: Concept, conclusion: Concept) -> bool:
        family = (conclusion.id, *self._ontology.ancestors(conclusion.id))
        return any(
            self._ontology.within(sign.id, each)
            for member in family
            for each in self._ontology.concept(member).against
        )

    def _unsupported(self, affirmed: Sequence[Claim]) -> Iterator[Finding]:
        """Yield grave diagnoses for which no sign of their picture is given."""
        held = covered(affirmed, self._ontology)
        for claim in affirmed:
            concept = self._ontology.concept(claim.concept)
            if concept.severity is Severity.URGENT and is_conclusion(concept):
                family = [
                    self._ontology.concept(up) for up in (concept.id, *self._ontology.ancestors(concept.id))
                ]
                signs = {sign for member in family for sign in signs_of(member)}
                if not any(sign in held and held[sign] is not claim for sign in signs):
                    yield Finding(FindingKind.UNSUPPORTED_DIAGNOSIS, (concept.id,), claim.spans)

    def _differential(self, claims: Sequence[Claim], *, ranked: bool) -> Iterator[Finding]:
        """Yield the diagnoses that are weighed against each other."""
        weighed = [
            claim
            for claim in claims
            if is_conclusion(self._ontology.concept(claim.concept))
            and claim.expression is not Expression.IMPLIED
            and (claim.polarity is Polarity.PRESENT or claim.certainty is Certainty.REJECTED)
        ]
        open_ones = [
            claim for claim in weighed if claim.certainty in {Certainty.POSSIBLE, Certainty.PROBABLE}
        ]
        rivals = [
            claim
            for claim in weighed
            if any(not self._ontology.related(claim.concept, each.concept) for each in open_ones)
        ]
        if not open_ones or len(rivals) < 2:
            return
        kind = FindingKind.RANKED_DIFFERENTIAL if ranked else FindingKind.HEDGED_DIFFERENTIAL
        spans = tuple(sorted({span for claim in rivals for span in claim.spans}))
        yield Finding(kind, tuple(claim.concept for claim in rivals), spans)


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
