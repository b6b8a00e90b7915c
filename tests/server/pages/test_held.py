"""Held pages, on the real pages: who may see them, checked without a script, and where they are told."""

import io

import pytest
from PIL import Image

from ml.ecg.burned_in.found import Found, Region, Search, TextKind
from schema.models.cases import Recording
from schema.models.held_pages import HeldPage
from schema.policy import Role
from schema.types.base import global_id
from server.app import LateDecoder
from tests.server.pages.conftest import Meet, School, Visitor, key_of, png
from tests.server.pages.test_jobs import worked_off

FILES = [("files", ("ecg.png", png()))]
NAMED = Found(
    Search.DONE, (Region(TextKind.NAME, 0.1, 0.1, 0.4, 0.2), Region(TextKind.DATE, 0.5, 0.1, 0.6, 0.2))
)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a name and a date found in every picture."""
    monkeypatch.setattr(LateDecoder, "find_text", lambda _self, _path: NAMED)


def sent(teacher: Visitor) -> str:
    """Import a picture; return the address of the page that is held."""
    return teacher.leads("/builder/new", files=FILES)


def test_to_everybody_else_a_held_page_and_its_picture_are_missing(meet: Meet, teacher: Visitor) -> None:
    held = sent(teacher)
    assert held.startswith("/held/")
    missing = f"/held/{global_id('HeldPage', 999)}"
    for path in (held, missing):
        for part in ("", "/picture"):
            assert meet().browser.get(path + part).status_code == 303
            assert meet(Role.STUDENT).browser.get(path + part).status_code == 403
            for role in (Role.TEACHER, Role.ADMIN):
                assert meet(role).browser.get(path + part).status_code == 404
        colleague = meet(Role.TEACHER)
        assert colleague.ask(path, {"discard": "1"}).status_code == 404
        assert colleague.ask(path, {"settle": "1"}).status_code == 404
    assert "Nothing to check" in meet(Role.TEACHER).get("/held").words
    assert held in teacher.get("/held").links


def test_the_picture_is_shown_to_its_sender_and_kept_by_no_browser(teacher: Visitor) -> None:
    answer = teacher.browser.get(f"{sent(teacher)}/picture")
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "image/png")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (640, 400)


def test_a_page_is_masked_without_a_script_and_leads_to_its_case(teacher: Visitor, school: School) -> None:
    held = sent(teacher)
    page = teacher.get(held)
    boxes = {"left_1": "70", "top_1": "50,5", "width_1": "10", "height_1": "20"}
    answer = teacher.press(page, held, ("settle", "1"), text_2="harmless", **boxes)
    done = teacher.follow(answer)
    assert done.said("done") == ["The page was masked and added to the case."]
    [row] = school.rows(Recording, case_id=key_of(answer.headers["location"].split("/")[2]))
    with Image.open(io.BytesIO(teacher.app.site.services.blobs.get(row.original_key))) as picture:
        seen = [picture.getpixel(point) for point in ((100, 60), (350, 60), (480, 240))]
    assert seen == [(0, 0, 0), (200, 255, 255), (0, 0, 0)]
    assert teacher.browser.get(held).status_code == 404


def test_a_box_that_is_none_is_told_and_what_was_typed_is_kept(teacher: Visitor) -> None:
    held = sent(teacher)
    answer = teacher.press(teacher.get(held), held, ("settle", "1"), text_2="harmless", left_1="70")
    assert answer.status_code == 422
    assert 'value="70"' in answer.text
    assert 'value="harmless" checked' in answer.text


def test_more_lines_are_offered_and_what_was_typed_is_kept(teacher: Visitor) -> None:
    held = sent(teacher)
    answer = teacher.press(teacher.get(held), held, ("more", "3"), left_1="70")
    assert ('name="left_6"' in answer.text, 'name="left_7"' in answer.text) == (True, False)
    assert 'value="70"' in answer.text


def test_a_page_that_is_removed_is_in_no_case(teacher: Visitor, school: School) -> None:
    held = sent(teacher)
    page = teacher.get(held)
    assert "The page is deleted and cannot be brought back." in page.html.partition('class="confirm"')[2]
    answer = teacher.press(page, held, ("discard", "1"))
    assert teacher.follow(answer).said("done") == ["The page was removed."]
    assert school.rows(Recording, case_id=key_of(answer.headers["location"].split("/")[2])) == []


@pytest.mark.parametrize("search", [Search.NOT_INSTALLED, Search.FAILED])
def test_where_nothing_was_looked_for_the_page_says_so_and_asks_to_look(
    teacher: Visitor, monkeypatch: pytest.MonkeyPatch, search: Search
) -> None:
    monkeypatch.setattr(LateDecoder, "find_text", lambda _self, _path: Found(search))
    held = sent(teacher)
    page = teacher.get(held)
    [said] = page.said("care")
    assert ("not installed" in said) == (search is Search.NOT_INSTALLED)
    assert teacher.press(page, held, ("settle", "1")).status_code == 422
    assert teacher.press(page, held, ("settle", "1"), looked="true").status_code == 303


def test_the_case_leads_to_what_is_held_for_it(teacher: Visitor, school: School) -> None:
    held = sent(teacher)
    [row] = [each for each in school.rows(HeldPage) if held.endswith(global_id("HeldPage", each.id or 0))]
    assert held in teacher.get(f"/builder/{global_id('Case', row.case_id or 0)}/import").links


def test_a_batch_tells_what_it_held_and_leads_there(teacher: Visitor) -> None:
    job = teacher.leads("/builder/batch", {"grouping": "EACH"}, files=FILES)
    worked_off(teacher.app)
    page = teacher.get(job)
    assert page.said("care") == ["1 page was held: text on it may say who the patient is."]
    assert "/held" in page.links
    assert "1 page to check" in page.words
