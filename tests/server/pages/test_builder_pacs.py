"""« Import from the PACS »: hidden where there is none, searched, ticked, followed; and ECGs sent there."""

from dataclasses import replace
from pathlib import Path

import pytest

from ml.pacs.archives import Archive
from schema.policy import Role
from server.app import Application
from tests.server.pages.conftest import Meet, School, Visitor
from tests.server.pages.test_jobs import worked_off
from tests.support.pacs import IDENTIFYING, Orthanc, picture
from tests.support.processes import free_port

PAGE = "/builder/pacs"


@pytest.fixture
def app(own_app: Application, orthanc: Orthanc) -> Application:
    """Return an application of the test's own, with the hospital's archives."""
    nobody = replace(orthanc.dimse, port=free_port())
    archives: dict[str, Archive] = {
        "Cardiologie": orthanc.dimse,
        "Urgences": orthanc.dicomweb,
        "Personne": nobody,
    }
    own_app.site.services.archives = archives
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


@pytest.fixture
def sending(teacher: Visitor, shared_data: Path) -> str:
    """Return the page that sends the one ECG of a case of the teacher's."""
    file = shared_data / "ecg-formats" / "dicom" / "pydicom_waveform_ecg.dcm"
    where = teacher.leads("/builder/new", files=[("files", ("a.dcm", file.read_bytes()))])
    [link] = [each for each in teacher.get(where.partition("#")[0]).links if each.endswith("/send")]
    return link


def test_a_recording_is_offered_to_nobody_but_its_owner(
    meet: Meet, sending: str, app: Application, teacher: Visitor, school: School
) -> None:
    assert meet(None).browser.get(sending).headers["location"].startswith("/sign-in")
    for role, status in ((Role.STUDENT, 403), (Role.EXPERT, 403), (Role.TEACHER, 404)):
        visitor = meet(role)
        assert visitor.browser.get(sending).status_code == status
        assert visitor.ask(sending, {"archive": "Urgences"}).status_code == status
    case = school.draft("Brouillon")
    held = school.held(case).removeprefix("/held/")
    assert teacher.browser.get(f"/cases/{case}/recordings/{held}/send").status_code == 404
    assert teacher.ask(f"/cases/{case}/recordings/{held}/send", {"archive": "Urgences"}).status_code == 404
    validated = school.validated("À tous")
    assert "/send" in teacher.get(f"/cases/{validated}").html
    assert "/send" not in meet(Role.TEACHER).get(f"/cases/{validated}").html
    app.site.services.archives = {
        name: replace(archive, stores=False) for name, archive in app.site.services.archives.items()
    }
    del app.site.services.pacs_deliveries
    assert "/send" not in teacher.get(f"/cases/{validated}").html
    page = teacher.get(sending)
    assert "No archive takes recordings" in page.html
    assert "<select" not in page.html.split("<main")[1].split("</main")[0]


def test_a_teacher_reads_what_is_sent_sends_it_and_is_told_what_the_archive_said(
    teacher: Visitor, sending: str
) -> None:
    page = teacher.get(sending)
    assert "A pseudonym made up from the case in place of the patient" in page.html
    refused = teacher.press(page, sending, archive="Personne")
    assert "The archive cannot be reached." in refused.text
    unknown = teacher.post(sending, {"archive": "Ailleurs"})
    assert "Choose an archive that takes recordings." in unknown.html
    done = teacher.press(page, sending, archive="Urgences")
    assert "“Urgences” has the recording." in teacher.follow(done).html
