"""Concepts as their file has them: plain JSON objects, read and written."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ml.language.checking import Fault
from ml.language.concepts import Category, Concept, Kind, MeasuredRange, Severity

_LISTS = ("synonyms_fr", "synonyms_en", "parents", "excludes", "parts", "supports", "against")
FIELDS = (
    *("label_fr", "label_en", "category", "kind", "severity", "absence", "range", "codes", "requires"),
    *_LISTS,
)
"""The fields of one concept."""


def read_concepts(entries: Mapping[str, Any], faults: list[Fault]) -> list[Concept]:
    """Return the concepts of a file's object; what cannot be read is added to the faults."""
    found = (_parsed(identifier, entry, faults) for identifier, entry in entries.items())
    return [concept for concept in found if concept is not None]


def read_concept(identifier: str, entry: Mapping[str, Any]) -> Concept:
    """Return one concept; raises KeyError, TypeError, ValueError or AttributeError for what is none."""
    unknown = set(entry) - set(FIELDS)
    if unknown:
        raise ValueError(f"has unknown fields: {', '.join(sorted(unknown))}")
    return Concept(
        id=identifier,
        label_fr=entry["label_fr"],
        label_en=entry["label_en"],
        category=Category(entry["category"]),
        kind=Kind(entry["kind"]),
        severity=Severity(entry["severity"]) if "severity" in entry else None,
        absence=entry.get("absence"),
        range=MeasuredRange(**entry["range"]) if "range" in entry else None,
        codes=dict(entry.get("codes", {})),
        requires=tuple(tuple(each) for each in entry.get("requires", ())),
        **{name: tuple(entry.get(name, ())) for name in _LISTS},
    )


def concept_document(concept: Concept) -> dict[str, Any]:
    """Return what `read_concept` reads; what says nothing is left out."""
    fields: dict[str, Any] = {
        "label_fr": concept.label_fr,
        "label_en": concept.label_en,
        "category": concept.category.value,
        "kind": concept.kind.value,
        "severity": concept.severity.value if concept.severity else None,
        "absence": concept.absence,
        "range": _range(concept.range),
        "codes": dict(concept.codes),
        "requires": [list(each) for each in concept.requires],
        **{name: list(getattr(concept, name)) for name in _LISTS},
    }
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def ontology_document(concepts: Iterable[Concept], number: int) -> dict[str, Any]:
    """Return an ontology as a file has it."""
    return {"version": number, "concepts": {each.id: concept_document(each) for each in concepts}}


def _range(bounds: MeasuredRange | None) -> dict[str, Any] | None:
    if bounds is None:
        return None
    return {name: value for name, value in asdict(bounds).items() if value is not None}


def _parsed(identifier: str, entry: Any, faults: list[Fault]) -> Concept | None:
    try:
        return read_concept(identifier, entry)
    except KeyError as error:
        faults.append(Fault(f"concepts.{identifier}", "missing", (str(error),)))
    except (TypeError, ValueError, AttributeError) as error:
        faults.append(Fault(f"concepts.{identifier}", "malformed", (str(error),)))
    return None
