"""Forms become typed variables, and errors find their way back to the fields."""

import datetime as dt
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import strawberry
from starlette.datastructures import FormData, UploadFile
from strawberry.file_uploads import Upload

from server.forms import Form, Problem, kept, variables_of
from server.i18n import speaking
from server.operations import Operation, Operations

PARIS = ZoneInfo("Europe/Paris")


@strawberry.enum
class Level(Enum):
    BEGINNER = "beginner"
    EXPERT = "expert"


@strawberry.input
class PartInput:
    label: str
    order: int


@strawberry.input
class ThingInput:
    title: str
    minutes: int
    weight: float
    visible: bool
    level: Level
    opens_at: dt.datetime | None = None
    note: str | None = None
    anonymous: bool = True
    tags: list[str] = strawberry.field(default_factory=list)
    parts: list[PartInput] = strawberry.field(default_factory=list)
    owner: strawberry.ID | None = None


@strawberry.type
class Query:
    @strawberry.field
    def make(self, input: ThingInput) -> int:  # noqa: A002 - the customary name
        return input.minutes

    @strawberry.field
    def attach(self, id: strawberry.ID, file: Upload, count: int = 1) -> int:  # noqa: A002, ARG002 - the same
        return count


SCHEMA = strawberry.Schema(Query)
GOOD = [
    ("title", "Bloc"),
    ("minutes", " 30 "),
    ("weight", "0,5"),
    ("visible", "on"),
    ("level", "EXPERT"),
]


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Operations:
    folder: Path = tmp_path_factory.mktemp("templates")
    (folder / "make.graphql").write_text("query Make($input: ThingInput!) { make(input: $input) }")
    (folder / "attach.graphql").write_text(
        "query Attach($id: ID!, $file: Upload!, $count: Int) { attach(id: $id, file: $file, count: $count) }"
    )
    return Operations(SCHEMA, folder)


@pytest.fixture(scope="module")
def make(operations: Operations) -> Operation:
    return operations["make"]


def read(
    operation: Operation, fields: list[tuple[str, Any]], **fixed: Any
) -> tuple[dict[str, Any], list[Problem]]:
    return variables_of(operation, FormData(fields), fixed, PARIS)


def test_each_field_becomes_what_its_type_says(make: Operation) -> None:
    variables, problems = read(make, GOOD)
    assert problems == []
    assert variables == {
        "input": {"title": "Bloc", "minutes": 30, "weight": 0.5, "visible": True, "level": "EXPERT"}
    }


def test_a_required_box_left_unticked_is_false_and_one_with_a_default_keeps_it(make: Operation) -> None:
    variables, problems = read(make, [field for field in GOOD if field[0] != "visible"])
    assert problems == []
    assert variables["input"]["visible"] is False
    assert "anonymous" not in variables["input"]


def test_a_hidden_field_before_a_box_says_that_it_is_unticked(make: Operation) -> None:
    unticked, _ = read(make, [*GOOD, ("anonymous", "false")])
    ticked, _ = read(make, [*GOOD, ("anonymous", "false"), ("anonymous", "true")])
    assert unticked["input"]["anonymous"] is False
    assert ticked["input"]["anonymous"] is True


def test_an_empty_optional_field_is_null(make: Operation) -> None:
    variables, problems = read(make, [*GOOD, ("note", "  "), ("opensAt", "")])
    assert problems == []
    assert variables["input"]["note"] is None
    assert variables["input"]["opensAt"] is None


def test_a_local_date_and_time_gets_the_offset_of_its_season(make: Operation) -> None:
    winter, _ = read(make, [*GOOD, ("opensAt", "2026-11-21T09:30")])
    summer, _ = read(make, [*GOOD, ("opensAt", "2026-07-21T09:30")])
    assert winter["input"]["opensAt"] == "2026-11-21T09:30:00+01:00"
    assert summer["input"]["opensAt"] == "2026-07-21T09:30:00+02:00"


def test_several_values_of_one_name_are_a_list(make: Operation) -> None:
    variables, _ = read(make, [*GOOD, ("tags", "a"), ("tags", ""), ("tags", "b")])
    assert variables["input"]["tags"] == ["a", "b"]


def test_indexed_names_are_a_list_of_objects_in_their_order(make: Operation) -> None:
    fields = [
        ("parts.10.label", "C"),
        ("parts.10.order", "3"),
        ("parts.2.label", "A"),
        ("parts.2.order", "1"),
    ]
    variables, problems = read(make, [*GOOD, *fields])
    assert problems == []
    assert variables["input"]["parts"] == [{"label": "A", "order": 1}, {"label": "C", "order": 3}]


def test_what_the_page_knows_wins_over_the_form(make: Operation) -> None:
    variables, problems = read(make, [*GOOD, ("owner", "forged")], owner="mine")
    assert problems == []
    assert variables["input"]["owner"] == "mine"


def test_every_field_of_the_wrong_type_is_named_with_a_message(make: Operation) -> None:
    fields = [
        ("title", "Bloc"),
        ("minutes", "abc"),
        ("weight", "heavy"),
        ("level", "GURU"),
        ("opensAt", "tomorrow"),
        ("parts.0.label", "A"),
        ("parts.0.order", "first"),
    ]
    with speaking("en"):
        _, problems = read(make, fields)
    assert {(problem.path, problem.code, problem.message) for problem in problems} == {
        ("minutes", "not_an_integer", "Give a whole number."),
        ("weight", "not_a_number", "Give a number."),
        ("level", "not_a_choice", "Choose one of the values offered."),
        ("opensAt", "not_a_date", "Give a date and a time."),
        ("parts.0.order", "not_an_integer", "Give a whole number."),
    }


def test_a_missing_required_field_is_said_to_be_required(make: Operation) -> None:
    with speaking("fr"):
        _, problems = read(make, [field for field in GOOD if field[0] != "minutes"])
    assert problems == [Problem("minutes", "required", "Ce champ est obligatoire.")]


def test_an_integer_beyond_what_graphql_can_hold_is_refused(make: Operation) -> None:
    _, problems = read(make, [*GOOD, ("minutes", "99999999999")])
    assert [problem.path for problem in problems] == ["minutes"]


def test_other_variables_go_by_their_own_names(operations: Operations) -> None:
    upload = UploadFile(BytesIO(b"x"), filename="ecg.png")
    variables, problems = read(operations["attach"], [("file", upload)], id="Q2FzZTox")
    assert problems == []
    assert variables == {"id": "Q2FzZTox", "file": upload}


def test_a_file_input_left_empty_asks_for_a_file(operations: Operations) -> None:
    with speaking("en"):
        _, problems = read(operations["attach"], [("file", UploadFile(BytesIO(), filename=""))], id="x")
    assert problems == [Problem("file", "not_a_file", "Choose a file.")]


def test_what_was_typed_is_kept_without_its_files() -> None:
    fields: list[tuple[str, Any]] = [
        ("minutes", "abc"),
        ("tags", "a"),
        ("tags", "b"),
        ("file", UploadFile(BytesIO(b"x"), filename="f")),
    ]
    form = Form(kept(FormData(fields)), [Problem("minutes", "not_an_integer", "Give a whole number.")])
    assert form.value("minutes") == "abc"
    assert form.values("tags") == ["a", "b"]
    assert form.value("title", "from before") == "from before"
    assert form.error("minutes") == "Give a whole number."
    assert form.error("title") is None
    assert "file" not in form.typed


def test_an_error_inside_of_a_field_shows_at_the_field() -> None:
    form = Form(problems=[Problem("parts.0.order", "required", "This field is required.")])
    assert form.error("parts") == "This field is required."
    assert form.error("part") is None
