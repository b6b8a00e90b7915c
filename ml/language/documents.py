"""Concepts as their file has them: plain JSON objects, read and written."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ml.language.checking import MOST_CONCEPTS, Fault, OntologyError, name_fault, too_many
from ml.language.concepts import Category, Concept, Kind, Measure, MeasuredRange, Severity

_LISTS = ("synonyms_fr", "synonyms_en", "parents", "excludes", "parts", "supports", "against")
FIELDS = (
    *("label_fr", "label_en", "category", "kind", "severity", "absence", "range", "codes", "requires"),
    *_LISTS,
)
"""The fields of one concept."""


_NAMES = ("synonyms_fr", "synonyms_en")
_BOUNDS = ("above", "at_least", "below", "at_most")


def parsed(text: bytes) -> object:
    """Return what a JSON text describes; raises OntologyError for what is none or nested without end."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OntologyError([Fault("file", "not_json", (str(error),))]) from error


def excess(entries: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what a file somebody sends has too much of; what was edited here was bounded as it was edited."""
    if len(entries) > MOST_CONCEPTS:
        yield Fault("file", "too_many_concepts", (str(MOST_CONCEPTS),))
        return
    for identifier, entry in entries.items():
        if isinstance(entry, dict):
            listed = {name: each for name, each in entry.items() if isinstance(each, list)}
            references = sum(
                len(each) for name, each in listed.items() if name in _LISTS and name not in _NAMES
            )
            signs = sum(len(each) for each in listed.get("requires", ()) if isinstance(each, list))
            names = sum(len(listed.get(name, ())) for name in _NAMES)
            yield from too_many(f"concepts.{identifier}", names, references + signs)


def read_concepts(entries: Mapping[str, Any], faults: list[Fault]) -> list[Concept]:
    """Return the concepts of a file's object; what cannot be read is added to the faults."""
    found = (_parsed(identifier, entry, faults) for identifier, entry in entries.items())
    return [concept for concept in found if concept is not None]


def read_concept(identifier: str, entry: Mapping[str, Any]) -> Concept:
    """Return one concept; raises KeyError, TypeError or ValueError for what is none."""
    if not isinstance(entry, Mapping):
        raise TypeError("is no object")
    unknown = set(entry) - set(FIELDS)
    if unknown:
        raise ValueError(f"has unknown fields: {', '.join(sorted(unknown))}")
    return Concept(
        id=_text(identifier, "the identifier"),
        label_fr=_text(entry["label_fr"], "label_fr"),
        label_en=_text(entry["label_en"], "label_en"),
        category=Category(_text(entry["category"], "category")),
        kind=Kind(_text(entry["kind"], "kind")),
        severity=Severity(_text(entry["severity"], "severity")) if "severity" in entry else None,
        absence=_text(entry["absence"], "absence") if "absence" in entry else None,
        range=_read_range(entry["range"]) if "range" in entry else None,
        codes={
            _text(system, "a system of codes"): _text(code, f"codes.{system}")
            for system, code in _object(entry.get("codes", {}), "codes").items()
        },
        requires=tuple(_texts(each, "requires") for each in _list(entry.get("requires", []), "requires")),
        **{name: _texts(entry.get(name, []), name) for name in _LISTS},
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


def _read_range(value: object) -> MeasuredRange:
    bounds = dict(_object(value, "range"))
    measure = Measure(_text(bounds.pop("measure", None), "range.measure")).value
    unknown = set(bounds) - {*_BOUNDS, "in_men"}
    if unknown:
        raise ValueError(f"range has unknown fields: {', '.join(sorted(unknown))}")
    if not any(name in bounds for name in _BOUNDS):
        raise ValueError("range has no bound")
    return MeasuredRange(measure, **{name: _number(each, f"range.{name}") for name, each in bounds.items()})


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{name} is no finite number")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is no text or blank")
    if fault := name_fault(name, value):
        raise ValueError(str(fault))
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    return tuple(_text(each, name) for each in _list(value, name))


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list")
    return value


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is no object")
    return value


def _parsed(identifier: str, entry: Any, faults: list[Fault]) -> Concept | None:
    try:
        return read_concept(identifier, entry)
    except KeyError as error:
        faults.append(Fault(f"concepts.{identifier}", "missing", (str(error),)))
    except (TypeError, ValueError) as error:
        faults.append(Fault(f"concepts.{identifier}", "malformed", (str(error),)))
    return None
