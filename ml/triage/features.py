"""The one table of what is known of a patient at triage, and the reading of it from what people send."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Importance: TypeAlias = Literal["required", "important", "optional"]
Quality: TypeAlias = Literal["high", "medium", "low", "insufficient"]

COMPLAINT = "motif_consultation"
LONGEST_COMPLAINT = 1_000
INSUFFICIENT_FROM = 4
"""With this many required features missing, half of them, an answer is not to be relied on."""
SEXES = {"f": 1.0, "m": 0.0, "femme": 1.0, "homme": 0.0, "female": 1.0, "male": 0.0, "h": 0.0}


@dataclass(frozen=True, slots=True)
class Unit:
    """Another unit people use: a value in it times `factor`, plus `offset`, is in the feature's own."""

    name: str
    factor: float
    offset: float = 0.0
    guessed: bool = True
    """Whether a bare number that is out of range is taken for one in this unit, if it can be in no other."""

    def converted(self, number: float) -> float:
        """Return a number in this unit in the feature's own."""
        return number * self.factor + self.offset


@dataclass(frozen=True, slots=True)
class Feature:
    """One measured thing; `default` stands in where it is missing, and the answer says so."""

    name: str
    importance: Importance
    low: float
    high: float
    default: float
    unit: str
    fr: str
    en: str
    whole: bool = False
    others: tuple[Unit, ...] = ()

    def meant(self, number: float) -> Unit | None:
        """Return the unit that a bare number out of range must be in.

        None where it may be in several: a blood sugar of 22 is far too low in mg/dl, far too high in mmol/l.
        """
        possible = [each for each in self.others if self.low <= each.converted(number) <= self.high]
        return possible[0] if len(possible) == 1 and possible[0].guessed else None


FEATURES: tuple[Feature, ...] = (
    Feature("age", "required", 0, 120, 45, "ans", "âge", "age"),
    Feature("sexe", "required", 0, 1, 0, "", "sexe", "sex", whole=True),
    Feature("frequence_cardiaque", "required", 20, 300, 80, "/min", "fréquence cardiaque", "heart rate"),
    Feature(
        "pression_systolique",
        "required",
        30,
        300,
        120,
        "mmHg",
        "pression artérielle systolique",
        "systolic blood pressure",
        others=(Unit("cmHg", 10),),
    ),
    Feature(
        "pression_diastolique",
        "required",
        20,
        200,
        75,
        "mmHg",
        "pression artérielle diastolique",
        "diastolic blood pressure",
        others=(Unit("cmHg", 10),),
    ),
    Feature(
        "frequence_respiratoire", "required", 4, 90, 16, "/min", "fréquence respiratoire", "breathing rate"
    ),
    Feature(
        "temperature",
        "required",
        20,
        44,
        37,
        "°C",
        "température",
        "temperature",
        others=(Unit("°F", 5 / 9, -160 / 9),),
    ),
    Feature(
        "saturation_oxygene",
        "required",
        40,
        100,
        98,
        "%",
        "saturation en oxygène",
        "oxygen saturation",
        others=(Unit("fraction", 100),),
    ),
    Feature("echelle_douleur", "important", 0, 10, 0, "/10", "échelle de douleur", "pain scale"),
    Feature("glasgow", "important", 3, 15, 15, "/15", "score de Glasgow", "Glasgow score", whole=True),
    Feature(
        "glycemie",
        "optional",
        0.1,
        15,
        1.0,
        "g/l",
        "glycémie",
        "blood sugar",
        others=(Unit("mg/dl", 0.01), Unit("mmol/l", 0.18, guessed=False)),
    ),
)
"""Every feature but the complaint, which is text."""

BY_NAME: Mapping[str, Feature] = {each.name: each for each in FEATURES}
REQUIRED = tuple(each.name for each in FEATURES if each.importance == "required")
IMPORTANT = tuple(each.name for each in FEATURES if each.importance == "important")

PROBLEMS = {
    "not_a_number": "'{0}' is not a number",
    "not_whole": "{0} is not a whole number",
    "out_of_range": "{0} is not between {1} and {2} {3}",
    "other_unit": "{0} looks like {1}: in {2} it would be {3}",
    "not_a_sex": "'{0}' is neither F nor M",
    "not_below": "{0} is not below the systolic {1}",
    "not_text": "is not text",
    "too_long": "has more than {0} characters",
    "columns": "has {0} columns, the first line {1}",
    "unreadable": "cannot be read as CSV",
    "not_yes_or_no": "'{0}' is neither yes nor no",
}
"""What can be wrong with a field, by code; the numbers stand for an error's values."""
_YES_OR_NO = {
    "oui": True,
    "yes": True,
    "true": True,
    "1": True,
    "non": False,
    "no": False,
    "false": False,
    "0": False,
}
_NUMBER = re.compile(r"([+-]?[0-9]{1,7}(?:[.,][0-9]{1,9})?)\s*([^0-9\s].{0,11})?")
_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `code` is one of `PROBLEMS`."""

    field: str
    code: str
    values: tuple[str, ...] = ()

    def text(self) -> str:
        """Say it in English."""
        return f"{self.field}: {PROBLEMS[self.code].format(*self.values)}"


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of one patient at triage.

    Parameters
    ----------
    values
        What was measured, by feature; a missing one is not there. The sex is 1 for women.
    complaint
        Why they come, in their or the nurse's words; empty when nobody said.
    answers
        What was answered to the scale's questions.
    """

    values: Mapping[str, float]
    complaint: str
    answers: Mapping[str, bool]

    def missing(self) -> tuple[str, ...]:
        """Return the features that are not there, in the table's order; the complaint last."""
        absent = tuple(each.name for each in FEATURES if each.name not in self.values)
        return absent if self.complaint else (*absent, COMPLAINT)

    def imputed(self) -> dict[str, float]:
        """Return every feature, the missing ones by their defaults."""
        return {each.name: self.values.get(each.name, each.default) for each in FEATURES}

    def quality(self) -> Quality:
        """Say how far the answer can be relied on, from what is missing alone."""
        absent = sum(name not in self.values for name in REQUIRED)
        if absent >= INSUFFICIENT_FROM:
            return "insufficient"
        if absent:
            return "low"
        return "high" if all(name in self.values for name in IMPORTANT) else "medium"


@dataclass(frozen=True, slots=True)
class Reading:
    """A visit as far as it could be read, and what could not."""

    visit: Visit
    errors: tuple[FieldError, ...]


class _UnreadableError(Exception):
    def __init__(self, code: str, *values: object) -> None:
        self.code = code
        self.values = tuple(str(each)[:_LONGEST_SHOWN] for each in values)


def read(given: Mapping[str, object], questions: Collection[str] = ()) -> Reading:
    """Read a visit from what was sent, every error beside its field.

    Numbers may be texts, with a decimal comma and their own unit. None and blank text are missing. A value in
    another unit is refused with what it would be, since nobody should be triaged by a guess.

    Parameters
    ----------
    given
        By name of feature, `motif_consultation` and the scale's questions; other names are passed over.
    questions
        The names of the questions that may be answered.
    """
    values: dict[str, float] = {}
    errors: list[FieldError] = []
    for feature in FEATURES:
        sent = given.get(feature.name)
        if _blank(sent):
            continue
        try:
            values[feature.name] = _sex(sent) if feature.name == "sexe" else _number(feature, sent)
        except _UnreadableError as error:
            errors.append(FieldError(feature.name, error.code, error.values))
    systolic, diastolic = values.get("pression_systolique"), values.get("pression_diastolique")
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        shown = (_shown(diastolic), _shown(systolic))
        errors.append(FieldError("pression_diastolique", "not_below", shown))
    complaint = _complaint(given.get(COMPLAINT), errors)
    answers: dict[str, bool] = {}
    for question in questions:
        answer = given.get(question)
        if _blank(answer):
            continue
        yes = _YES_OR_NO.get(str(answer).strip().lower())
        if yes is None:
            errors.append(FieldError(question, "not_yes_or_no", (str(answer)[:_LONGEST_SHOWN],)))
        else:
            answers[question] = yes
    return Reading(Visit(values, complaint, answers), tuple(errors))


def _blank(sent: object) -> bool:
    return sent is None or (isinstance(sent, str) and not sent.strip())


def _complaint(sent: object, errors: list[FieldError]) -> str:
    if sent is None:
        return ""
    if not isinstance(sent, str):
        errors.append(FieldError(COMPLAINT, "not_text"))
        return ""
    if len(sent) > LONGEST_COMPLAINT:
        errors.append(FieldError(COMPLAINT, "too_long", (str(LONGEST_COMPLAINT),)))
        return ""
    return " ".join(sent.split())


def _sex(sent: object) -> float:
    try:
        return SEXES[str(sent).strip().lower()]
    except KeyError:
        raise _UnreadableError("not_a_sex", sent) from None


def _number(feature: Feature, sent: object) -> float:
    number, unit = _cut(sent)
    for other in feature.others:
        if unit == other.name.lower().removeprefix("°"):
            raise _other_unit(feature, number, other)
    if unit not in {"", feature.unit.lower().removeprefix("°")}:
        raise _UnreadableError("not_a_number", sent)
    if not feature.low <= number <= feature.high:
        meant = feature.meant(number)
        if meant is not None:
            raise _other_unit(feature, number, meant)
        raise _UnreadableError(
            "out_of_range", _shown(number), _shown(feature.low), _shown(feature.high), feature.unit
        )
    if feature.whole and number != int(number):
        raise _UnreadableError("not_whole", _shown(number))
    return number


def _cut(sent: object) -> tuple[float, str]:
    """Return a number and the unit written after it, folded."""
    if isinstance(sent, bool) or not isinstance(sent, int | float | str):
        raise _UnreadableError("not_a_number", sent)
    if isinstance(sent, str):
        found = _NUMBER.fullmatch(sent.strip())
        if not found:
            raise _UnreadableError("not_a_number", sent)
        unit = (found[2] or "").strip().lower().removeprefix("°")
        return float(found[1].replace(",", ".")), unit
    try:
        number = float(sent)
    except OverflowError:
        raise _UnreadableError("not_a_number", sent) from None
    if not math.isfinite(number):
        raise _UnreadableError("not_a_number", sent)
    return number, ""


def _other_unit(feature: Feature, number: float, other: Unit) -> _UnreadableError:
    shown = f"{other.converted(number):.2f}".rstrip("0").rstrip(".")
    return _UnreadableError("other_unit", _shown(number), other.name, feature.unit, shown)


def _shown(number: float) -> str:
    return f"{number:g}"
