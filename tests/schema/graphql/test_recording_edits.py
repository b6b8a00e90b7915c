"""Edits of pictures as clients meet them: who may, what is shown to whom, and what stays."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sqlmodel import col, select

from schema.models.cases import CaseRevision, Recording
from schema.policy import Actor, Role
from schema.services.annotations import NewAnnotation
from schema.types.base import global_id
from tests.schema.authors import Author
from tests.schema.conftest import World
from tests.schema.training import Hospital

REFUSED = """... on ValidationErrors { fields { path code message } } ... on NotFound { message }
  ... on NotAllowed { code } ... on Conflict { current }"""
ADD = """mutation($input: AddRecordingInput!) { addRecording(input: $input) { ... on Case {
  id revision recordings { id renderingUrl originalUrl thumbnailUrl width height } } } }"""
EDIT = f"""mutation($input: EditRecordingImageInput!) {{ editRecordingImage(input: $input) {{ __typename
  ... on Case {{ revision recordings {{ id renderingUrl originalUrl thumbnailUrl width height }} }}
  {REFUSED} }} }}"""
EDITED = """query($id: ID!) { recordingEdit(recordingId: $id) { recording { id renderingUrl } uneditedUrl
  steps { crop { left top right bottom } rotate straighten mask { left top right bottom } } } }"""
PREVIEW = """query($id: ID!, $steps: [EditStepInput!]!) {
  recordingEditPreview(recordingId: $id, steps: $steps) { mediaType width height base64 } }"""
PROPOSAL = """query($id: ID!, $steps: [EditStepInput!]!) {
  recordingEditProposal(recordingId: $id, steps: $steps) { found steps { rotate } } }"""
ATTEMPT = """query($id: ID!) { attempt(id: $id) { items { recordings {
  renderingUrl thumbnailUrl originalUrl width height } } } }"""

LEFT_HALF = {"left": 0, "top": 0, "right": 0.5, "bottom": 1}
MASKED = [{"mask": LEFT_HALF}]


def scan(width: int = 120, height: int = 80) -> bytes:
    noise = np.random.default_rng(1).integers(1, 256, (height, width, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(noise, "RGB").save(output, "PNG")
    return output.getvalue()


class Desk:
    """A teacher's draft with one picture."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.teacher = world.person(Role.TEACHER)
        self.author = Author(world, self.teacher)
        self.case_id = self.author.draft()
        given = {"caseId": global_id("Case", self.case_id), "file": io.BytesIO(scan())}
        self.case = world.ask(ADD, self.teacher, input=given)
        [self.before] = self.case["recordings"]
        self.id = self.before["id"]
        self.revision = self.case["revision"]

    def edit(self, steps: list[dict[str, Any]], actor: Actor | None = None, **given: Any) -> Any:
        whole = {"recordingId": self.id, "revision": self.revision, "steps": steps} | given
        done = self.world.ask(EDIT, actor or self.teacher, input=whole)
        self.revision = done.get("revision", self.revision)
        return done

    def validate(self) -> None:
        """Make the case one that colleagues see and sessions have."""
        self.author.annotate(lambda kept: kept.add(self.case_id, [NewAnnotation(self.author.codes()[0])]))
        self.author.do(lambda cases: cases.validate(self.case_id, self.revision + 1))

    def edited(self, actor: Actor | None = None) -> Any:
        return self.world.ask(EDITED, actor or self.teacher, id=self.id)

    def pixels(self, url: str) -> npt.NDArray[np.uint8]:
        key = url.removeprefix("/blobs/").partition("?")[0]
        return np.asarray(Image.open(io.BytesIO(self.world.services.blobs.get(key))))


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def test_nobody_who_is_not_signed_in_learns_anything(desk: Desk) -> None:
    given = {"recordingId": desk.id, "revision": desk.revision, "steps": []}
    assert desk.world.codes(EDIT, None, input=given) == ["UNAUTHENTICATED"]
    assert desk.world.codes(EDITED, None, id=desk.id) == ["UNAUTHENTICATED"]
    assert desk.world.codes(PREVIEW, None, id=desk.id, steps=[]) == ["UNAUTHENTICATED"]
    assert desk.world.codes(PROPOSAL, None, id=desk.id, steps=[]) == ["UNAUTHENTICATED"]


def test_a_colleague_s_draft_is_as_missing_as_one_that_never_was(desk: Desk) -> None:
    colleague = desk.world.person(Role.TEACHER)
    missing = global_id("Recording", 999)
    for asked in (desk.id, missing):
        assert desk.edit(MASKED, colleague, recordingId=asked)["__typename"] == "NotFound"
        assert desk.world.ask(EDITED, colleague, id=asked) is None
        assert desk.world.ask(PREVIEW, colleague, id=asked, steps=[]) is None
        assert desk.world.ask(PROPOSAL, colleague, id=asked, steps=[]) is None


def test_a_colleague_sees_the_edited_picture_of_a_validated_case_and_no_other(desk: Desk) -> None:
    desk.edit(MASKED)
    desk.validate()
    colleague = desk.world.person(Role.TEACHER)
    asked = "query($id: ID!) { node(id: $id) { ... on Recording { renderingUrl originalUrl } } }"
    seen = desk.world.ask(asked, colleague, id=desk.id)
    assert not desk.pixels(seen["originalUrl"])[:, :60].any()
    assert seen["originalUrl"].partition("?")[0] != desk.before["originalUrl"].partition("?")[0]
    assert desk.edited(colleague) is None
    assert desk.edit([], colleague)["__typename"] == "NotAllowed"


def test_students_are_refused(desk: Desk) -> None:
    student = desk.world.person(Role.STUDENT)
    assert desk.edit(MASKED, student)["code"] == "missing_scope"
    assert desk.world.codes(EDITED, student, id=desk.id) == ["FORBIDDEN"]
    assert desk.world.codes(PREVIEW, student, id=desk.id, steps=[]) == ["FORBIDDEN"]
    assert desk.world.codes(PROPOSAL, student, id=desk.id, steps=[]) == ["FORBIDDEN"]


def test_an_edit_is_a_revision_whose_pictures_are_all_edited(desk: Desk) -> None:
    done = desk.edit([*MASKED, {"rotate": 1}])
    assert done["revision"] == desk.case["revision"] + 1
    [now] = done["recordings"]
    assert (now["id"], now["width"], now["height"]) == (desk.id, 80, 120)
    assert not desk.pixels(now["originalUrl"])[:60].any()
    assert not desk.pixels(now["renderingUrl"])[:60].any()
    assert desk.pixels(now["thumbnailUrl"])[:55].max() < 30
    expected = np.rot90(desk.pixels(desk.before["originalUrl"])[:, 60:], -1)
    np.testing.assert_array_equal(desk.pixels(now["originalUrl"])[60:], expected)


def test_every_edit_begins_at_the_unedited_picture_and_none_gives_it_back(desk: Desk) -> None:
    desk.edit(MASKED)
    turned = desk.edit([{"rotate": 2}])["recordings"][0]
    before = desk.pixels(desk.before["originalUrl"])
    np.testing.assert_array_equal(desk.pixels(turned["originalUrl"]), before[::-1, ::-1])
    again = desk.edit([])["recordings"][0]
    assert again == desk.before
    assert desk.edited()["steps"] == []


def test_the_owner_reads_the_steps_and_the_picture_before_them(desk: Desk) -> None:
    crop = {"left": 0.1, "top": 0.2, "right": 0.9, "bottom": 0.8}
    desk.edit([{"crop": crop}, {"rotate": 3}, {"straighten": -1.5}, *MASKED])
    read = desk.edited()
    nothing = dict.fromkeys(("crop", "rotate", "straighten", "mask"))
    assert read["steps"] == [
        nothing | {"crop": crop},
        nothing | {"rotate": 3},
        nothing | {"straighten": -1.5},
        nothing | {"mask": LEFT_HALF},
    ]
    assert read["uneditedUrl"] == desk.before["originalUrl"]
    assert read["recording"]["renderingUrl"] != desk.before["renderingUrl"]


def test_the_same_steps_again_make_no_revision(desk: Desk) -> None:
    desk.edit(MASKED)
    revision = desk.revision
    assert desk.edit(MASKED)["revision"] == revision


def test_an_edit_of_what_somebody_else_has_changed_meanwhile_is_refused(desk: Desk) -> None:
    desk.edit(MASKED)
    assert desk.edit([], revision=desk.case["revision"]) == {
        "__typename": "Conflict",
        "current": desk.revision,
    }


def test_every_fault_of_the_steps_is_told_with_its_place(desk: Desk) -> None:
    steps: list[dict[str, Any]] = [
        {"crop": LEFT_HALF | {"right": 0}},
        {"rotate": 4},
        {"straighten": 15.1},
        {"mask": LEFT_HALF | {"top": -1}},
    ]
    said = desk.edit(steps)["fields"]
    assert [(".".join(each["path"]), each["code"]) for each in said] == [
        ("steps.0.crop.right", "nothing_left"),
        ("steps.1.rotate", "out_of_range"),
        ("steps.2.straighten", "out_of_range"),
        ("steps.3.mask.top", "out_of_range"),
    ]
    assert said[2]["message"] == "Choose a value between -15 and 15."
    [many] = desk.edit([{"rotate": 1}] * 51)["fields"]
    assert (many["path"], many["code"]) == (["steps"], "too_many")
    narrow = {"crop": {"left": 0, "top": 0, "right": 0.02, "bottom": 1}}
    assert [each["code"] for each in desk.edit([narrow])["fields"]] == ["file_too_small"]


def test_a_signal_is_not_edited(world: World, tmp_path: Path) -> None:
    hospital = Hospital(world.database, world.clock, tmp_path)
    case = hospital.case(validated=False)
    with world.database.read() as session:
        row = session.exec(select(Recording).where(col(Recording.case_id) == case.id)).one()
    given = {"recordingId": global_id("Recording", row.id or 0), "revision": case.revision, "steps": []}
    [fault] = world.ask(EDIT, hospital.teacher, input=given)["fields"]
    assert (fault["path"], fault["code"]) == (["recordingId"], "not_a_picture")
    assert world.ask(EDITED, hospital.teacher, id=given["recordingId"]) is None
    hospital.close()


def test_a_session_keeps_the_picture_it_was_made_with_and_its_students_meet_no_other(
    desk: Desk, tmp_path: Path
) -> None:
    desk.edit(MASKED)
    desk.validate()
    hospital = Hospital(desk.world.database, desk.world.clock, tmp_path)
    student = desk.world.person(Role.STUDENT)
    with desk.world.database.read() as session:
        case = desk.author.cases(session).get(desk.case_id)
    training = hospital.training([case], owner=desk.teacher)
    attempt = hospital.started(training, student)

    def seen() -> Any:
        whole = desk.world.ask(ATTEMPT, student, id=global_id("Attempt", attempt.id or 0))
        [item] = whole["items"]
        [recording] = item["recordings"]
        return recording

    first = seen()
    assert first["originalUrl"] is None
    for name in ("renderingUrl", "thumbnailUrl"):
        assert desk.pixels(first[name])[:, : 55 if name[0] == "r" else 40].max() < 30
    desk.revision = case.revision
    done = desk.edit([])
    assert done["__typename"] == "Case"
    assert seen() == first
    hospital.close()


def test_what_was_masked_stays_for_the_owner_whatever_becomes_of_the_edit(desk: Desk) -> None:
    for steps in (MASKED, [{"rotate": 1}], MASKED, []):
        desk.edit(steps)
        url = desk.edited()["uneditedUrl"]
        assert desk.world.services.blobs.exists(url.removeprefix("/blobs/").partition("?")[0])
    with desk.world.database.read() as session:
        kept = session.exec(select(CaseRevision).order_by(col(CaseRevision.number))).all()
    pinned = [each.snapshot["recordings"][0] for each in kept if each.snapshot["recordings"]]
    assert [bool(each["unedited_key"]) for each in pinned] == [False, True, True, True, False]
    assert pinned[1]["steps"] == MASKED


def test_a_preview_shows_the_steps_and_keeps_nothing(desk: Desk) -> None:
    folder = desk.world.services.blobs._folder  # type: ignore[attr-defined] # noqa: SLF001 - what is kept is asked
    kept = sorted(folder.rglob("*"))
    shown = desk.world.ask(PREVIEW, desk.teacher, id=desk.id, steps=MASKED)
    assert (shown["mediaType"], shown["width"], shown["height"]) == ("image/webp", 120, 80)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["base64"]))))
    assert picture[:, :50].max() < 30
    assert picture[:, 70:].max() > 100
    assert sorted(folder.rglob("*")) == kept
    assert desk.edited()["steps"] == []
    assert desk.world.codes(PREVIEW, desk.teacher, id=desk.id, steps=[{"rotate": 9}]) == ["BAD_REQUEST"]


def test_a_proposal_says_when_there_is_no_grid(desk: Desk) -> None:
    assert desk.world.ask(PROPOSAL, desk.teacher, id=desk.id, steps=[]) == {"found": False, "steps": []}


def test_a_step_is_exactly_one_thing(desk: Desk) -> None:
    given = {"recordingId": desk.id, "revision": desk.revision}
    for step in ({}, {"rotate": 1, "straighten": 1}, {"rotate": None}):
        result = desk.world.run(EDIT, desk.teacher, {"input": given | {"steps": [step]}})
        assert result.errors
    assert desk.edited()["steps"] == []
