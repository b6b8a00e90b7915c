"""Between the project's ontology and one written elsewhere.

A text is always read with the project's own concepts, whose names, ranges, composites and exclusions have
been reviewed. The other ontology's concepts are found among them by their names; what only the other one has
is added beside ours under an identifier of its own. So both ways need translation:

- *outward*: what was read, in the other ontology's identifiers: the concept with the same names, for a
  composite (`sus-décalage ST inférieur`) those of its parts, else the nearest more general ones;
- *inward*: a key or an anchor given in the other's identifiers.

Names the other ontology gives to the wrong concept are listed as faults and left out: the clinical sense wins
(READING.md, rule 11).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ml.language.alignment import Alignment
from ml.language.concepts import Kind
from ml.language.foreign import ForeignOntology
from ml.language.merging import Merger
from ml.language.ontology import Ontology
from ml.language.types import Claim, Polarity


class Crosswalk:
    """Two ontologies read as one.

    Parameters
    ----------
    set_aside
        By identifier, names of the other ontology that a reviewer found to state something else.

    Attributes
    ----------
    ontology
        The project's concepts, the other one's names added, and the concepts only the other one has.
    faults
        What is wrong in the other ontology, each fault with its place.
    """

    def __init__(
        self,
        ours: Ontology,
        foreign: ForeignOntology,
        set_aside: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        merger = Merger(Alignment(ours, foreign, set_aside), foreign.source)
        self.ontology = merger.merged()
        self.faults = (*foreign.faults, *merger.faults)
        self._outward, self._inward = merger.outward, merger.inward
        self._foreign = {each.id: each for each in foreign.concepts}
        self._negated = {target: each.id for each in foreign.concepts for target in each.negates}

    def outward(self, concept: str, polarity: Polarity = Polarity.PRESENT) -> tuple[str, ...]:
        """Return the other ontology's identifiers for a concept; none where it has no word for it.

        A denial does not climb: to deny atrial flutter is not to deny arrhythmia; it descends, to deny atrial
        hypertrophy is to deny the left one and the right one. Nor does it deny a place.
        """
        entry = self.ontology.concept(concept)
        parts = (
            entry.parts if entry.kind is Kind.TERRITORY or polarity is Polarity.PRESENT else entry.parts[:1]
        )
        within = tuple(dict.fromkeys(each for part in parts for each in self.outward(part, polarity)))
        if within:
            return within
        own = self._outward.get(concept)
        general = {self._outward.get(up) for up in self.ontology.ancestors(concept)}
        if own is not None and (own not in general or self._inward.get(own) == concept):
            return (own,)
        return self._climbed(concept) if polarity is Polarity.PRESENT else self._children(concept)

    def inward(self, identifier: str) -> str | None:
        """Return the concept that stands for one of the other ontology's, if any."""
        return self._inward.get(identifier)

    def stated_by_denying(self, identifier: str) -> str | None:
        """Return the other ontology's concept for the absence of one of its concepts, if it has one."""
        return self._negated.get(identifier)

    def label(self, identifier: str) -> str:
        """Return the other ontology's own name for one of its concepts."""
        return self._foreign[identifier].label

    def _children(self, concept: str) -> tuple[str, ...]:
        below = (each.id for each in self.ontology.concepts if concept in each.parents and not each.parts)
        return tuple(dict.fromkeys(self._outward[each] for each in below if each in self._outward))

    def _climbed(self, concept: str) -> tuple[str, ...]:
        distances = self.ontology.ancestors(concept)
        for distance in sorted(set(distances.values())):
            level = [up for up, steps in distances.items() if steps == distance]
            found = tuple(dict.fromkeys(self._outward[up] for up in level if up in self._outward))
            if found:
                return found
        return ()


def project(claims: Sequence[Claim], crosswalk: Crosswalk) -> Iterator[Claim]:
    """Yield claims in the other ontology's identifiers.

    Where one of the two ontologies has a concept for an absence and the other has not, the claim turns round.
    """
    for claim in claims:
        polarity = claim.polarity
        outward = crosswalk.outward(claim.concept, polarity)
        denied = crosswalk.ontology.denied_by(claim.concept)
        if not outward and denied is not None and polarity is Polarity.PRESENT:
            polarity = Polarity.ABSENT
            outward = crosswalk.outward(denied, polarity)
        for identifier in outward:
            absence = crosswalk.stated_by_denying(identifier) if polarity is Polarity.ABSENT else None
            if absence:
                yield replace(claim, concept=absence, polarity=Polarity.PRESENT)
            else:
                yield replace(claim, concept=identifier, polarity=polarity)
