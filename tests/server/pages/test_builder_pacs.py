"""« Import from the PACS »: hidden where there is none, searched, ticked, followed."""

import pytest

from schema.policy import Role
from server.app import Application
from tests.server.pages.conftest import Meet, Visitor
from tests.server.pages.test_jobs import worked_off
from tests.support.pacs import IDENTIFYING, Orthanc, picture

PAGE = "/builder/pacs"


@pytest.fixture
def app(own_app: Application, orthanc: Orthanc) -> Application:
    """Return an application of the test's own, with the hospital's archives."""
    own_app.site.services.archives = {"Cardiologie": orthanc.dimse, "Urgences": orthanc.dicomweb}
    return own_app


def test_strangers_are_sent_to_sign_in_and_others_than_teachers_away(meet: Meet) -> None:
    assert meet(None).browser.get(PAGE).headers["location"].startswith("/sign-in")
    for role in (Role.STUDENT, Role.EXPERT):
        visitor = meet(role)
        assert visitor.browser.get(PAGE).status_code == 403
        assert visitor.ask(PAGE, {"series": "x"}).status_code == 403
    assert PAGE not in meet(Role.EXPERT).get("/builder/new").html


def test_where_no_archive_is_set_up_the_page_says_so_and_nothing_leads_there(
    app: Application, teacher: Visitor
) -> None:
    app.site.services.archives = {}
    assert PAGE not in teacher.get("/builder/new").html
    page = teacher.get(PAGE)
    assert "No archive is set up" in page.html
    assert "<select" not in page.html.split("<main")[1].split("</main")[0]


def test_a_teacher_searches_ticks_and_follows_the_import(teacher: Visitor, orthanc: Orthanc) -> None:
    orthanc.store(picture(StudyDescription="Visite du matin", StudyDate="20260511"))
    assert PAGE in teacher.get("/builder/new").html
    asked = {
        "archive": "Urgences",
        "modality": "OT",
        "since": "2026-05-11",
        "until": "",
        "description": "matin",
    }
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    page = teacher.get(f"{PAGE}?{query}")
    assert "1 series found" in page.html
    assert "11 May 2026" in page.html
    assert not [each for each in IDENTIFYING if each in page.html]
    key = page.html.split('name="series" value="')[1].split('"')[0]
    refused = teacher.post(PAGE, {**asked, "oneCase": "true", "name": "Garde"})
    assert "Tick at least one series." in refused.html
    assert f'value="{key}"' in refused.html
    long = teacher.post(PAGE, {**asked, "series": key, "name": "x" * 181})
    assert f'value="{key}" checked' in long.html
    job = teacher.leads(PAGE, {**asked, "series": key, "oneCase": "false", "name": "Garde"})
    worked_off(teacher.app)
    assert "Open the draft" in teacher.get(job).html


def test_what_cannot_be_searched_for_is_told_beside_its_field(teacher: Visitor) -> None:
    for given, said in {
        "since=2026-05-12&until=2026-05-11": "The first day must not come after the last.",
        "since=hier": "This value cannot be read.",
        "modality=MR": "Choose one of the values offered.",
    }.items():
        modality = "" if "modality" in given else "&modality=ECG"
        page = teacher.get(f"{PAGE}?archive=Urgences&description=&{given}{modality}", status=422)
        assert said in page.html
    assert teacher.browser.get(f"{PAGE}?archive=Ailleurs&modality=ECG&description=").status_code == 404
