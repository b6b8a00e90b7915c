"""The FRENCH scale as it is written in `data/french.json`, checked whole when it is loaded."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ml.triage.conditions import Comparison, Condition, ConditionError, Question, describe, names, parse
from ml.triage.features import BY_NAME
from ml.triage.levels import LEVELS, Level, gravity

DERIVED: Mapping[str, tuple[str, str, Callable[[Mapping[str, float]], float], tuple[str, str]]] = {
    "indice_de_choc": (
        "indice de choc",
        "shock index",
        lambda values: values["frequence_cardiaque"] / values["pression_systolique"],
        ("frequence_cardiaque", "pression_systolique"),
    ),
    "pression_systolique_moins_2_ages": (
        "pression systolique moins 2 × âge",
        "systolic pressure less 2 × age",
        lambda values: values["pression_systolique"] - 2 * values["age"],
        ("pression_systolique", "age"),
    ),
}
"""What conditions compare beside the features: French and English names, how to compute it, from what."""


@dataclass(frozen=True, slots=True)
class Modulator:
    """A condition and the level it leads to; `fr` is the scale's text, `en` says the condition."""

    id: str
    level: Level
    fr: str
    en: str
    when: Condition


@dataclass(frozen=True, slots=True)
class Complaint:
    """A row of the scale.

    `applies` and `stands_for` are those of children's rows: the complaints whose place they take where
    `applies` holds.
    """

    id: str
    section: str
    fr: str
    en: str
    median: Level
    modulators: tuple[Modulator, ...]
    applies: Condition | None = None
    stands_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delay:
    """Within how many minutes a nurse, where the scale says so, and a doctor see the patient."""

    nurse_minutes: int | None
    doctor_minutes: int


@dataclass(frozen=True, slots=True)
class Label:
    """A name in both languages."""

    fr: str
    en: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The whole scale."""

    version: str
    delays: Mapping[Level, Delay]
    sections: Mapping[str, Label]
    questions: Mapping[str, Label]
    vital_signs: tuple[Modulator, ...]
    complaints: Mapping[str, Complaint]
    rule_3a: Modulator

    def row(self, complaint: str, holds: Callable[[Condition], bool]) -> Complaint:
        """Return a complaint's row, or the children's that takes its place."""
        for each in self.complaints.values():
            if complaint in each.stands_for and each.applies is not None and holds(each.applies):
                return each
        return self.complaints[complaint]


class ScaleError(ValueError):
    """A file that is no usable scale; `faults` names everything wrong with it, each with its place."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@cache
def french() -> Scale:
    """Return the scale of the file that comes with this package."""
    text = files("ml.triage").joinpath("data/french.json").read_text(encoding="utf-8")
    return load(json.loads(text))


def load(document: object) -> Scale:
    """Return the scale a document describes.

    Raises
    ------
    ScaleError
        With all faults at once.
    """
    loader = _Loader()
    scale = loader.scale(document)
    if loader.faults or scale is None:
        raise ScaleError(tuple(loader.faults))
    return scale


class _Loader:
    """Reads a document on in spite of faults, so that all are told."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.questions: dict[str, Label] = {}
        self.asked: set[str] = set()

    def scale(self, document: object) -> Scale | None:
        if not isinstance(document, dict):
            self.fault("the file", "is no object")
            return None
        self.questions = self.labels(document, "questions")
        sections = self.labels(document, "sections")
        rows = list(self.objects(document, "complaints"))
        complaints = [self.complaint(place, row, sections) for place, row in rows]
        self.unique("complaints", [each.id for each in complaints])
        by_id = {each.id: each for each in complaints}
        for each in complaints:
            for other in each.stands_for:
                if other not in by_id:
                    self.fault(f"complaints.{each.id}.stands_for", f"names the unknown complaint {other}")
        vitals = tuple(
            self.modulator(f"vital_signs.{row.get('id')}", str(row.get("id")), row)
            for _, row in self.objects(document, "vital_signs")
        )
        self.unique("vital_signs", [each.id for each in vitals])
        for place, row in self.objects(document, "vital_signs"):
            if row.get("row") not in {None, *by_id}:
                self.fault(f"{place}.row", f"names the unknown complaint {row['row']}")
        rule = document.get("rule_3a")
        rule_3a = self.modulator(
            "rule_3a", "rule_3a", (rule if isinstance(rule, dict) else {}) | {"level": "3A"}
        )
        for name in sorted(self.questions.keys() - self.asked):
            self.fault(f"questions.{name}", "is asked by no condition")
        delays = self.delays(document)
        version = self.text("the file", document, "version")
        return Scale(version, delays, sections, self.questions, vitals, by_id, rule_3a)

    def fault(self, place: str, what: str) -> None:
        self.faults.append(f"{place} {what}")

    def unique(self, place: str, identifiers: list[str]) -> None:
        for name, times in Counter(identifiers).items():
            if times > 1:
                self.fault(f"{place}.{name}", "is defined twice")

    def text(self, place: str, row: Mapping[str, object], key: str) -> str:
        found = row.get(key)
        if not isinstance(found, str) or not found.strip():
            self.fault(place, f"misses {key}")
            return ""
        return found

    def objects(self, document: Mapping[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        found = document.get(key)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found) or not found:
            if key == "complaints" or f"{key} is no list of objects" not in self.faults:
                self.fault(key, "is no list of objects")
            return
        for each in found:
            yield f"{key}.{each.get('id')}", each

    def labels(self, document: Mapping[str, Any], key: str) -> dict[str, Label]:
        found = document.get(key)
        if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
            self.fault(key, "is no object of names")
            return {}
        return {
            name: Label(self.text(f"{key}.{name}", each, "fr"), self.text(f"{key}.{name}", each, "en"))
            for name, each in found.items()
        }

    def delays(self, document: Mapping[str, Any]) -> dict[Level, Delay]:
        found = document.get("levels")
        if not isinstance(found, dict) or tuple(found) != LEVELS:
            self.fault("levels", f"are not {', '.join(LEVELS)}")
            return {}
        delays: dict[Level, Delay] = {}
        before = -1
        for level in LEVELS:
            row = found[level]
            minutes = row.get("doctor_minutes")
            if row.get("gravity") != gravity(level):
                self.fault(f"levels.{level}", f"is not {gravity(level)}")
            if not isinstance(minutes, int) or minutes <= before:
                self.fault(f"levels.{level}", "has no longer delay than the level before")
                continue
            before = minutes
            delays[level] = Delay(row.get("nurse_minutes"), minutes)
        return delays

    def level(self, place: str, row: Mapping[str, object], key: str) -> Level:
        found = row.get(key)
        if found not in LEVELS:
            self.fault(f"{place}.{key}", f"is not one of {', '.join(LEVELS)}")
            return "5"
        return found

    def condition(self, place: str, row: Mapping[str, object]) -> Condition:
        text = self.text(place, row, "when")
        try:
            condition = parse(text) if text else Question("")
        except ConditionError as error:
            self.fault(place, f"cannot be read: {error}")
            return Question("")
        for each in names(condition):
            self.named(place, each)
        return condition

    def named(self, place: str, part: Comparison | Question) -> None:
        if isinstance(part, Question):
            self.asked.add(part.name)
            if part.name and part.name not in self.questions:
                self.fault(place, f"asks the unknown question {part.name}")
            return
        feature = BY_NAME.get(part.feature)
        if feature is None and part.feature not in DERIVED:
            self.fault(place, f"compares the unknown feature {part.feature}")
        elif feature is not None and not feature.low <= part.value <= feature.high:
            self.fault(place, f"compares {part.feature} with {part.value:g}, which it never is")

    def modulator(self, place: str, identifier: str, row: Mapping[str, object]) -> Modulator:
        level = self.level(place, row, "level")
        condition = self.condition(place, row)
        english = "" if self.faults else describe(condition, self.english(), ("and", "or", "not"))
        return Modulator(identifier, level, self.text(place, row, "fr"), english, condition)

    def english(self) -> dict[str, str]:
        """Return what things are called in English within a sentence."""
        asked = {
            name: label.en if label.en[1:2].isupper() else label.en[:1].lower() + label.en[1:]
            for name, label in self.questions.items()
        }
        measured = {name: feature.en for name, feature in BY_NAME.items()}
        return asked | measured | {name: derived[1] for name, derived in DERIVED.items()}

    def complaint(self, place: str, row: dict[str, Any], sections: Mapping[str, Label]) -> Complaint:
        identifier = self.text(place, row, "id")
        if row.get("section") not in sections:
            self.fault(place, f"is in the unknown section {row.get('section')}")
        modulators = tuple(
            self.modulator(f"{place}.{each.get('level')}", f"{identifier}.{each.get('level')}", each)
            for each in row.get("modulators", ())
        )
        self.unique(f"{place}.modulators", [each.level for each in modulators])
        return Complaint(
            identifier,
            str(row.get("section")),
            self.text(place, row, "fr"),
            self.text(place, row, "en"),
            self.level(place, row, "median"),
            modulators,
            self.condition(f"{place}.applies", {"when": row["applies"]}) if "applies" in row else None,
            tuple(row.get("stands_for", ())),
        )
