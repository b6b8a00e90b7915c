"""Finding everything wrong with a set of concepts at once, each fault with its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ml.language.concepts import Concept
from ml.language.normalising import plain

FAULTS = {
    "not_json": "is not UTF-8 JSON: {0}",
    "not_rdf": "is not RDF/XML: {0}",
    "no_concepts": "has no object 'concepts'",
    "not_foreign": "has no object 'concepts' whose entries have a 'concept_name'",
    "no_class": "holds no class with a label",
    "no_label": "has no label",
    "no_name": "has no concept_name",
    "bad_version": "must be a whole number",
    "missing": "misses {0}",
    "malformed": "{0}",
    "twice": "is defined twice",
    "cycle": "is its own ancestor",
    "unknown_reference": "names the unknown concept {0}",
    "one_sided": "{0} does not exclude {1} in turn",
    "self_excluded": "is excluded within its own ancestry, by {0}",
    "name_taken": "'{0}' already belongs to {1}",
    "set_aside": "'{0}' was set aside by a reviewer",
    "denies": "'{0}' denies {1}",
    "states_excluded": "'{0}' states {1}, which excludes {2}",
}
"""What can be wrong, by code; the numbers stand for a fault's values."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an ontology file.

    Parameters
    ----------
    place
        Reads like a path into the file: `concepts.LBBB.parents`.
    code
        One of `FAULTS`.
    values
        What its sentence names: names, identifiers.
    """

    place: str
    code: str
    values: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Return what is wrong, in English."""
        return FAULTS[self.code].format(*self.values)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class OntologyError(ValueError):
    """An ontology was refused; `faults` lists everything wrong with it at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def duplicates(listed: tuple[Concept, ...]) -> Iterator[Fault]:
    """Yield a fault for every concept defined again."""
    seen: set[str] = set()
    for concept in listed:
        if concept.id in seen:
            yield Fault(f"concepts.{concept.id}", "twice")
        seen.add(concept.id)


def faults_of(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    """Yield every unknown reference, cycle, shared name and one-sided or self-contradicting exclusion."""
    for concept in concepts.values():
        yield from _unknown_references(concept, concepts)
        yield from _one_sided_exclusions(concept, concepts)
    cyclic = [each for each in concepts if any(up == each for up, _ in climb(concepts, each))]
    yield from (Fault(f"concepts.{each}.parents", "cycle") for each in cyclic)
    yield from _shared_names(concepts)
    yield from _self_exclusions(concepts)


def _unknown_references(concept: Concept, concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    absence = (concept.absence,) if concept.absence else ()
    for name, targets in (
        ("parents", concept.parents),
        ("excludes", concept.excludes),
        ("parts", concept.parts),
        ("requires", tuple(each for alternative in concept.requires for each in alternative)),
        ("supports", concept.supports),
        ("against", concept.against),
        ("absence", absence),
    ):
        for target in targets:
            if target not in concepts:
                yield Fault(f"concepts.{concept.id}.{name}", "unknown_reference", (target,))


def _one_sided_exclusions(concept: Concept, concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    for target in concept.excludes:
        if target in concepts and concept.id not in concepts[target].excludes:
            yield Fault(f"concepts.{concept.id}.excludes", "one_sided", (target, concept.id))


def _self_exclusions(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    for concept in concepts.values():
        family = {concept.id, *(up for up, _ in climb(concepts, concept.id))}
        for member in sorted(family):
            if member in concepts and family.intersection(concepts[member].excludes):
                yield Fault(f"concepts.{concept.id}", "self_excluded", (member,))


def _shared_names(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for concept in concepts.values():
        for name in (*concept.names("fr"), *concept.names("en")):
            key = plain(name)
            owner = owners.setdefault(key, concept.id)
            if owner != concept.id:
                yield Fault(f"concepts.{concept.id}", "name_taken", (name, owner))


def climb(concepts: Mapping[str, Concept], start: str) -> Iterator[tuple[str, int]]:
    """Yield each ancestor once with its distance; the start itself only if it lies on a cycle."""
    seen: set[str] = set()
    level, distance = [start], 0
    while level:
        distance += 1
        parents = [up for each in level if each in concepts for up in concepts[each].parents]
        level = [up for up in dict.fromkeys(parents) if up not in seen]
        seen.update(level)
        yield from ((up, distance) for up in level)
