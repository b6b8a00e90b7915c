"""HTML forms to operation variables, by the operation's own input types, and errors back to the fields.

A field's name is its path in the input: `title`, `recordings.0.label`; fields of an operation's one `$input`
need no prefix, so that names are the paths `ValidationErrors` answers with. Any other variable goes by its
own name. An empty field means null where null is allowed. A check box that is absent means false where a
value is required; where the input has a default, put `<input type=hidden value=false>` of the same name
before the box.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    Undefined,
    get_named_type,
    is_required_input_field,
)
from graphql.utilities import validate_input_value
from starlette.datastructures import FormData, UploadFile

from server.i18n import gettext as _
from server.operations import Operation

Value = str | UploadFile
TRUE = {"true", "on", "1", "yes"}
ROOT = "input"
INDEX = re.compile(r"[0-9]{1,4}(?=\.|$)")
WRONG_TYPE = {"Int": "not_an_integer", "Float": "not_a_number", "DateTime": "not_a_date"}


@dataclass(frozen=True)
class Problem:
    """One fault in what was typed; the same shape whether the type or the domain found it."""

    path: str
    code: str
    message: str


@dataclass(frozen=True)
class Form:
    """What was typed, kept for showing it again, and what is wrong with it.

    `form.value("title")` and `form.error("title")` serve the form macros; a form nobody has filled in yet is
    `Form()`.
    """

    typed: Mapping[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def sent(self) -> bool:
        """Return whether this is a form coming back."""
        return bool(self.typed)

    def value(self, name: str, default: Any = "") -> Any:
        """Return what was typed last under a name, or the default when the form did not have it."""
        return self.typed[name][-1] if self.typed.get(name) else default

    def values(self, name: str) -> list[str]:
        """Return everything sent under a name, such as every box that was ticked."""
        return self.typed.get(name, [])

    def worded(self, path: str, code: str, message: str) -> "Form":
        """Return the form with a fault of a field told in other words, where there is one."""
        problems = [
            replace(each, message=message) if (each.path, each.code) == (path, code) else each
            for each in self.problems
        ]
        return replace(self, problems=problems)

    def error(self, name: str) -> str | None:
        """Return the first message for a field, or for anything inside of it."""
        return next(
            (p.message for p in self.problems if p.path == name or p.path.startswith(f"{name}.")), None
        )

    def summary(self) -> list[tuple[str, str]]:
        """Return (path, message) of every problem, for the list above a long form."""
        return [(problem.path, problem.message) for problem in self.problems]


def number_of(typed: object) -> float | None:
    """Return a number as it is typed in French or English; None for what is none."""
    try:
        number = float(str(typed).replace(",", "."))
    except ValueError:
        return None
    return number if isfinite(number) else None


def kept(data: FormData) -> dict[str, list[str]]:
    """Return the text a form sent, by name; files cannot be shown again by a browser."""
    typed: dict[str, list[str]] = {}
    for name, value in data.multi_items():
        if isinstance(value, str):
            typed.setdefault(name, []).append(value)
    return typed


def variables_of(
    operation: Operation, data: FormData, fixed: Mapping[str, Any], zone: ZoneInfo
) -> tuple[dict[str, Any], list[Problem]]:
    """Return an operation's variables from a form, and what is wrong with their types.

    Parameters
    ----------
    operation
        Its variables' types say what each field becomes.
    data
        The form as it was sent.
    fixed
        What the page knows better than the form (ids from the address); keys are variables, or fields of
    `$input`. zone
        The time zone of `datetime-local` fields, which carry none.
    """
    reader = _Reader(data, zone)
    variables: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, kind in operation.variables.items():
        prefix = "" if name == ROOT else name
        value = reader.read(prefix, kind)
        value = _with_fixed(name, value, kind, fixed)
        if value is Undefined and not isinstance(kind, GraphQLNonNull):
            continue
        problems += _type_problems(value, kind, prefix)
        variables[name] = value
    return variables, problems


def _with_fixed(name: str, value: Any, kind: GraphQLInputType, fixed: Mapping[str, Any]) -> Any:
    if name in fixed:
        return fixed[name]
    named = get_named_type(kind)
    if name == ROOT and isinstance(named, GraphQLInputObjectType):
        inside = {key: fixed[key] for key in named.fields if key in fixed}
        return {**(value if isinstance(value, dict) else {}), **inside}
    return value


class _Reader:
    """Reads typed values out of one form."""

    def __init__(self, data: FormData, zone: ZoneInfo) -> None:
        self._zone = zone
        self._values: dict[str, list[Value]] = {}
        for name, value in data.multi_items():
            self._values.setdefault(name, []).append(value)

    def read(self, path: str, kind: GraphQLInputType) -> Any:
        """Return the value at a path, or Undefined when the form says nothing about it."""
        required = isinstance(kind, GraphQLNonNull)
        bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(bare, GraphQLInputObjectType):
            return self._object(path, bare, required=required)
        if isinstance(bare, GraphQLList):
            return self._list(path, bare.of_type)
        return self._leaf(path, bare, required=required)

    def _object(self, path: str, kind: GraphQLInputObjectType, *, required: bool) -> Any:
        if path and not required and not self._has_below(path):
            return Undefined
        read = {name: self._field(f"{path}.{name}".lstrip("."), part) for name, part in kind.fields.items()}
        return {name: value for name, value in read.items() if value is not Undefined}

    def _field(self, path: str, part: GraphQLInputField) -> Any:
        """Return a field's value; one that is required and absent is null, to be refused by its own name."""
        value = self.read(path, part.type)
        if value is not Undefined or not is_required_input_field(part):
            return value
        return False if str(part.type) == "Boolean!" else None

    def _list(self, path: str, kind: GraphQLInputType) -> Any:
        indices = self._indices(path)
        if indices:
            return [self.read(f"{path}.{index}", kind) for index in indices]
        if path not in self._values:
            return Undefined
        bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        return [self._converted(value, bare) for value in self._values[path] if not _empty(value)]

    def _leaf(self, path: str, kind: Any, *, required: bool) -> Any:
        if path not in self._values:
            return Undefined
        value = self._values[path][-1]
        if _empty(value):
            if kind.name == "String" and required:
                return ""
            return Undefined if required else None
        return self._converted(value, kind)

    def _converted(self, value: Value, kind: Any) -> Any:
        if isinstance(value, UploadFile):
            return value
        convert = {"Int": _int, "Float": _float, "Boolean": _boolean, "DateTime": self._instant}.get(
            getattr(kind, "name", ""), str
        )
        return convert(value)

    def _instant(self, text: str) -> str:
        """Return an instant with its offset; what is no date stays as it is, for the type to refuse."""
        try:
            local = dt.datetime.fromisoformat(text.strip())
        except ValueError:
            return text
        return (local if local.tzinfo else local.replace(tzinfo=self._zone)).isoformat()

    def _has_below(self, path: str) -> bool:
        return any(name.startswith(f"{path}.") for name in self._values)

    def _indices(self, path: str) -> list[int]:
        rests = (name.removeprefix(f"{path}.") for name in self._values if name.startswith(f"{path}."))
        return sorted({int(found[0]) for rest in rests if (found := INDEX.match(rest))})


def _empty(value: Value) -> bool:
    return not value.strip() if isinstance(value, str) else not value.filename


def _int(text: str) -> int | str:
    try:
        return int(text.strip())
    except ValueError:
        return text


def _float(text: str) -> float | str:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return text


def _boolean(text: str) -> bool:
    return text.strip().lower() in TRUE


def _type_problems(value: Any, kind: GraphQLInputType, prefix: str) -> list[Problem]:
    problems: list[Problem] = []

    def note(_error: GraphQLError, path: Iterable[str | int]) -> None:
        steps = [str(step) for step in path]
        code, message = _worded(_at(value, steps), _type_at(kind, steps))
        problems.append(Problem(".".join([*([prefix] if prefix else []), *steps]), code, message))

    validate_input_value(value, kind, note, hide_suggestions=True)
    return problems


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, Undefined)
        elif isinstance(value, list):
            value = value[int(step)]
    return value


def _type_at(kind: Any, steps: list[str]) -> GraphQLNamedType | None:
    named: GraphQLNamedType | None = get_named_type(kind)
    for step in steps:
        if isinstance(named, GraphQLInputObjectType) and not step.isdecimal():
            named = get_named_type(named.fields[step].type) if step in named.fields else None
    return named


def _worded(value: Any, kind: GraphQLNamedType | None) -> tuple[str, str]:
    """Return the code and the message of a value its type refuses."""
    if kind is not None and kind.name == "Upload":
        return "not_a_file", _("Choose a file.")
    if value is Undefined or value is None:
        return "required", _("This field is required.")
    if isinstance(kind, GraphQLEnumType):
        return "not_a_choice", _("Choose one of the values offered.")
    code = WRONG_TYPE.get(kind.name if kind else "", "invalid")
    return code, {
        "not_an_integer": _("Give a whole number."),
        "not_a_number": _("Give a number."),
        "not_a_date": _("Give a date and a time."),
        "invalid": _("This value cannot be read."),
    }[code]
