"""A picture cropped, turned, straightened and masked without a script: what is tried is in the address."""

import io

import numpy as np
import pytest
from PIL import Image

from schema.models.cases import Case, CaseStatus, Recording
from schema.policy import Role
from tests.server.pages.conftest import Meet, School, Visitor, key_of, png
from tests.server.pages.reading import Page


@pytest.fixture
def here(teacher: Visitor) -> str:
    """Return where a draft's only picture is edited."""
    imported = teacher.leads("/builder/new", files=[("files", ("ecg.png", png()))])
    [link] = [each for each in teacher.get(imported).links if each.endswith("/edit")]
    return link


def case_of(here: str) -> str:
    return here.split("/")[2]


def said(page: Page) -> list[str]:
    return [value for name, value in page.form(_action(page)).fields if name == "step"]


def _action(page: Page) -> str:
    [action] = [form.action for form in page.forms if form.action.endswith("/edit")]
    return action


def shown(visitor: Visitor, page: Page) -> Image.Image:
    """Return the picture the page shows."""
    [source] = [part.split('"')[0] for part in page.html.split('<img src="')[1:]]
    answer = visitor.browser.get(source.replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert "no-store" in answer.headers["cache-control"]
    return Image.open(io.BytesIO(answer.content))


def test_who_may_not_change_the_case_finds_nothing(meet: Meet, here: str) -> None:
    stranger, colleague, student = meet(), meet(Role.TEACHER), meet(Role.STUDENT)
    for address in (here, f"{here}/preview"):
        assert stranger.browser.get(address).headers["location"].startswith("/sign-in")
        assert colleague.browser.get(address).status_code == 404
        assert student.browser.get(address).status_code == 403
    assert colleague.ask(here, {"do": "save", "revision": "2"}).status_code == 404


def test_a_colleague_s_validated_case_is_seen_and_not_edited(meet: Meet, school: School, here: str) -> None:
    school.change(Case, case_of(here), status=CaseStatus.VALIDATED.value)
    colleague = meet(Role.TEACHER)
    assert colleague.browser.get(f"/cases/{case_of(here)}").status_code == 200
    assert colleague.browser.get(here).status_code == 404


def test_a_recording_is_edited_within_its_own_case_only(teacher: Visitor, school: School, here: str) -> None:
    other = school.draft()
    teacher.get(here.replace(case_of(here), other), 404)


def test_steps_are_tried_without_being_kept(teacher: Visitor, school: School, here: str) -> None:
    page = teacher.get(here)
    assert "Nothing: this is the original." in page.words
    page = teacher.follow(teacher.press(page, here, ("do", "rotate:right")))
    page = teacher.follow(teacher.press(page, here, ("do", "straighten"), degrees="-2,5"))
    frame = {"left": "10", "top": "20", "right": "90", "bottom": "80"}
    page = teacher.follow(teacher.press(page, here, ("do", "crop"), **frame))
    page = teacher.follow(
        teacher.press(page, here, ("do", "mask"), left="100", top="0", right="50", bottom="100")
    )
    assert said(page) == ["rotate,1", "straighten,-2.5", "crop,10,20,90,80", "mask,50,0,100,100"]
    assert "Turned a quarter to the right Turned by -2.5° Cropped A part blacked out" in page.words
    picture = shown(teacher, page)
    assert picture.width < picture.height
    assert np.asarray(picture)[:, picture.width // 2 + 3 :].max() < 30
    assert school.rows(Recording, case_id=key_of(case_of(here)))[0].steps == []


def test_the_last_step_is_taken_back_and_so_are_all(teacher: Visitor, here: str) -> None:
    page = teacher.get(f"{here}?draft=1&step=rotate,1&step=crop,0,0,50,50")
    page = teacher.follow(teacher.press(page, here, ("do", "undo")))
    assert said(page) == ["rotate,1"]
    page = teacher.follow(teacher.press(page, here, ("do", "original")))
    assert said(page) == []


def test_what_is_saved_is_what_was_tried_and_can_be_taken_back(
    teacher: Visitor, school: School, here: str
) -> None:
    page = teacher.get(f"{here}?draft=1&step=rotate,3")
    page = teacher.follow(teacher.press(page, here, ("do", "save"), degrees="1"))
    assert page.said("done") == ["The picture is saved."]
    [row] = school.rows(Recording, case_id=key_of(case_of(here)))
    assert row.steps == [{"rotate": {"quarters": 3}}, {"straighten": {"degrees": 1.0}}]
    assert row.height > row.width
    page = teacher.get(here)
    assert said(page) == ["rotate,3", "straighten,1"]
    page = teacher.follow(teacher.press(page, here, ("do", "original")))
    teacher.follow(teacher.press(page, here, ("do", "save")))
    [row] = school.rows(Recording, case_id=key_of(case_of(here)))
    assert (row.steps, row.unedited_key, row.width, row.height) == ([], None, 640, 400)


@pytest.mark.parametrize(
    "typed, said_there",
    [
        ({"left": "a"}, "Give a number."),
        ({"left": "50", "right": "50"}, "Put this side beyond the opposite one."),
        ({"degrees": "x"}, "Give a number."),
    ],
)
def test_a_number_that_will_not_do_is_said_beside_its_field_with_what_was_typed(
    teacher: Visitor, here: str, typed: dict[str, str], said_there: str
) -> None:
    data = {"do": "crop", "step": "rotate,1", "left": "1", "top": "1", "right": "99", "bottom": "99"}
    page = teacher.post(here, data | typed)
    assert said_there in page.words
    assert said(page) == ["rotate,1"]
    for name, value in typed.items():
        assert page.values[name] == value


def test_what_is_out_of_reach_is_taken_to_its_end(teacher: Visitor, here: str) -> None:
    data = {"do": "crop", "degrees": "40", "left": "-5", "top": "0", "right": "120", "bottom": "50"}
    assert teacher.leads(here, data) == f"{here}?draft=1&step=straighten,15&step=crop,0,0,100,50"


def test_steps_that_leave_too_little_are_refused_with_what_to_do(teacher: Visitor, here: str) -> None:
    page = teacher.get(f"{here}?draft=1&step=crop,0,0,2,100")
    page = teacher.post(here, {"do": "save", "revision": page.values["revision"], "step": "crop,0,0,2,100"})
    assert page.said("care") == ["Too little of the picture would be left. Take the last step back."]


def test_a_picture_edited_elsewhere_meanwhile_is_not_overwritten(teacher: Visitor, here: str) -> None:
    old = teacher.get(here)
    teacher.follow(teacher.press(old, here, ("do", "save"), degrees="1"))
    answer = teacher.press(old, here, ("do", "save"), degrees="2")
    assert answer.status_code == 409
    assert said(Page(answer.text)) == ["straighten,2"]


def test_a_picture_without_a_grid_gets_no_proposal_and_keeps_its_steps(teacher: Visitor, here: str) -> None:
    page = teacher.get(f"{here}?draft=1&step=crop,0,0,20,20")
    page = teacher.follow(teacher.press(page, here, ("do", "propose")))
    assert page.said("care") == ["No grid was found on this picture. Straighten and crop it by hand."]
    assert said(page) == ["crop,0,0,20,20"]


@pytest.mark.parametrize("step", ["melt,1", "rotate", "crop,1,2,3", "crop,a,0,1,1", "rotate,9", ""])
def test_a_step_nobody_wrote_is_a_bad_request(teacher: Visitor, here: str, step: str) -> None:
    assert teacher.browser.get(f"{here}/preview", params={"step": step}).status_code == 400


def test_only_pictures_offer_it(teacher: Visitor, school: School) -> None:
    page = teacher.get(f"/builder/{school.draft(recordings=1)}/import")
    assert not [each for each in page.links if each.endswith("/edit")]
