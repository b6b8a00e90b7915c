"""What follows from the signs a text states, though it does not name it."""

from collections.abc import Iterator, Mapping, Sequence

from ml.language.concepts import Concept
from ml.language.ontology import Ontology
from ml.language.types import Certainty, Claim, Expression, Polarity

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

    def of(self, claims: Sequence[Claim]) -> tuple[Claim, ...]:
        """Return what firm claims imply: nothing stated or denied already, nothing they exclude."""
        stated = firm(claims)
        held = covered(stated, self._ontology)
        mentioned = covered(claims, self._ontology)
        found = {
            each.id: claim
            for each in self._recognisable
            if each.id not in mentioned
            and (claim := self._claim(each, held)) is not None
            and not self._opposed(each, stated)
        }
        return tuple(found[concept] for concept in self._ontology.most_specific(found))

    def _opposed(self, concept: Concept, stated: Sequence[Claim]) -> bool:
        return any(
            self._ontology.exclude_each_other(claim.concept, concept.id)
            or any(self._ontology.within(claim.concept, sign) for sign in concept.against)
            for claim in stated
        )

    def _claim(self, concept: Concept, held: Mapping[str, Claim]) -> Claim | None:
        for signs in concept.requires:
            if all(sign in held for sign in signs):
                grounds = [held[sign] for sign in signs]
                return Claim(
                    concept=concept.id,
                    polarity=Polarity.PRESENT,
                    certainty=Certainty.ASSERTED,
                    expression=Expression.IMPLIED,
                    confidence=IMPLIED_CONFIDENCE,
                    spans=tuple(sorted({span for claim in grounds for span in claim.spans})),
                    method="implied",
                )
        return None


def signs_of(concept: Concept) -> Iterator[str]:
    """Yield the signs that belong to a concept's picture."""
    for signs in concept.requires:
        yield from signs
    yield from concept.supports
