"""Files of participants, one a line: CSV with named columns, or JSON lines."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from schema.errors import FieldProblem, ValidationFailedError
from schema.services.text import line

MAX_FILE_BYTES = 1_000_000
MOST_LINES = 5_000
COLUMNS = {
    "email": "email",
    "externalid": "externalId",
    "displayname": "displayName",
    "sessionid": "sessionId",
    "session": "sessionId",
}
"""By name without case, blanks and dashes; docs/api.md says so too."""
SHOWN_COLUMNS = "email, externalId, displayName, sessionId"


@dataclass(frozen=True, slots=True)
class Participant:
    """What a line says; `line` counts from 1, as an editor does."""

    line: int
    email: str = ""
    externalId: str = ""  # noqa: N815 - as the API and its faults call it
    displayName: str = ""  # noqa: N815 - the same
    sessionId: str = ""  # noqa: N815 - the same

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells one participant of a session from another."""
        return (
            (self.sessionId, "", self.externalId)
            if self.externalId
            else (self.sessionId, self.email.lower(), "")
        )


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with a line; never what it says."""

    line: int
    column: str
    code: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParticipantFile:
    """What a file says, line by line, and which lines say nothing."""

    participants: list[Participant]
    faults: list[LineFault]

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "participants": [asdict(each) for each in self.participants],
            "faults": [asdict(each) for each in self.faults],
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> "ParticipantFile":
        """Return a file from its document."""
        return cls(
            [Participant(**each) for each in document["participants"]],
            [LineFault(**each) for each in document["faults"]],
        )


def read_participants(upload: IO[bytes]) -> ParticipantFile:
    """Read a file someone sent; which form it has is told by its first character.

    Raises
    ------
    ValidationFailedError
        At `file`, when it cannot be read as a whole.
    """
    octets = upload.read(MAX_FILE_BYTES + 1)
    if len(octets) > MAX_FILE_BYTES:
        raise _refused("file_too_large_text", kilobytes=MAX_FILE_BYTES // 1000)
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("file_not_utf8") from None
    if not text.strip():
        raise _refused("file_empty")
    found = _objects(text) if text.lstrip().startswith("{") else _rows(text)
    return _sorted_out(found)


def _sorted_out(found: Iterable[Participant | LineFault]) -> ParticipantFile:
    participants, faults, seen = [], [], dict[tuple[str, str, str], int]()
    for count, each in enumerate(found, start=1):
        if count > MOST_LINES:
            raise _refused("too_many_lines", maximum=MOST_LINES)
        if isinstance(each, LineFault):
            faults.append(each)
        elif not each.externalId and not each.email:
            faults.append(LineFault(each.line, "email", "names_nobody"))
        elif each.key in seen:
            column = "externalId" if each.externalId else "email"
            faults.append(LineFault(each.line, column, "line_twice", {"line": str(seen[each.key])}))
        else:
            seen[each.key] = each.line
            participants.append(each)
    return ParticipantFile(participants, faults)


def _rows(text: str) -> Iterator[Participant | LineFault]:
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    names: list[str] | None = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield LineFault(reader.line_num, "", "unreadable_line")
            continue
        if not any(cell.strip() for cell in row):
            continue
        if names is None:
            names = _columns(row)
        elif len(row) > len(names):
            yield LineFault(reader.line_num, "", "unreadable_line")
        else:
            yield _participant(reader.line_num, dict(zip(names, row, strict=False)))


def _columns(row: list[str]) -> list[str]:
    named = [COLUMNS.get(re.sub(r"[^a-z]", "", cell.lower())) for cell in row]
    known = [name for name in named if name is not None]
    if len(known) < len(row) or len(set(known)) < len(known) or not {"email", "externalId"} & set(known):
        raise _refused("file_no_columns", columns=SHOWN_COLUMNS)
    return known


def _objects(text: str) -> Iterator[Participant | LineFault]:
    for number, each in enumerate(text.split("\n"), start=1):
        if not each.strip():
            continue
        try:
            said = json.loads(each)
        except (ValueError, RecursionError):
            said = None
        known = set(COLUMNS.values())
        sound = isinstance(said, dict) and set(said) <= known
        if sound and all(isinstance(value, str) for value in said.values()):
            yield _participant(number, said)
        else:
            yield LineFault(number, "", "unreadable_line")


def _participant(number: int, said: dict[str, str]) -> Participant | LineFault:
    """Return what a line says in single blanks and composed characters, as it is stored and looked up."""
    tidy = {}
    for name, value in said.items():
        tidy[name], problems = line(value, name, MAX_FILE_BYTES)
        if tidy[name] and problems:
            return LineFault(number, name, problems[0].code)
    return Participant(number, **tidy)


def _refused(code: str, **values: object) -> ValidationFailedError:
    named = tuple((name, str(value)) for name, value in values.items())
    return ValidationFailedError([FieldProblem(("file",), code, named)])
