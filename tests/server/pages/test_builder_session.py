"""The builder's last steps: a case is validated, validated cases become a session."""

import re
import shutil
from pathlib import Path

import pytest

from schema.models.cases import Case
from schema.models.training import SessionCase, TrainingSession
from schema.pagination import MAX_PAGE
from schema.policy import Role
from server.app import close_services, create_app
from server.pages.paging import PAGE_SIZE
from server.settings import load_settings
from tests.server.conftest import ADDRESS
from tests.server.pages.conftest import Meet, School, Visitor, key_of
from tests.server.pages.reading import Page


def test_a_complete_case_is_validated_and_goes_into_a_session(teacher: Visitor, school: School) -> None:
    case = school.draft("Complet", 1, ["LBBB"])
    page = teacher.get(f"/builder/{case}/validate")
    validated = teacher.press(page, f"/builder/{case}/validate")
    assert validated.headers["location"] == f"/builder/session?case={case}"
    page = teacher.follow(validated)
    assert page.said("done") == ["The case is validated."]
    assert ("caseIds", case) in page.form("/builder/session").fields
    again = teacher.get(f"/builder/{case}/validate")
    assert f"/builder/session?case={case}" in again.links


def test_an_incomplete_case_says_what_it_lacks(teacher: Visitor, school: School) -> None:
    case = school.draft("Vide")
    page = teacher.get(f"/builder/{case}/validate")
    assert page.said("care") == ["Add at least one recording.", "Add at least one annotation."]
    refused = teacher.post(f"/builder/{case}/validate", {"revision": "1"})
    assert refused.said("error") == page.said("care")
    assert school.row(Case, case).status == "draft"


def test_what_changed_since_it_was_looked_at_is_not_validated(teacher: Visitor, school: School) -> None:
    case = school.draft("Complet", 1, ["LBBB"])
    page = teacher.get(f"/builder/{case}/validate")
    teacher.ask(f"/builder/{case}/annotations", {"add": "SINUS_RHYTHM"})
    assert teacher.press(page, f"/builder/{case}/validate").status_code == 409
    assert school.row(Case, case).status == "draft"


def test_without_a_validated_case_there_is_no_session_to_make(blank: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(blank, tmp_path / "new")
    app = create_app(load_settings(None, data_dir=folder, jobs="elsewhere", public_url=ADDRESS))
    page = Visitor(app, Role.TEACHER, "en").get("/builder/session")
    close_services(app.site.services)
    assert "No validated case yet" in page.words
    assert "/builder/session" not in [form.action for form in page.forms]


def test_a_colleagues_validated_case_can_be_taken(meet: Meet, school: School) -> None:
    case, expert = school.validated("D’une collègue"), meet(Role.EXPERT)
    page = expert.get("/builder/session")
    assert "D’une collègue" in page.words
    assert expert.press(page, "/builder/session", name="Partagée", caseIds=case).status_code == 303


def test_a_session_is_made_and_the_builder_is_fresh_again(teacher: Visitor, school: School) -> None:
    case = school.validated()
    page = teacher.get(f"/builder/session?case={case}")
    made = teacher.press(page, "/builder/session", name="Jeudi")
    page = teacher.follow(made)
    session = made.headers["location"].split("/")[-1]
    assert page.headings == ["Jeudi"]
    code = school.code(session)
    assert f"{code[:4]}-{code[4:]}" in page.words
    assert session in page.words
    assert "The session is available to students." in page.words
    assert teacher.get("/builder").headings == ["Import the ECGs of a case"]


def test_a_session_that_opens_later_is_not_yet_available(teacher: Visitor, school: School) -> None:
    page = teacher.get(f"/builder/session?case={school.validated()}")
    made = teacher.press(page, "/builder/session", name="Plus tard", opensAt="2099-01-02T08:30")
    assert "students may begin when it opens" in teacher.follow(made).words
    opens = school.row(TrainingSession, made.headers["location"].split("/")[-1]).opens_at
    assert opens.isoformat() == "2099-01-02T07:30:00+00:00"


@pytest.mark.parametrize(
    "places, order",
    [
        (["", "", ""], "ABC"),
        (["3", "2", "1"], "CBA"),
        (["2", "", ""], "BAC"),
        (["", "", "1"], "CAB"),
        (["1", "1", ""], "ABC"),
        (["9", "", "4"], "BCA"),
        (["0", "-2", "x"], "ABC"),
        (["²", "", "9" * 5000], "ABC"),
    ],
)
def test_numbered_cases_get_their_places(
    teacher: Visitor, school: School, places: list[str], order: str
) -> None:
    cases = [school.validated(name) for name in "ABC"]
    page = teacher.get("/builder/session")
    typed = {f"place_{case}": place for case, place in zip(cases, places, strict=True)}
    form = page.form("/builder/session")
    data = dict(form.fields) | {"name": "Ordre", "caseIds": cases, **typed}
    session = teacher.leads("/builder/session", data).split("/")[-1]
    made = [row.case_id for row in school.rows(SessionCase, session_id=key_of(session))]
    assert made == [key_of(cases["ABC".index(letter)]) for letter in order]


@pytest.mark.parametrize(
    "changed, name, said",
    [
        ({"caseIds": []}, "caseIds", "Choose at least one case."),
        ({"caseIds": ["x"]}, "caseIds", "This case does not exist, or not any more."),
        ({"timeLimitMinutes": "4"}, "timeLimitMinutes", "Choose a value between 5 and 180."),
        ({"timeLimitMinutes": "181"}, "timeLimitMinutes", "Choose a value between 5 and 180."),
        ({"timeLimitMinutes": "soon"}, "timeLimitMinutes", "Give a whole number."),
        ({"timeLimitMinutes": ""}, "timeLimitMinutes", "This field is required."),
        ({"timeLimitMinutes": "99999999999"}, "timeLimitMinutes", "Give a whole number."),
        ({"name": " "}, "name", "This field is required."),
        ({"name": "n" * 201}, "name", "At most 200 characters."),
        ({"objectives": "o" * 5001}, "objectives", "At most 5000 characters."),
        ({"difficulty": "EXPERT"}, "difficulty", "Choose one of the values offered."),
        ({"opensAt": "tomorrow"}, "opensAt", "Give a date and a time."),
        (
            {"opensAt": "2099-01-02T10:00", "closesAt": "2099-01-02T09:00"},
            "closesAt",
            "The session must close after it opens.",
        ),
    ],
)
def test_a_session_that_cannot_be_made_comes_back_as_it_was_typed(
    teacher: Visitor, school: School, changed: dict[str, str | list[str]], name: str, said: str
) -> None:
    case = school.validated()
    page = teacher.get(f"/builder/session?case={case}")
    form = dict(page.form("/builder/session").fields) | {"name": "Essai", "showFeedback": "false"} | changed
    answer = teacher.ask("/builder/session", form)
    assert answer.status_code == 422
    again = Page(answer.text)
    assert again.faults() == []
    assert again.error(name) == f"Error: {said}"
    for field, value in changed.items():
        if isinstance(value, str) and field != "difficulty":
            assert again.values[field] == value
    assert ("showFeedback", "true") not in again.form("/builder/session").fields
    if "caseIds" not in changed:
        assert ("caseIds", case) in again.form("/builder/session").fields
    assert school.count(TrainingSession, owner_id=teacher.actor.account_id) == 0


def test_a_draft_and_a_case_named_twice_make_no_session(teacher: Visitor, school: School) -> None:
    case, draft = school.validated(), school.draft()
    fields = {"name": "x", "difficulty": "BEGINNER", "timeLimitMinutes": "20"}
    twice = teacher.post("/builder/session", fields | {"caseIds": [case, case]})
    assert twice.error("caseIds") == "Error: This case is in the list already."
    unready = teacher.post("/builder/session", fields | {"caseIds": [draft]})
    assert unready.error("caseIds") == "Error: Only validated cases can be part of a session."


# Finding cases among many


def named(page: Page, prefix: str) -> list[str]:
    """Return the words of a prefix a page shows, in their order and each once."""
    return list(dict.fromkeys(re.findall(rf"{prefix}-[a-z0-9]+", page.words)))


def chosen(page: Page) -> list[str]:
    """Return the cases a page would send as chosen, in their order."""
    return [value for name, value in page.form("/builder/session").fields if name == "caseIds"]


def look(teacher: Visitor, page: Page, button: tuple[str, str], **changed: str | list[str]) -> Page:
    """Press a button that looks for more cases."""
    answer = teacher.press(page, "/builder/session", button, **changed)
    assert answer.status_code == 200
    found = Page(answer.text)
    assert found.faults() == []
    return found


def button(page: Page, name: str) -> tuple[str, str]:
    [found] = [each for each in page.form("/builder/session").buttons if each[0] == name]
    return found


FIND = ("find", "here")


def test_looking_for_cases_shows_no_colleagues_draft_and_nothing_that_is_none(
    meet: Meet, teacher: Visitor, school: School
) -> None:
    draft, session = school.draft("Ébauche secrète", 1, ["LBBB"]), school.session()
    asked = "&".join(f"case={one}" for one in (draft, session, "x"))
    page = meet(Role.TEACHER).get(f"/builder/session?{asked}")
    assert "Ébauche secrète" not in page.words
    assert chosen(page) == []
    assert chosen(teacher.get(f"/builder/session?{asked}")) == [draft]


def test_every_validated_case_is_reached_by_going_back_page_by_page(teacher: Visitor, school: School) -> None:
    for number in range(2 * PAGE_SIZE + 1):
        school.validated(f"Ancien-{number:02d}")
    page = look(teacher, teacher.get("/builder/session"), FIND, search="ancien")
    assert f"{2 * PAGE_SIZE + 1} validated cases" in page.words
    expected = [f"Ancien-{number:02d}" for number in range(2 * PAGE_SIZE + 1)]
    assert named(page, "Ancien") == expected[-PAGE_SIZE:]
    assert "after" not in dict(page.form("/builder/session").buttons)
    second = look(teacher, page, button(page, "before"))
    assert named(second, "Ancien") == expected[1:-PAGE_SIZE]
    oldest = look(teacher, second, button(second, "before"))
    assert named(oldest, "Ancien") == expected[:1]
    assert "before" not in dict(oldest.form("/builder/session").buttons)
    again = look(teacher, oldest, button(oldest, "after"))
    assert named(again, "Ancien") == expected[1 : PAGE_SIZE + 1]


def test_what_is_chosen_and_typed_stays_across_searches_in_its_order(
    teacher: Visitor, school: School
) -> None:
    first, second, third = (school.validated(f"Reste-{name}") for name in ("un", "deux", "trois"))
    page = look(teacher, teacher.get("/builder/session"), FIND, search="reste", name="Jeudi")
    page = look(teacher, page, FIND, search="reste-un", caseIds=[third])
    assert chosen(page) == [third]
    assert named(page, "Reste") == ["Reste-trois", "Reste-un"]
    page = look(teacher, page, FIND, search="nothing has these words", caseIds=[third, first])
    assert chosen(page) == [third, first]
    assert "No other validated case here." in page.words
    assert page.values["name"] == "Jeudi"
    page = look(teacher, page, FIND, search="reste", showFeedback="false")
    assert chosen(page) == [third, first]
    assert ("showFeedback", "true") not in page.form("/builder/session").fields
    made = teacher.press(page, "/builder/session", caseIds=[third, first, second], **{f"place_{second}": "2"})
    session = made.headers["location"].split("/")[-1]
    rows = school.rows(SessionCase, session_id=key_of(session))
    assert [row.case_id for row in rows] == [key_of(one) for one in (third, second, first)]


def test_a_place_that_was_typed_is_taken_up_by_the_next_search(teacher: Visitor, school: School) -> None:
    first, second = school.validated("Rang-un"), school.validated("Rang-deux")
    page = look(teacher, teacher.get("/builder/session"), FIND, search="rang")
    page = look(teacher, page, FIND, caseIds=[first, second], **{f"place_{second}": "1"})
    assert chosen(page) == [second, first]
    page = look(teacher, page, FIND, caseIds=[first])
    assert chosen(page) == [first]


def test_an_older_case_than_the_page_shows_is_chosen_by_its_address(teacher: Visitor, school: School) -> None:
    old = school.validated("Lointain-un")
    for number in range(PAGE_SIZE):
        school.validated(f"Proche {number}")
    page = teacher.get(f"/builder/session?case={old}")
    assert chosen(page) == [old]
    assert named(page, "Lointain") == ["Lointain-un"]
    assert "1 case chosen" in page.words


def test_more_cases_than_are_asked_for_at_once_stay_chosen(teacher: Visitor, school: School) -> None:
    cases = [school.validated(f"Foule {number}") for number in range(MAX_PAGE + 5)]
    page = look(teacher, teacher.get("/builder/session"), FIND, caseIds=[*cases, cases[0]])
    assert chosen(page) == cases


def test_a_page_marker_that_is_none_cannot_be_read(teacher: Visitor, school: School) -> None:
    school.validated()
    page = teacher.post("/builder/session", {"before": "nonsense"}, 400)
    assert page.headings == ["This request cannot be read"]
