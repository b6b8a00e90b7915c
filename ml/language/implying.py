"""What follows from the signs a text states, though it does not name it."""

from collections.abc import Iterator, Mapping, Sequence

from ml.language.concepts import Category, Concept, Kind
from ml.language.ontology import Ontology
from ml.language.types import Certainty, Claim, Expression, Measurement, Polarity

IMPLIED_CONFIDENCE = 65.0
FIRM_CONFIDENCE = 60.0
_FIRM = frozenset({Certainty.ASSERTED, Certainty.PROBABLE})


def firm(claims: Sequence[Claim]) -> list[Claim]:
    """Return what the text affirms, not merely as a possibility."""
    return [
        claim
        for claim in claims
        if claim.polarity is Polarity.PRESENT
        and claim.certainty in _FIRM
        and claim.confidence >= FIRM_CONFIDENCE
        and claim.expression is not Expression.IMPLIED
    ]


def covered(claims: Sequence[Claim], ontology: Ontology) -> dict[str, Claim]:
    """Return every concept that claims state, by themselves or through a more specific one."""
    found: dict[str, Claim] = {}
    for claim in claims:
        for concept in ontology.lineage(claim.concept):
            found.setdefault(concept, claim)
    return found


class Implications:
    """The concepts of an ontology that signs can amount to."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._recognisable = [each for each in ontology.concepts if each.requires]

    def of(self, claims: Sequence[Claim], measurements: Sequence[Measurement] = ()) -> tuple[Claim, ...]:
        """Return what firm claims imply: nothing stated or denied already, nothing they exclude.

        A word that its own number does not bear out (`axe gauche à -20°`) is no ground; nor are signs that
        another sort of the same thing accounts for better.
        """
        stated = firm(claims)
        held = covered(
            [each for each in stated if not self._is_overstated(each, measurements)], self._ontology
        )
        mentioned = covered(claims, self._ontology)
        grounds = {
            each.id: signs
            for each in self._recognisable
            if each.id not in mentioned
            and (signs := next((signs for signs in each.requires if held.keys() >= set(signs)), None))
            and not self._opposed(each, stated)
        }
        found = {
            concept: _implied(concept, [held[sign] for sign in signs])
            for concept, signs in grounds.items()
            if not self._is_told_better(concept, grounds, held)
        }
        return tuple(found[concept] for concept in self._ontology.most_specific(found))

    def _is_overstated(self, claim: Claim, measurements: Sequence[Measurement]) -> bool:
        """Say whether a number beside a word means what the word excludes."""
        interval = self._ontology.concept(claim.concept).range
        return interval is not None and any(
            each.name == interval.measure
            and each.meaning is not None
            and self._ontology.exclude_each_other(claim.concept, each.meaning)
            for each in measurements
        )

    def _is_told_better(
        self, concept: str, grounds: Mapping[str, Sequence[str]], held: Mapping[str, Claim]
    ) -> bool:
        """Say whether another sort of the same thing accounts for the signs, and for one more.

        Of a 2:1 block with a constant PR nobody can say whether it is a Mobitz 2: no two conducted beats
        follow each other (2018 ACC/AHA/HRS guideline on bradycardia and conduction delay).
        """
        entry = self._ontology.concept(concept)
        needed, picture = set(grounds[concept]), set(signs_of(entry))
        for other in self._recognisable:
            alike = other.id != concept and not set(other.parents).isdisjoint(entry.parents)
            if not alike or not needed <= set(signs_of(other)):
                continue
            if other.id in held or not set(grounds.get(other.id, ())) <= picture:
                return True
        return False

    def _opposed(self, concept: Concept, stated: Sequence[Claim]) -> bool:
        return any(
            self._ontology.exclude_each_other(claim.concept, concept.id)
            or any(self._ontology.within(claim.concept, sign) for sign in concept.against)
            for claim in stated
        )


def _implied(concept: str, grounds: Sequence[Claim]) -> Claim:
    return Claim(
        concept=concept,
        polarity=Polarity.PRESENT,
        certainty=Certainty.ASSERTED,
        expression=Expression.IMPLIED,
        confidence=IMPLIED_CONFIDENCE,
        spans=tuple(sorted({span for claim in grounds for span in claim.spans})),
        method="implied",
    )


def signs_of(concept: Concept) -> Iterator[str]:
    """Yield the signs that belong to a concept's picture."""
    for signs in concept.requires:
        yield from signs
    yield from concept.supports


def shown_of(concept: str, ontology: Ontology) -> str:
    """Return what a tracing can show of a diagnosis: of a disease that is one measured sign, the sign.

    A long QT syndrome is on the tracing a long QT; the rest is the patient's history.
    """
    entry = ontology.concept(concept)
    if entry.category is not Category.DISEASE:
        return concept
    return next((up for up in entry.parents if ontology.concept(up).range is not None), concept)


def is_named(concept: Concept, claims: Sequence[Claim], ontology: Ontology) -> bool:
    """Say whether firm claims name a wider diagnosis and give the sign that makes it this one.

    `BBD, QRS 140 ms` says complete right bundle-branch block (120 ms or more, 2009 AHA/ACCF/HRS statement),
    `infarctus inférieur avec sus-décalage` an inferior STEMI. A name that only sums up signs, as
    `tachycardie à QRS larges` does, is no such diagnosis.
    """
    held = covered(claims, ontology)
    wider = [
        each
        for each in ontology.ancestors(concept.id)
        if ontology.concept(each).kind is Kind.DIAGNOSIS and not _sums_up(ontology.concept(each), ontology)
    ]
    return any(held.keys() >= set(signs) and not set(signs).isdisjoint(wider) for signs in concept.requires)


def _sums_up(concept: Concept, ontology: Ontology) -> bool:
    """Say whether a diagnosis is no more than the signs it is made of."""
    general = ontology.ancestors(concept.id)
    return any(
        all(sign in general and ontology.concept(sign).kind is not Kind.DIAGNOSIS for sign in signs)
        for signs in concept.requires
    )
