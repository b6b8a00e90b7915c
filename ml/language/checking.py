"""Finding everything wrong with a set of concepts at once, each fault with its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ml.language.concepts import Concept
from ml.language.hierarchy import cyclic, groups
from ml.language.normalising import plain

LONGEST_NAME = 120
MOST_CONCEPTS = 5_000
MOST_NAMES = 200
MOST_REFERENCES = 500
MOST_FAULTS = 2_000
_LONGEST_SHOWN = 200
FAULTS = {
    "not_json": "is not UTF-8 JSON: {0}",
    "not_rdf": "is not RDF/XML: {0}",
    "no_concepts": "has no object 'concepts'",
    "not_foreign": "has no object 'concepts' whose entries have a 'concept_name'",
    "no_class": "holds no class with a label",
    "no_label": "has no label",
    "no_name": "has no concept_name",
    "entities": "declares entities",
    "too_many_concepts": "holds more than {0} concepts",
    "too_many_names": "has more than {0} names",
    "too_many_references": "names other concepts more than {0} times",
    "too_many_faults": "has more than {0} faults",
    "too_long": "'{0}' has more than {1} characters",
    "unprintable": "'{0}' holds characters that cannot be printed",
    "bad_version": "must be a whole number from 1 to 2147483647",
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
    """One thing wrong with an ontology file; what it quotes is made fit to be stored and shown.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", _shown(self.place))
        object.__setattr__(self, "values", tuple(map(_shown, self.values)))

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


def _shown(text: str) -> str:
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
    if cut.isprintable():
        return cut
    return "".join(
        each if each.isprintable() else " " if each.isspace() else "\N{REPLACEMENT CHARACTER}" for each in cut
    )


def name_fault(place: str, name: str, longest: int = LONGEST_NAME) -> Fault | None:
    """Return what keeps a text from being a name, if anything; blank ones are their reader's to judge."""
    if len(name) > longest:
        return Fault(place, "too_long", (name, str(longest)))
    if not name.isprintable():
        return Fault(place, "unprintable", (name,))
    return None


def too_many(place: str, names: int, references: int) -> Iterator[Fault]:
    """Yield a fault for each limit that one concept of a file exceeds."""
    if names > MOST_NAMES:
        yield Fault(place, "too_many_names", (str(MOST_NAMES),))
    if references > MOST_REFERENCES:
        yield Fault(place, "too_many_references", (str(MOST_REFERENCES),))


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
    yield from _one_sided_exclusions(concepts)
    circular = cyclic({each.id: each.parents for each in concepts.values()})
    yield from (Fault(f"concepts.{each}.parents", "cycle") for each in concepts if each in circular)
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


def _one_sided_exclusions(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    excluded = {(each.id, target) for each in concepts.values() for target in each.excludes}
    for concept in concepts.values():
        for target in concept.excludes:
            if target in concepts and (target, concept.id) not in excluded:
                yield Fault(f"concepts.{concept.id}.excludes", "one_sided", (target, concept.id))


def _self_exclusions(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    """Compare each family with what it excludes, as sets of bits: a chain has as many as its square."""
    bits = {each: 1 << at for at, each in enumerate(concepts)}
    excluded = {each.id: _union(bits, each.excludes) for each in concepts.values()}
    families: dict[str, int] = {}
    exclusions: dict[str, int] = {}
    for group in groups({each.id: each.parents for each in concepts.values()}):
        above = {up for each in group for up in concepts[each].parents}
        family = _union(bits, group) | _union(families, above)
        excludes = _union(excluded, group) | _union(exclusions, above)
        families.update(dict.fromkeys(group, family))
        exclusions.update(dict.fromkeys(group, excludes))
    for each in concepts:
        family = families[each]
        if family & exclusions[each]:
            members = sorted(member for member, bit in bits.items() if family & bit)
            guilty = [member for member in members if family & excluded[member]]
            yield from (Fault(f"concepts.{each}", "self_excluded", (member,)) for member in guilty)


def _union(sets: Mapping[str, int], names: Iterable[str]) -> int:
    union = 0
    for name in names:
        union |= sets.get(name, 0)
    return union


def _shared_names(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for concept in concepts.values():
        for name in concept.every_name:
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
