"""Conditions of the scale's modulators: written as short texts, true, false or unknown of a visit.

`temperature >= 38 | confusion_associee & !purpura`: comparisons of features with numbers, questions by name,
`!` before `&` before `|`, and brackets. What is not known stays unknown unless the rest decides (Kleene's
logic).
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Truth: TypeAlias = bool | None
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NEGATED = {"<=": ">", ">=": "<", "<": ">=", ">": "<="}
_TOKEN = re.compile(r"\s*(<=|>=|[<>!&|()]|[a-z_][a-z_0-9]*|[0-9]+(?:\.[0-9]+)?)")


class ConditionError(ValueError):
    """A text that is no condition; the message says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A feature against a number."""

    feature: str
    sign: str
    value: float


@dataclass(frozen=True, slots=True)
class Question:
    """Something a person answers with yes or no."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these."""

    of: tuple["Condition", ...]


Condition: TypeAlias = Comparison | Question | Not | All | AnyOf


def parse(text: str) -> Condition:
    """Read a condition.

    Raises
    ------
    ConditionError
        When it cannot be read.
    """
    words: list[str] = []
    place = 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if not found:
            raise ConditionError(f"{text[place:].strip()[:20]!r} has no meaning in a condition")
        words.append(found[1])
        place = found.end()
    words.append("")
    condition, rest = _any(words, 0)
    if words[rest]:
        raise ConditionError(f"nothing is expected at {words[rest]!r}")
    return condition


def _any(words: list[str], place: int) -> tuple[Condition, int]:
    found, place = _all(words, place)
    parts = [found]
    while words[place] == "|":
        found, place = _all(words, place + 1)
        parts.append(found)
    return (parts[0] if len(parts) == 1 else AnyOf(tuple(parts))), place


def _all(words: list[str], place: int) -> tuple[Condition, int]:
    found, place = _single(words, place)
    parts = [found]
    while words[place] == "&":
        found, place = _single(words, place + 1)
        parts.append(found)
    return (parts[0] if len(parts) == 1 else All(tuple(parts))), place


def _single(words: list[str], place: int) -> tuple[Condition, int]:
    word = words[place]
    if word == "!":
        found, place = _single(words, place + 1)
        return Not(found), place
    if word == "(":
        found, place = _any(words, place + 1)
        if words[place] != ")":
            raise ConditionError("a bracket is not closed")
        return found, place + 1
    if not word or not (word[0].isalpha() or word[0] == "_"):
        raise ConditionError(f"a name is expected at {word!r}")
    if words[place + 1] not in _OPERATORS:
        return Question(word), place + 1
    number = words[place + 2]
    if not number[:1].isdigit():
        raise ConditionError(f"a number is expected after {word} {words[place + 1]}")
    return Comparison(word, words[place + 1], float(number)), place + 3


def truth(condition: Condition, values: Mapping[str, float], answers: Mapping[str, bool]) -> Truth:
    """Say whether it holds of what is known: true, false, or None where that is not enough to tell."""
    match condition:
        case Comparison():
            value = values.get(condition.feature)
            return None if value is None else _OPERATORS[condition.sign](value, condition.value)
        case Question():
            return answers.get(condition.name)
        case Not():
            inner = truth(condition.of, values, answers)
            return None if inner is None else not inner
        case All():
            return _decided(condition.of, values, answers, by=False)
        case AnyOf():
            return _decided(condition.of, values, answers, by=True)


def _decided(
    parts: tuple[Condition, ...], values: Mapping[str, float], answers: Mapping[str, bool], *, by: bool
) -> Truth:
    """Return `by` where one part alone is it, its contrary where every part is known."""
    unknown = False
    for part in parts:
        found = truth(part, values, answers)
        if found is by:
            return by
        unknown = unknown or found is None
    return None if unknown else not by


def names(condition: Condition) -> Iterator[Comparison | Question]:
    """Yield every comparison and question in it."""
    match condition:
        case Comparison() | Question():
            yield condition
        case Not():
            yield from names(condition.of)
        case All() | AnyOf():
            for part in condition.of:
                yield from names(part)


def unknown(condition: Condition, values: Mapping[str, float], answers: Mapping[str, bool]) -> Iterator[str]:
    """Yield the names of what would have to be known to decide a condition that is not decided.

    Where a measurement may already refute it, only that is named: nobody is asked for ketones before the
    blood sugar.
    """
    if truth(condition, values, answers) is not None:
        return
    match condition:
        case Comparison():
            yield condition.feature
        case Question():
            yield condition.name
        case Not():
            yield from unknown(condition.of, values, answers)
        case AnyOf():
            for part in condition.of:
                yield from unknown(part, values, answers)
        case All():
            found = [name for part in condition.of for name in unknown(part, values, answers)]
            measured = {each.feature for each in names(condition) if isinstance(each, Comparison)}
            yield from [name for name in found if name in measured] or found


def describe(condition: Condition, labels: Mapping[str, str], joints: tuple[str, str, str]) -> str:
    """Write a condition for a reader, with names from `labels` and joints for `and`, `or` and `not`."""
    both, either, denied = joints
    match condition:
        case Comparison():
            sign = {"<=": "≤", ">=": "≥"}.get(condition.sign, condition.sign)
            return f"{labels[condition.feature]} {sign} {condition.value:g}"
        case Question():
            return labels[condition.name]
        case Not(Comparison() as inner):
            return describe(Comparison(inner.feature, _NEGATED[inner.sign], inner.value), labels, joints)
        case Not():
            return f"{denied} ({describe(condition.of, labels, joints)})"
        case All():
            return f" {both} ".join(
                f"({text})" if isinstance(part, AnyOf) else text
                for part in condition.of
                for text in [describe(part, labels, joints)]
            )
        case AnyOf():
            return f" {either} ".join(
                f"({text})" if isinstance(part, All) else text
                for part in condition.of
                for text in [describe(part, labels, joints)]
            )
