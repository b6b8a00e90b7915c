"""The ECG concepts a text is read into, and the check that their file is sound."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from ml.language.completion import Completion
from ml.language.normalising import plain
from ml.language.types import Language

DEFAULT_PATH = Path(__file__).parent / "data" / "ontology.json"


class Category(StrEnum):
    """The shelf a concept is browsed under."""

    NORMAL = "normal"
    RATE = "rate"
    RHYTHM = "rhythm"
    CONDUCTION = "conduction"
    ISCHEMIA = "ischemia"
    HYPERTROPHY = "hypertrophy"
    MORPHOLOGY = "morphology"
    REPOLARISATION = "repolarisation"
    INTERVALS = "intervals"
    AXIS = "axis"
    DISEASE = "disease"
    METABOLIC = "metabolic"
    PACING = "pacing"
    TECHNICAL = "technical"
    TERRITORY = "territory"

    def label(self, language: Language) -> str:
        """Return the shelf's name for people."""
        french, english = _CATEGORY_LABELS[self]
        return french if language == "fr" else english


_CATEGORY_LABELS = {
    Category.NORMAL: ("Normalité", "Normality"),
    Category.RATE: ("Fréquence", "Rate"),
    Category.RHYTHM: ("Rythme", "Rhythm"),
    Category.CONDUCTION: ("Conduction", "Conduction"),
    Category.ISCHEMIA: ("Ischémie et infarctus", "Ischaemia and infarction"),
    Category.HYPERTROPHY: ("Hypertrophie", "Hypertrophy"),
    Category.MORPHOLOGY: ("Morphologie", "Morphology"),
    Category.REPOLARISATION: ("Repolarisation", "Repolarisation"),
    Category.INTERVALS: ("Intervalles", "Intervals"),
    Category.AXIS: ("Axe", "Axis"),
    Category.DISEASE: ("Maladies", "Diseases"),
    Category.METABOLIC: ("Métabolique et médicaments", "Metabolic and drugs"),
    Category.PACING: ("Stimulation", "Pacing"),
    Category.TECHNICAL: ("Technique", "Technical"),
    Category.TERRITORY: ("Territoire", "Territory"),
}


class Kind(StrEnum):
    """What sort of statement a concept makes."""

    DIAGNOSIS = "diagnosis"
    SIGN = "sign"
    MEASUREMENT = "measurement"
    QUALIFIER = "qualifier"
    TERRITORY = "territory"
    NORMALITY = "normality"


class Severity(StrEnum):
    """How much a concept matters to the patient in front of you."""

    MINOR = "minor"
    MODERATE = "moderate"
    MAJOR = "major"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class MeasuredRange:
    """The values of one measurement that mean a concept.

    `above` and `below` are exclusive bounds, `at_least` and `at_most` inclusive ones; all in the
    measurement's own unit (`ml.language.types.Measurement`).
    """

    measure: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    def contains(self, value: float) -> bool:
        """Say whether `value` lies within every bound given."""
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
        )


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing a text about an ECG can state.

    Attributes
    ----------
    parents
        Identifiers of more general concepts.
    excludes
        Identifiers of concepts that cannot be true of the same tracing; symmetric, inherited by descendants.
    parts
        Concepts that, named together in one phrase, state this one (ST elevation + inferior territory).
    absence
        The concept that denying this one states (no pathological Q wave), if the ontology has it.
    codes
        Codes elsewhere, by system: `snomed` (SNOMED CT), `scp` (SCP-ECG), `aha` (AHA/ACC/HRS statement).
    """

    id: str
    label_fr: str
    label_en: str
    category: Category
    kind: Kind
    severity: Severity | None = None
    synonyms_fr: tuple[str, ...] = ()
    synonyms_en: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    absence: str | None = None
    range: MeasuredRange | None = None
    codes: Mapping[str, str] = field(default_factory=dict)

    def label(self, language: Language) -> str:
        """Return the concept's name for people."""
        return self.label_fr if language == "fr" else self.label_en

    def names(self, language: Language) -> tuple[str, ...]:
        """Return the label, then the synonyms, in one language."""
        if language == "fr":
            return (self.label_fr, *self.synonyms_fr)
        return (self.label_en, *self.synonyms_en)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an ontology file.

    `place` reads like a path into the file: `concepts.LBBB.parents`.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class OntologyError(ValueError):
    """An ontology was refused; `faults` lists everything wrong with it at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Ontology:
    """A sound set of concepts. Building one from an unsound set raises `OntologyError`.

    Parameters
    ----------
    concepts
        All of them; their order is the order they are listed in.
    number
        The edition an expert gave them. With a hash of the contents it makes `version`.
    """

    def __init__(self, concepts: Iterable[Concept], *, number: int = 1) -> None:
        listed = tuple(concepts)
        self._concepts = {concept.id: concept for concept in listed}
        faults = [*_duplicates(listed), *_faults(self._concepts)]
        if faults:
            raise OntologyError(faults)
        digest = hashlib.sha256(repr(listed).encode()).hexdigest()[:12]
        self.version = f"{number}-{digest}"

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """Return every concept, in the file's order."""
        return tuple(self._concepts.values())

    def __contains__(self, concept_id: object) -> bool:
        return concept_id in self._concepts

    def concept(self, concept_id: str) -> Concept:
        """Return one concept; KeyError if there is none of that identifier."""
        return self._concepts[concept_id]

    def ancestors(self, concept_id: str) -> dict[str, int]:
        """Return every more general concept with its distance in steps, nearest first."""
        return self._ancestors[concept_id]

    def exclude_each_other(self, one: str, other: str) -> bool:
        """Say whether two concepts cannot both be true, by themselves or through their ancestors."""
        ours, theirs = {one, *self._ancestors[one]}, {other, *self._ancestors[other]}
        return any(theirs.intersection(self._concepts[each].excludes) for each in ours)

    def search(self, text: str, language: Language = "fr", limit: int = 10) -> tuple[Concept, ...]:
        """Complete what someone is typing.

        Accents, case, word order, missing word endings and small typos do not matter; both languages
        are searched, the asked one first.

        Parameters
        ----------
        text
            What was typed so far; blank finds nothing.
        limit
            Most concepts to return, best first.
        """
        return tuple(self._concepts[found] for found in self._completions[language].search(text, limit))

    @cached_property
    def _completions(self) -> dict[Language, Completion]:
        return {"fr": self._completion("fr", "en"), "en": self._completion("en", "fr")}

    def _completion(self, first: Language, second: Language) -> Completion:
        names = [(each.id, (each.names(first), each.names(second))) for each in self.concepts]
        return Completion(names)

    @cached_property
    def _ancestors(self) -> dict[str, dict[str, int]]:
        return {each: dict(_climb(self._concepts, each)) for each in self._concepts}


def load_ontology(path: Path | None = None) -> Ontology:
    """Read an ontology file, by default the project's own.

    Raises
    ------
    OntologyError
        With every fault found, when the file is not JSON, misses something or contradicts itself.
    """
    try:
        content = json.loads((path or DEFAULT_PATH).read_text(encoding="utf-8"))
    except ValueError as error:
        raise OntologyError([Fault("file", f"is not UTF-8 JSON: {error}")]) from error
    if not isinstance(content, dict) or not isinstance(content.get("concepts"), dict):
        raise OntologyError([Fault("file", "has no object 'concepts'")])
    faults: list[Fault] = []
    concepts = [
        concept
        for identifier, entry in content["concepts"].items()
        if (concept := _parsed(identifier, entry, faults)) is not None
    ]
    number = content.get("version", 1)
    if not isinstance(number, int):
        faults.append(Fault("version", "must be a whole number"))
    if faults:
        raise OntologyError([*faults, *_faults({each.id: each for each in concepts})])
    return Ontology(concepts, number=number)


def _parsed(identifier: str, entry: Any, faults: list[Fault]) -> Concept | None:
    try:
        return _concept(identifier, entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        missing = f"misses {error}" if isinstance(error, KeyError) else str(error)
        faults.append(Fault(f"concepts.{identifier}", missing))
        return None


def _concept(identifier: str, entry: Mapping[str, Any]) -> Concept:
    unknown = set(entry) - _FIELDS
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
        **{name: tuple(entry.get(name, ())) for name in _LISTS},
    )


_LISTS = ("synonyms_fr", "synonyms_en", "parents", "excludes", "parts")
_FIELDS = {
    *("label_fr", "label_en", "category", "kind", "severity", "absence", "range", "codes"),
    *_LISTS,
}


def _duplicates(listed: tuple[Concept, ...]) -> Iterator[Fault]:
    seen: set[str] = set()
    for concept in listed:
        if concept.id in seen:
            yield Fault(f"concepts.{concept.id}", "is defined twice")
        seen.add(concept.id)


def _faults(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    for concept in concepts.values():
        yield from _unknown_references(concept, concepts)
        yield from _one_sided_exclusions(concept, concepts)
    cyclic = [each for each in concepts if any(up == each for up, _ in _climb(concepts, each))]
    yield from (Fault(f"concepts.{each}.parents", "is its own ancestor") for each in cyclic)
    yield from _shared_names(concepts)
    yield from _self_exclusions(concepts)


def _unknown_references(concept: Concept, concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    absence = (concept.absence,) if concept.absence else ()
    for name, targets in (
        ("parents", concept.parents),
        ("excludes", concept.excludes),
        ("parts", concept.parts),
        ("absence", absence),
    ):
        for target in targets:
            if target not in concepts:
                yield Fault(f"concepts.{concept.id}.{name}", f"names the unknown concept {target}")


def _one_sided_exclusions(concept: Concept, concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    for target in concept.excludes:
        if target in concepts and concept.id not in concepts[target].excludes:
            yield Fault(f"concepts.{concept.id}.excludes", f"{target} does not exclude {concept.id} in turn")


def _self_exclusions(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    for concept in concepts.values():
        family = {concept.id, *(up for up, _ in _climb(concepts, concept.id))}
        for member in sorted(family):
            if member in concepts and family.intersection(concepts[member].excludes):
                yield Fault(f"concepts.{concept.id}", f"is excluded within its own ancestry, by {member}")


def _shared_names(concepts: Mapping[str, Concept]) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for concept in concepts.values():
        for name in (*concept.names("fr"), *concept.names("en")):
            key = plain(name)
            owner = owners.setdefault(key, concept.id)
            if owner != concept.id:
                yield Fault(f"concepts.{concept.id}", f"'{name}' already belongs to {owner}")


def _climb(concepts: Mapping[str, Concept], start: str) -> Iterator[tuple[str, int]]:
    """Yield each ancestor once with its distance; the start itself only if it lies on a cycle."""
    seen: set[str] = set()
    level, distance = [start], 0
    while level:
        distance += 1
        parents = [up for each in level if each in concepts for up in concepts[each].parents]
        level = [up for up in dict.fromkeys(parents) if up not in seen]
        seen.update(level)
        yield from ((up, distance) for up in level)
