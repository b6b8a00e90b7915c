"""The builder's last steps: a case is validated, validated cases become a session."""

import shutil
from pathlib import Path

import pytest

from schema.models.cases import Case
from schema.models.training import SessionCase, TrainingSession
from schema.policy import Role
from schema.services.passwords import NewPassword
from server.app import close_services, create_app
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


def test_without_a_validated_case_there_is_no_session_to_make(
    blank: Path, tmp_path: Path, hashed: NewPassword
) -> None:
    folder = shutil.copytree(blank, tmp_path / "new")
    app = create_app(load_settings(None, data_dir=folder, jobs="elsewhere", public_url=ADDRESS))
    page = Visitor(app, Role.TEACHER, "en", hashed).get("/builder/session")
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
    assert teacher.get("/builder").headings == ["Import one or several ECGs"]


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
