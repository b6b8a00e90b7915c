"""Changing an ontology one concept at a time: what else has to change with it, and what comes of it."""

from collections.abc import Mapping
from dataclasses import replace

from ml.language.concepts import Concept
from ml.language.ontology import Ontology

Changes = Mapping[str, Concept | None]
"""Concepts as they are to be, by identifier; None for one that is to go."""


def saving(ontology: Ontology, concept: Concept) -> dict[str, Concept | None]:
    """Return what changes when a concept is added or becomes this one; nothing when it is this one already.

    An exclusion holds both ways, so those it begins or ends to exclude change with it.
    """
    before = ontology.concept(concept.id) if concept.id in ontology else None
    if before == concept:
        return {}
    changes: dict[str, Concept | None] = {concept.id: concept}
    was = before.excludes if before else ()
    for other in (*was, *concept.excludes):
        if other in ontology and other != concept.id and (other in was) != (other in concept.excludes):
            changes[other] = _excluding(ontology.concept(other), concept.id, wanted=other in concept.excludes)
    return changes


def removing(ontology: Ontology, concept_id: str) -> dict[str, Concept | None]:
    """Return what changes when a concept goes: nothing excludes it any more."""
    gone = ontology.concept(concept_id)
    others = {other: _excluding(ontology.concept(other), concept_id, wanted=False) for other in gone.excludes}
    return {concept_id: None, **others}


def changed(ontology: Ontology, changes: Changes, number: int) -> Ontology:
    """Return the ontology with the changes made, its new concepts last.

    Raises
    ------
    OntologyError
        With every fault they bring about.
    """
    kept = [changes.get(each.id, each) for each in ontology.concepts]
    added = [each for identifier, each in changes.items() if identifier not in ontology]
    return Ontology([each for each in (*kept, *added) if each is not None], number=number)


def _excluding(concept: Concept, other: str, *, wanted: bool) -> Concept:
    rest = tuple(each for each in concept.excludes if each != other)
    return replace(concept, excludes=(*rest, other) if wanted else rest)
