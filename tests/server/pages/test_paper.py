"""The page of a digitised picture: its owner's, with numbers to type, kept only when asked."""

import pytest

from schema.models.cases import Digitisation, Recording
from schema.models.work import Job, JobState
from schema.policy import Role
from schema.types.base import global_id
from tests.server.pages.conftest import Meet, School, Visitor, key_of
from tests.server.pages.test_every_page import english_only, in_french, leftovers

SHARES = {"followed": 0.9, "ambiguous": 0.02, "off_paper": 0.0}
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF")


@pytest.fixture
def case(school: School) -> str:
    """Return a draft with one picture."""
    case_id = school.draft("Papier", 1)
    [recording] = school.rows(Recording, case_id=key_of(case_id))
    school.change(
        Recording,
        global_id("Recording", recording.id),
        kind="image",
        media_type="image/png",
        pixels_per_mm=None,
        leads=[],
    )
    return case_id


@pytest.fixture
def paper(school: School, case: str) -> str:
    """Return the address of the picture's page."""
    [recording] = school.rows(Recording, case_id=key_of(case))
    return f"/cases/{case}/recordings/{global_id('Recording', recording.id)}/paper"


def finished(school: School, case: str, failure: str | None = None) -> None:
    """Do what the job does that was asked for last."""
    [picture] = school.rows(Recording, case_id=key_of(case), kind="image")
    [row] = school.rows(Digitisation, recording_id=picture.id)
    traces = [
        {
            "lead": lead,
            "row": place,
            "column": 0,
            "start_s": 0.0,
            "seconds": 10.0,
            "path": "M9 9L99 9",
            **SHARES,
        }
        for place, lead in enumerate(LEADS)
    ]
    scale = {"layout": "6x1", "speed_mm_s": 25.0, "gain_mm_mv": 10.0, "pulse_mm": None}
    told = {
        **scale,
        "quality": dict.fromkeys(LEADS, SHARES),
        "traces": traces,
        "points": row.asked["points"],
    }
    keys = ("original_key", "rendering_key", "rendering_media_type", "thumbnail_key", "width", "height")
    found = {name: getattr(picture, name) for name in keys}
    found |= {"kind": "signal", "media_type": "application/dicom", "pixels_per_mm": 8.0, "leads": list(LEADS)}
    school.change(
        Digitisation,
        global_id("Digitisation", row.id),
        found=None if failure else {**found, "paper": told},
        failure=failure,
    )
    done = {"state": JobState.SUCCEEDED.value, "finished_at": school.clock(), "progress": 1.0, "payload": {}}
    school.change(Job, global_id("Job", row.job_id), **done)


def test_strangers_sign_in_and_what_is_anothers_does_not_exist(
    meet: Meet, teacher: Visitor, paper: str
) -> None:
    assert meet().browser.get(paper).status_code == 303
    for other in (meet(Role.TEACHER), meet(Role.EXPERT)):
        other.get(paper, 404)
        assert other.ask(paper, {"speed": "25"}).status_code == 404
        assert other.ask(f"{paper}/keep", {"jobId": "x"}).status_code == 404
    assert meet(Role.STUDENT).browser.get(paper).status_code == 403
    teacher.get(paper)


def test_a_picture_is_read_looked_at_and_kept(
    school: School, teacher: Visitor, case: str, paper: str
) -> None:
    assert paper in teacher.get(f"/builder/{case}/import").links
    begun = teacher.follow(teacher.press(teacher.get(paper), paper, speed="25,0"))
    assert "Reading the paper" in begun.words
    finished(school, case)

    shown = teacher.get(paper)
    assert shown.html.count('class="paper-line"') == len(LEADS)
    assert "Read off a picture" not in shown.words, "nothing is kept yet"
    kept = teacher.follow(teacher.press(shown, f"{paper}/keep"))

    assert "Read off a picture of paper, not measured." in kept.words
    picture, signal = school.rows(Recording, case_id=key_of(case))
    assert (picture.kind, signal.kind, signal.label) == ("image", "signal", picture.label)
    beats = f"/cases/{case}/recordings/{global_id('Recording', signal.id)}/beats"
    assert "Read off a picture of paper, not measured." in teacher.get(beats).words


def test_points_names_and_scale_are_typed_without_a_script(
    school: School, teacher: Visitor, case: str, paper: str
) -> None:
    teacher.leads(paper, {"speed": "25"})
    finished(school, case)
    names = ["II", "I", *LEADS[2:]]
    typed = {"point_row": ["2", "0", "0"], "point_x": ["12,5", "", ""], "point_y": ["40", "", ""]}

    refused = teacher.press(teacher.get(paper), paper, **{**typed, "point_x": ["here", "", ""]})
    assert (refused.status_code, "Give a number." in refused.text) == (422, True)
    beyond = teacher.press(teacher.get(paper), paper, speed="1000", **typed)
    assert (beyond.status_code, 'value="1000"' in beyond.text) == (422, True)
    assert teacher.press(teacher.get(paper), paper, lead=names, gain="5", **typed).status_code == 303

    [picture] = school.rows(Recording, case_id=key_of(case))
    [row] = school.rows(Digitisation, recording_id=picture.id)
    assert row.asked["points"] == [[2, 12.5, 40.0]]
    assert (row.asked["layout"], row.asked["leads"], row.asked["gain_mm_mv"]) == ("6x1", names, 5.0)
    finished(school, case)
    assert 'value="12.5"' in teacher.get(paper).html, "points are kept as a list"


def test_a_reading_that_failed_says_what_is_kept_and_is_started_again(
    school: School, teacher: Visitor, case: str, paper: str
) -> None:
    teacher.leads(paper, {"speed": "25"})
    [picture] = school.rows(Recording, case_id=key_of(case))
    [row] = school.rows(Digitisation, recording_id=picture.id)
    failed = {"state": JobState.FAILED.value, "finished_at": school.clock(), "payload": {}}
    school.change(Job, global_id("Job", row.job_id), **failed)
    page = teacher.get(paper)
    [said] = page.said("error")
    assert said.startswith("This failed. What was stored before is kept. Start it again;")
    assert "Read the paper again" in page.words
    assert teacher.press(page, paper).status_code == 303


def test_a_page_that_cannot_be_read_says_why_in_the_readers_language(
    school: School, teacher: Visitor, case: str, paper: str
) -> None:
    teacher.leads(paper, {"speed": "25"})
    finished(school, case, "file_no_grid")
    assert "No millimetre grid was found" in teacher.get(paper).words

    french = in_french(teacher).get(paper)
    assert "Aucun quadrillage millimétré" in french.words
    assert not leftovers(french, english_only())
