"""Reading an ontology somebody else wrote, with a list of what is wrong in it.

Two forms are read: the JSON of EPCASE/edu-ecg (`concepts` by identifier, French names, `requires` and
`excludes`) and, through `ml.language.owl`, the WebProtégé export it was made from. What is sound is kept:
a reference to nothing is dropped and listed, a concept without a name is refused and listed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml.language.checking import (
    LONGEST_NAME,
    MOST_CONCEPTS,
    MOST_FAULTS,
    Fault,
    OntologyError,
    name_fault,
    too_many,
)
from ml.language.concepts import Kind, Severity
from ml.language.documents import parsed
from ml.language.hierarchy import groups

_SEVERITIES = {
    "DIAGNOSTIC_URGENT": Severity.URGENT,
    "DIAGNOSTIC_MAJEUR": Severity.MAJOR,
    "DIAGNOSTIC_MOYEN": Severity.MODERATE,
}
_REFERENCES = ("parents", "requires", "excludes", "negation_of")


@dataclass(frozen=True, slots=True)
class ForeignConcept:
    """One concept as its own file describes it.

    Attributes
    ----------
    grouping
        Whether the file hides it from people: it stands for a shelf rather than for a statement.
    negates
        Concepts whose absence it states.
    """

    id: str
    label: str
    label_en: str | None
    synonyms: tuple[str, ...]
    kind: Kind
    severity: Severity | None
    grouping: bool = False
    parents: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    negates: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name, the label first, each once."""
        english = (self.label_en,) if self.label_en else ()
        return tuple(dict.fromkeys((self.label, *english, *self.synonyms)))


@dataclass(frozen=True, slots=True)
class ForeignOntology:
    """The sound concepts of a file, and everything found wrong with it."""

    source: str
    concepts: tuple[ForeignConcept, ...]
    faults: tuple[Fault, ...]


def is_foreign(content: object) -> bool:
    """Say whether parsed JSON is of the form read here rather than of the project's own."""
    if not isinstance(content, dict) or not isinstance(content.get("concepts"), dict):
        return False
    return any(isinstance(each, dict) and "concept_name" in each for each in content["concepts"].values())


def read_foreign(path: Path) -> ForeignOntology:
    """Read an edu-ecg JSON file.

    Raises
    ------
    OntologyError
        When it is not JSON of that form at all; anything less is listed in `faults`.
    """
    content = parsed(path.read_bytes())
    if not isinstance(content, dict) or not is_foreign(content):
        raise OntologyError([Fault("file", "not_foreign")])
    return sound(path.stem, _parsed(content["concepts"]))


def _parsed(entries: Mapping[str, Any]) -> Iterator[ForeignConcept | Fault]:
    for identifier, entry in entries.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("concept_name"), str):
            yield Fault(f"concepts.{identifier}", "no_name")
            continue
        lists = {name: _texts(entry.get(name)) for name in (*_REFERENCES, "synonymes")}
        english = entry.get("concept_name_en")
        yield ForeignConcept(
            id=identifier,
            label=entry["concept_name"],
            label_en=english if isinstance(english, str) else None,
            synonyms=lists["synonymes"],
            kind=kind_of(entry["concept_name"], str(entry.get("categorie")), str(entry.get("type"))),
            severity=_SEVERITIES.get(str(entry.get("categorie"))),
            grouping=bool(entry.get("hide")),
            parents=lists["parents"],
            requires=lists["requires"],
            excludes=lists["excludes"],
            negates=lists["negation_of"],
        )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(dict.fromkeys(each for each in value if isinstance(each, str)))


def kind_of(label: str, category: str, sort: str) -> Kind:
    """Return what sort of statement a concept makes, from its shelf and its name."""
    if category == "TOPOGRAPHIE" or sort == "topography":
        return Kind.TERRITORY
    words = label.lower().split()
    if any(word.startswith("normal") for word in words) or words[:1] in (["absence"], ["pas"]):
        return Kind.NORMALITY
    if category in _SEVERITIES:
        return Kind.DIAGNOSIS
    return Kind.QUALIFIER if category == "QUALIFICATEUR" else Kind.SIGN


def sound(source: str, found: Iterator[ForeignConcept | Fault]) -> ForeignOntology:
    """Keep what can be read, without references to nothing and without cycles of parents.

    Raises
    ------
    OntologyError
        When the file holds too much of something, faults included.
    """
    read = tuple(found)
    if len(read) > MOST_CONCEPTS:
        raise OntologyError([Fault("file", "too_many_concepts", (str(MOST_CONCEPTS),))])
    faults = [each for each in read if isinstance(each, Fault)]
    listed = [each for each in read if isinstance(each, ForeignConcept)]
    excess = [fault for each in listed for fault in _excess(each)]
    if excess:
        raise OntologyError(excess)
    named = (_named(each, LONGEST_NAME - len(f"{source}:"), faults) for each in listed)
    concepts = {each.id: each for each in named if each is not None}
    for concept in tuple(concepts.values()):
        concepts[concept.id] = _resolved(concept, concepts, faults)
    for concept in _closing(concepts):
        faults.append(Fault(f"concepts.{concept.id}.parents", "cycle"))
        concepts[concept.id] = replace(concept, parents=())
    bounded(faults)
    return ForeignOntology(source, tuple(concepts.values()), tuple(faults))


def bounded(faults: Sequence[Fault]) -> None:
    """Raise OntologyError where a file has more faults than anyone will settle."""
    if len(faults) > MOST_FAULTS:
        raise OntologyError([Fault("file", "too_many_faults", (str(MOST_FAULTS),))])


def _excess(concept: ForeignConcept) -> Iterator[Fault]:
    linked = (concept.parents, concept.requires, concept.excludes, concept.negates)
    return too_many(f"concepts.{concept.id}", len(concept.names), sum(map(len, linked)))


def _named(concept: ForeignConcept, longest_id: int, faults: list[Fault]) -> ForeignConcept | None:
    """Return a concept with the names that are fit to be stored, its label among them."""
    place = f"concepts.{concept.id}"
    label = _tidy(concept.label)
    refused = None if label and concept.id.strip() else Fault(place, "no_name")
    refused = refused or name_fault(place, concept.id, longest_id) or name_fault(place, label)
    if refused:
        faults.append(refused)
        return None
    synonyms = dict.fromkeys(filter(None, map(_tidy, concept.synonyms)))
    english = _tidy(concept.label_en or "")
    wrong = {
        name: fault
        for name in (*filter(None, [english]), *synonyms)
        if (fault := name_fault(f"{place}.synonyms", name))
    }
    faults.extend(wrong.values())
    return replace(
        concept,
        label=label,
        label_en=english if english and english not in wrong else None,
        synonyms=tuple(each for each in synonyms if each not in wrong),
    )


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _closing(concepts: Mapping[str, ForeignConcept]) -> Iterable[ForeignConcept]:
    """Return, in the file's order, concepts without whose parents no cycle is left.

    Each cycle leads at least once from a concept to itself or to a later one.
    """
    at = {each: place for place, each in enumerate(concepts)}
    closing: set[str] = set()
    for group in groups({each.id: each.parents for each in concepts.values()}):
        circle = frozenset(group)
        closing.update(
            each
            for each in group
            if any(up in circle and at[up] >= at[each] for up in concepts[each].parents)
        )
    return [each for each in concepts.values() if each.id in closing]


def _resolved(
    concept: ForeignConcept, known: Mapping[str, ForeignConcept], faults: list[Fault]
) -> ForeignConcept:
    kept: dict[str, tuple[str, ...]] = {}
    for name in ("parents", "requires", "excludes", "negates"):
        targets: Sequence[str] = getattr(concept, name)
        kept[name] = tuple(each for each in targets if each in known)
        faults.extend(
            Fault(f"concepts.{concept.id}.{name}", "unknown_reference", (each,))
            for each in targets
            if each not in known
        )
    return replace(
        concept,
        parents=kept["parents"],
        requires=kept["requires"],
        excludes=kept["excludes"],
        negates=kept["negates"],
    )


def above(parents: Sequence[str], concepts: Mapping[str, ForeignConcept]) -> set[str]:
    """Return the parents and everything above them."""
    seen: set[str] = set()
    pending = list(parents)
    while pending:
        each = pending.pop()
        if each not in seen:
            seen.add(each)
            pending.extend(concepts[each].parents)
    return seen
