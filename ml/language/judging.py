"""The overall judgement of an answer, in the words of the teachers who described how answers go wrong.

The rules, version 5, the first that applies:

1. one thing affirmed and denied: `same_concept_polarity_conflict`;
2. a number called what it is not: `measurement_semantic_conflict`;
3. two conclusions that exclude each other: `global_contradiction`;
4. another diagnosis preferred to the expected one: as rule 7 or `wrong_diagnosis`;
5. the expected diagnosis weighed against others: `ranked_differential_correct` when the text says which is
   likelier, `appropriate_uncertainty` when it is held likelier without saying so, `hedged_correct` when it is
   only one possibility;
6. the expected diagnosis stated: `correct_with_internal_error` beside a sign that argues against it, else
   `explicit_correct`, or `paraphrased_or_implicit_correct` when it is put in other words;
7. another grave diagnosis without any sign for it: `critical_unsupported_wrong_diagnosis`;
8. the expected diagnosis denied: `wrong_diagnosis`;
9. the expected diagnosis not named, its signs all there: `implicit_complete`, or
   `paraphrased_or_implicit_correct` when the signs are put in other words, or `hedged_correct` beside a wider
   name of it that is only one possibility;
10. what cannot be beside it concluded (`ECG normal`): `wrong_diagnosis`;
11. a wider name of what is expected, not stated through something else: `implicit_partial`;
12. another diagnosis, or another sort of the disturbance expected: `wrong_diagnosis`;
13. some sign of what is expected, stated or implied, or a wider name of it that is only a possibility:
    `implicit_partial`; else extrasystoles: `wrong_diagnosis`; else `insufficient`.

A diagnosis is preferred when it is held more firmly than the expected one and cannot be true beside it; or
when the text weighs the two and holds it likelier, or names it first of those it ranks.

Without anything expected only the first three can be said.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from ml.language.concepts import Category, Kind
from ml.language.findings import is_conclusion, is_ectopy
from ml.language.implying import FIRM_CONFIDENCE, covered, firm, is_named, shown_of, signs_of
from ml.language.ontology import Ontology
from ml.language.types import FIRMNESS, Certainty, Claim, Expression, Finding, FindingKind, Polarity, Reading


class Judgment(StrEnum):
    """How an answer stands to what was expected."""

    EXPLICIT_CORRECT = "explicit_correct"
    PARAPHRASED = "paraphrased_or_implicit_correct"
    IMPLICIT_COMPLETE = "implicit_complete"
    IMPLICIT_PARTIAL = "implicit_partial"
    INSUFFICIENT = "insufficient"
    INTERNAL_ERROR = "correct_with_internal_error"
    CONTRADICTION = "global_contradiction"
    POLARITY_CONFLICT = "same_concept_polarity_conflict"
    MEASUREMENT_CONFLICT = "measurement_semantic_conflict"
    UNSUPPORTED_CRITICAL = "critical_unsupported_wrong_diagnosis"
    WRONG_DIAGNOSIS = "wrong_diagnosis"
    HEDGED_CORRECT = "hedged_correct"
    RANKED_CORRECT = "ranked_differential_correct"
    APPROPRIATE_UNCERTAINTY = "appropriate_uncertainty"


_BY_FINDING = (
    (FindingKind.POLARITY_CONFLICT, Judgment.POLARITY_CONFLICT),
    (FindingKind.MEASUREMENT_CONFLICT, Judgment.MEASUREMENT_CONFLICT),
    (FindingKind.CONTRADICTION, Judgment.CONTRADICTION),
)
_DIFFERENTIALS = frozenset({FindingKind.RANKED_DIFFERENTIAL, FindingKind.HEDGED_DIFFERENTIAL})


def judge(reading: Reading, expected: Sequence[str], ontology: Ontology) -> Judgment | None:
    """Judge a reading against the concepts a case is about.

    Parameters
    ----------
    expected
        Identifiers of the case's key; its diagnoses decide, or all of it where it has none.

    Returns
    -------
    None where nothing is expected and nothing is wrong with the text by itself.
    """
    kinds = {finding.kind for finding in reading.findings}
    for kind, judgment in _BY_FINDING:
        if kind in kinds:
            return judgment
    targets = _targets(expected, ontology)
    if not targets:
        return None
    answer = _Answer(reading, targets, ontology)
    if answer.preferred() is not None:
        return answer.grave() or Judgment.WRONG_DIAGNOSIS
    return (
        answer.weighed()
        or answer.stated()
        or answer.grave()
        or answer.denied()
        or answer.implied()
        or answer.rest()
    )


def preferred_to(reading: Reading, expected: str, ontology: Ontology) -> Claim | None:
    """Return the diagnosis that a text names beside one concept and holds likelier, if any."""
    return _Answer(reading, [expected], ontology).preferred()


def _targets(expected: Sequence[str], ontology: Ontology) -> list[str]:
    """Return what the case is about: its most specific conclusions, as far as a tracing shows them."""
    conclusions = [each for each in expected if is_conclusion(ontology.concept(each))] or list(expected)
    diagnoses = [each for each in conclusions if ontology.concept(each).severity is not None] or conclusions
    return [shown_of(each, ontology) for each in ontology.most_specific(diagnoses)]


class _Answer:
    def __init__(self, reading: Reading, targets: Sequence[str], ontology: Ontology) -> None:
        self._reading = reading
        self._targets = targets
        self._ontology = ontology
        self._kinds = {finding.kind for finding in reading.findings}
        self._affirmed = firm(reading.claims)
        self._implied = [claim for claim in reading.claims if claim.expression is Expression.IMPLIED]
        self._named = [claim for claim in reading.claims if self._names_target(claim)]
        self._weighed = self._named or self._named_more_widely()

    def preferred(self) -> Claim | None:
        """Return a diagnosis held likelier than what is expected, where the answer names both."""
        if not self._weighed:
            return None
        rivals = [
            claim
            for claim in self._reading.claims
            if claim.polarity is Polarity.PRESENT
            and claim.expression is not Expression.IMPLIED
            and claim.confidence >= FIRM_CONFIDENCE
            and self._concludes(claim.concept)
            and self._is_foreign(claim.concept)
        ]
        return next(filter(self._is_preferred, rivals), None)

    def _is_preferred(self, rival: Claim) -> bool:
        for finding in self._reading.findings:
            told = set(finding.concepts)
            expected = [claim for claim in self._weighed if claim.concept in told]
            if finding.kind in _DIFFERENTIALS and expected and rival.concept in told:
                return self._is_weighed_higher(rival, _firmest(expected), finding)
        return self._excludes(rival) and _is_firmer(rival, _firmest(self._weighed))

    def _is_weighed_higher(self, rival: Claim, expected: Claim, finding: Finding) -> bool:
        """Say whether a differential sets a claim above another."""
        firmer = _is_firmer(rival, expected)
        if finding.kind is FindingKind.HEDGED_DIFFERENTIAL:
            return firmer and (rival.certainty is Certainty.PROBABLE or self._excludes(rival))
        held = {rival.certainty, expected.certainty}
        if Certainty.POSSIBLE in held and len(held) > 1:
            return firmer
        if held == {Certainty.ASSERTED} and not self._excludes(rival) and self._is_doubting(finding):
            return False  # what is doubted is a third: both hold
        return finding.concepts.index(rival.concept) < finding.concepts.index(expected.concept)

    def _is_doubting(self, finding: Finding) -> bool:
        return any(
            claim.concept in finding.concepts and claim.certainty is not Certainty.ASSERTED
            for claim in self._reading.claims
        )

    def _concludes(self, concept: str) -> bool:
        entry = self._ontology.concept(concept)
        return is_conclusion(entry) or is_ectopy(entry)

    def weighed(self) -> Judgment | None:
        """Judge an expected diagnosis that is one of several, or one possibility."""
        held = {claim.certainty for claim in self._weighed}
        if not held:
            return None
        if held <= {Certainty.POSSIBLE}:
            ranked = FindingKind.RANKED_DIFFERENTIAL in self._kinds
            return Judgment.RANKED_CORRECT if ranked else Judgment.HEDGED_CORRECT
        if FindingKind.RANKED_DIFFERENTIAL in self._kinds:
            return Judgment.RANKED_CORRECT
        if Certainty.PROBABLE in held and FindingKind.HEDGED_DIFFERENTIAL in self._kinds:
            return Judgment.APPROPRIATE_UNCERTAINTY
        return None

    def stated(self) -> Judgment | None:
        """Judge an expected diagnosis that is firmly stated."""
        if not self._named or not self._names_enough():
            return None
        if FindingKind.INTERNAL_ERROR in self._kinds:
            return Judgment.INTERNAL_ERROR
        if any(claim.expression is Expression.EXPLICIT for claim in self._named):
            return Judgment.EXPLICIT_CORRECT
        return self._described(self._named)

    def grave(self) -> Judgment | None:
        """Judge a grave diagnosis that is not the case's and that nothing in the answer supports."""
        unsupported = (
            finding.concepts[0]
            for finding in self._reading.findings
            if finding.kind is FindingKind.UNSUPPORTED_DIAGNOSIS
        )
        return Judgment.UNSUPPORTED_CRITICAL if any(map(self._is_foreign, unsupported)) else None

    def denied(self) -> Judgment | None:
        """Judge an answer that denies what is expected."""
        sure = (claim for claim in self._reading.claims if claim.confidence >= FIRM_CONFIDENCE)
        return Judgment.WRONG_DIAGNOSIS if any(map(self._denies, sure)) else None

    def _denies(self, claim: Claim) -> bool:
        absent = claim.polarity is Polarity.ABSENT
        denied = claim.concept if absent else self._ontology.denied_by(claim.concept)
        return denied is not None and any(self._ontology.within(target, denied) for target in self._targets)

    def implied(self) -> Judgment | None:
        """Judge signs that amount to an expected diagnosis."""
        for claim in self._implied:
            if self._names(claim.concept):
                if any(map(self._is_doubted_widely, self._reading.claims)):
                    return Judgment.HEDGED_CORRECT
                if is_named(self._ontology.concept(claim.concept), self._affirmed, self._ontology):
                    erring = FindingKind.INTERNAL_ERROR in self._kinds
                    return Judgment.INTERNAL_ERROR if erring else Judgment.EXPLICIT_CORRECT
                grounds = [each for each in self._affirmed if set(each.spans) & set(claim.spans)]
                unsure = any(each.certainty is Certainty.PROBABLE for each in grounds)
                if unsure and self._kinds & _DIFFERENTIALS:
                    return Judgment.APPROPRIATE_UNCERTAINTY
                return self._described(grounds)
        tales = [claim for claim in self._affirmed if claim.method == "paraphrase"]
        return Judgment.PARAPHRASED if any(map(self._is_one_wider, tales)) else None

    def _is_doubted_widely(self, claim: Claim) -> bool:
        """Say whether a claim is a wider name of what is expected, and only a possibility."""
        possible = claim.polarity is Polarity.PRESENT and claim.certainty is Certainty.POSSIBLE
        return possible and self._is_one_wider(claim)

    def _described(self, grounds: Sequence[Claim]) -> Judgment:
        """Judge a description: a tale, unless most of what it stands on is named as the field names it."""
        told = [claim for claim in self._affirmed if claim.method == "paraphrase"]
        named = [claim for claim in self._affirmed if claim.method != "paraphrase"]
        figurative = any(claim.method == "paraphrase" for claim in grounds) and len(named) <= len(told)
        return Judgment.PARAPHRASED if figurative else Judgment.IMPLICIT_COMPLETE

    def _named_more_widely(self) -> list[Claim]:
        """Return the claims one step wider than what is expected, where they are set against others."""
        if not self._kinds & _DIFFERENTIALS:
            return []
        return [
            claim
            for claim in self._reading.claims
            if claim.polarity is Polarity.PRESENT
            and claim.expression is not Expression.IMPLIED
            and self._is_one_wider(claim)
        ]

    def _is_one_wider(self, claim: Claim) -> bool:
        """Say whether a diagnosis is the next more general name of what is expected."""
        diagnosis = self._ontology.concept(claim.concept).kind is Kind.DIAGNOSIS
        return diagnosis and any(
            self._ontology.ancestors(target).get(claim.concept) == 1 for target in self._targets
        )

    def rest(self) -> Judgment:
        """Judge an answer that neither names nor amounts to what is expected."""
        fitting = [claim for claim in self._affirmed if not self._excludes(claim)]
        if any(self._is_conclusion(claim) for claim in self._affirmed if claim not in fitting):
            return Judgment.WRONG_DIAGNOSIS
        if any(self._is_wider(claim.concept) for claim in fitting):
            return Judgment.IMPLICIT_PARTIAL
        if any(self._is_another(claim.concept) for claim in self._affirmed):
            return Judgment.WRONG_DIAGNOSIS
        held = covered([*fitting, *self._implied], self._ontology)
        if any(each in held for target in self._targets for each in self._picture(target)):
            return Judgment.IMPLICIT_PARTIAL
        if any(map(self._is_doubted_widely, self._reading.claims)):
            return Judgment.IMPLICIT_PARTIAL
        other = any(is_ectopy(self._ontology.concept(claim.concept)) for claim in self._affirmed)
        return Judgment.WRONG_DIAGNOSIS if other else Judgment.INSUFFICIENT

    def _is_conclusion(self, claim: Claim) -> bool:
        return is_conclusion(self._ontology.concept(claim.concept))

    def _excludes(self, claim: Claim) -> bool:
        """Say whether a claim is another thing than what is expected: `flutter` is no part of `FA`."""
        return any(self._ontology.exclude_each_other(claim.concept, target) for target in self._targets)

    def _is_wider(self, concept: str) -> bool:
        """Say whether a conclusion is a wider name of what is expected, or one of its signs."""
        conclusion = is_conclusion(self._ontology.concept(concept))
        return conclusion and any(
            concept in self._ontology.ancestors(target) or concept in signs_of(self._ontology.concept(target))
            for target in self._targets
        )

    def _is_another(self, concept: str) -> bool:
        """Say whether a claim is another diagnosis, or another sort of the disturbance that is expected."""
        if self._is_sibling(concept):
            return True
        conclusion = is_conclusion(self._ontology.concept(concept))
        return conclusion and self._is_recognisable(concept) and self._is_foreign(concept)

    def _is_sibling(self, concept: str) -> bool:
        """Say whether a concept is another graded sort of what a target is a sort of: `ESV` for `ESA`."""
        entry = self._ontology.concept(concept)
        return not self._names_related(concept) and any(
            entry.kind is target.kind
            and entry.category is target.category
            and not set(entry.parents).isdisjoint(target.parents)
            for target in map(self._ontology.concept, self._targets)
        )

    def _names_related(self, concept: str) -> bool:
        return any(self._ontology.related(concept, target) for target in self._targets)

    def _is_recognisable(self, concept: str) -> bool:
        """Say whether a diagnosis is one a tracing shows, not the background of the patient."""
        entry = self._ontology.concept(concept)
        shown = entry.category is not Category.DISEASE or bool(entry.requires)
        return shown and entry.severity is not None

    def _names_enough(self) -> bool:
        """Say whether the first of several expected diagnoses is named, or all the others."""
        named = [
            any(self._ontology.within(claim.concept, each) for claim in self._named) for each in self._targets
        ]
        return named[0] or all(named[1:])

    def _names_target(self, claim: Claim) -> bool:
        affirmed = claim.polarity is Polarity.PRESENT and claim.expression is not Expression.IMPLIED
        return affirmed and self._names(claim.concept)

    def _names(self, concept: str) -> bool:
        return any(self._ontology.within(concept, target) for target in self._targets)

    def _is_foreign(self, concept: str) -> bool:
        """Say whether a diagnosis is neither expected, nor a wider name or a part of what is."""
        return not any(
            self._ontology.related(concept, target) or concept in self._picture(target)
            for target in self._targets
        )

    def _picture(self, target: str) -> Iterable[str]:
        """Yield the signs of an expected diagnosis and its wider names."""
        yield from self._ontology.ancestors(target)
        for member in self._ontology.lineage(target):
            yield from signs_of(self._ontology.concept(member))


def _firmest(claims: Sequence[Claim]) -> Claim:
    return max(claims, key=lambda claim: FIRMNESS[claim.certainty])


def _is_firmer(one: Claim, other: Claim) -> bool:
    return FIRMNESS[one.certainty] > FIRMNESS[other.certainty]
