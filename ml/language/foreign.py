"""Reading an ontology somebody else wrote, with a list of what is wrong in it.

Two forms are read: the JSON of EPCASE/edu-ecg (`concepts` by identifier, French names, `requires` and
`excludes`) and, through `ml.language.owl`, the WebProtégé export it was made from. What is sound is kept:
a reference to nothing is dropped and listed, a concept without a name is refused and listed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml.language.checking import Fault, OntologyError
from ml.language.concepts import Kind, Severity

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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OntologyError([Fault("file", "not_json", (str(error),))]) from error
    if not is_foreign(content):
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
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def kind_of(label: str, category: str, sort: str) -> Kind:
    """Return what sort of statement a concept makes, from its shelf and its name."""
    if category == "TOPOGRAPHIE" or sort == "topography":
        return Kind.TERRITORY
    words = label.lower().split()
    if any(word.startswith("normal") for word in words) or words[0] in {"absence", "pas"}:
        return Kind.NORMALITY
    if category in _SEVERITIES:
        return Kind.DIAGNOSIS
    return Kind.QUALIFIER if category == "QUALIFICATEUR" else Kind.SIGN


def sound(source: str, found: Iterator[ForeignConcept | Fault]) -> ForeignOntology:
    """Keep what can be read, without references to nothing and without cycles of parents."""
    faults: list[Fault] = []
    concepts: dict[str, ForeignConcept] = {}
    for each in found:
        if isinstance(each, Fault):
            faults.append(each)
        else:
            concepts[each.id] = each
    for concept in tuple(concepts.values()):
        concepts[concept.id] = _resolved(concept, concepts, faults)
    for concept in tuple(concepts.values()):
        if concept.id in above(concept.parents, concepts):
            faults.append(Fault(f"concepts.{concept.id}.parents", "cycle"))
            concepts[concept.id] = replace(concept, parents=())
    return ForeignOntology(source, tuple(concepts.values()), tuple(faults))


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
