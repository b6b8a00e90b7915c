"""The clinician's form and its answer, and the student's training."""

import re

import pytest

from ml.triage.patients import patients
from schema.models.predictions import Feedback, Prediction
from schema.models.triage import TriageAnswer
from schema.policy import Role
from tests.server.pages.conftest import FRAGMENT, Meet, School, Visitor, read
from tests.server.pages.test_every_page import english_only, in_french, leftovers

NOTE = "Homme 62 ans, vient pour douleur thoracique. TA 14/8, FC 96, T 37,4, SpO2 95 %, EVA 6/10."
VISIT = {
    "age": "54",
    "sexe": "MALE",
    "temperature": "36,8",
    "frequenceCardiaque": "92",
    "motifConsultation": "Douleur thoracique",
    "step": "ask",
}


@pytest.fixture
def clinician(meet: Meet) -> Visitor:
    return meet(Role.CLINICIAN)


@pytest.fixture
def visit(clinician: Visitor) -> str:
    """Return the address of a visit the clinician asked about."""
    return clinician.leads("/triage/new", VISIT)


def test_strangers_sign_in_and_anothers_visit_does_not_exist(
    meet: Meet, clinician: Visitor, visit: str
) -> None:
    for address in ("/triage", "/triage/new", visit, "/training"):
        assert meet().browser.get(address).status_code == 303
    colleague = meet(Role.CLINICIAN)
    colleague.get(visit, 404)
    colleague.get(f"/triage/new?from={visit.rpartition('/')[2]}", 404)
    assert colleague.ask(f"{visit}/feedback", {"type": "CORRECT"}).status_code == 404
    assert "Chest pain" not in colleague.get("/triage").words
    clinician.get(visit)
    clinician.get("/triage/visits/nothing", 404)


def test_students_have_the_training_and_clinicians_the_triage(meet: Meet, clinician: Visitor) -> None:
    student = meet(Role.STUDENT)
    student.get("/triage/new", 403)
    assert "/triage/new" not in student.get("/triage").links, "nothing leads to what one may not do"
    assert "/triage/new" in clinician.get("/triage").links
    clinician.get("/training", 403)


def test_a_note_is_read_into_the_fields_for_confirmation(school: School, clinician: Visitor) -> None:
    page = clinician.press(clinician.get("/triage/new"), "/triage/new", ("step", "note"), note=NOTE)
    shown = read(page, 200)
    fields = dict(shown.form("/triage/new").fields)
    assert (fields["age"], fields["sexe"], fields["temperature"]) == ("62", "MALE", "37.4")
    assert (fields["pressionSystolique"], fields["complaint"]) == ("140", "douleur_thoracique_sca")
    assert "8 values were read from the note." in shown.words
    assert "Read: “T 37,4”" in shown.words
    assert "ECG typical of an ACS" in shown.words
    assert school.rows(Prediction, asked_by=clinician.actor.account_id) == []


def test_an_impossible_value_of_a_note_is_told_at_its_field(clinician: Visitor) -> None:
    note = "FC 12, T 38,5, dextro 22"
    page = clinician.press(clinician.get("/triage/new"), "/triage/new", ("step", "note"), note=note)
    shown = read(page, 200)

    assert "Not everything was taken" in shown.words
    assert "Not taken: “FC 12” is impossible, or in no certain unit." in shown.words
    assert "Not taken: “dextro 22”" in shown.words
    assert "Not taken: “T 38,5”" not in shown.words


def test_of_a_note_nothing_but_the_complaint_is_kept(school: School, clinician: Visitor) -> None:
    note = "M. Jean Dupont, 62 ans, habite rue des Lilas, douleur thoracique ce matin, TA 14/8"
    page = clinician.press(clinician.get("/triage/new"), "/triage/new", ("step", "note"), note=note)
    clinician.follow(clinician.press(read(page, 200), "/triage/new", ("step", "ask")))
    [row] = school.rows(Prediction, asked_by=clinician.actor.account_id)
    assert row.visit is not None
    assert row.visit["complaint"] == "douleur thoracique"
    assert "Lilas" not in str(row.model_dump())


def test_a_complaint_is_looked_up_and_asks_its_questions(clinician: Visitor) -> None:
    form = clinician.get("/triage/new")
    given = {"motifConsultation": "paralysie du bras droit", "age": "70"}
    page = read(clinician.press(form, "/triage/new", ("step", "complaint"), **given), 200)
    assert dict(page.form("/triage/new").fields)["complaint"] == "avc"
    assert dict(page.form("/triage/new").fields)["age"] == "70"
    assert "Deficit for 4 h 30 or less" in page.words
    other = read(clinician.press(page, "/triage/new", ("step", "questions"), complaint="plaie"), 200)
    assert "Wound of the hand" in other.words
    nothing = read(clinician.press(form, "/triage/new", ("step", "complaint"), motifConsultation="zzz"), 200)
    assert "Nothing is recognised in the text" in nothing.words


def test_a_button_pressed_twice_asks_once(clinician: Visitor) -> None:
    assert re.search(
        r'<form[^>]* hx-post="/triage/new"[^>]* hx-sync="drop"', clinician.get("/triage/new").html
    ), "else the second request waits for the first one, and makes another visit"


def test_htmx_gets_the_form_in_place(clinician: Visitor) -> None:
    page = read(clinician.ask("/triage/new", {"step": "note", "note": NOTE}, headers=FRAGMENT), 200)
    assert "<html" not in page.html
    assert "8 values" in page.words


def test_the_answer_shows_level_delay_rule_and_what_is_missing(clinician: Visitor, visit: str) -> None:
    words = clinician.get(visit).words
    assert "Tri 3B Yellow Doctor within 90 min" in words
    assert "not a medical device" in words
    assert "this rule gives the scale’s level" in words
    assert "the scale answers alone" in words
    assert "Not reliable" in words or "Hardly reliable" in words
    assert "Missing:" in words
    assert "ECG typical of an ACS" in words


def test_answers_given_to_the_scale_change_the_level_and_come_back(clinician: Visitor, visit: str) -> None:
    page = clinician.get(f"/triage/new?from={visit.rpartition('/')[2]}")
    form = page.form("/triage/new")
    assert dict(form.fields)["temperature"] == "36.8"
    [place] = [name for name, value in form.fields if value == "ecg_typique_sca"]
    answered = {place.replace("question", "holds"): "true"}
    again = clinician.follow(clinician.press(page, "/triage/new", ("step", "ask"), **answered))
    assert "Tri 1 Red Nurse and doctor at once" in again.words


def test_what_was_typed_comes_back_with_what_is_wrong(school: School, clinician: Visitor) -> None:
    page = clinician.post("/triage/new", VISIT | {"temperature": "98.6", "age": "vieux"})
    assert "98.6 looks like °F: in °C it would be 37" in page.words
    assert "“vieux” is not a number." in page.words
    assert dict(page.form("/triage/new").fields)["age"] == "vieux"
    assert school.rows(Prediction, asked_by=clinician.actor.account_id) == []


def test_a_level_is_confirmed_then_corrected(school: School, clinician: Visitor, visit: str) -> None:
    clinician.follow(clinician.ask(f"{visit}/feedback", {"type": "CORRECT"}))
    given = {"correctedLevel": "TRI_2", "reason": "Sueurs."}
    after = clinician.follow(clinician.ask(f"{visit}/feedback", given))
    assert "Underestimates the urgency Tri 2" in after.words
    rows = school.rows(Feedback, account_id=clinician.actor.account_id)
    assert [(row.type, row.corrected_level, row.current) for row in rows] == [
        ("correct", None, False),
        ("upgrade", "2", True),
    ]
    assert "Underestimates the urgency" in clinician.get("/triage").words


@pytest.mark.parametrize(
    "chosen, kept",
    [
        ("TRI_1", ("upgrade", "1")),
        ("TRI_3A", ("upgrade", "3A")),
        ("TRI_4", ("downgrade", "4")),
        ("", ("disagree", None)),
    ],
)
def test_the_kind_of_a_correction_follows_from_the_level(
    school: School, clinician: Visitor, visit: str, chosen: str, kept: tuple[str, str | None]
) -> None:
    clinician.follow(clinician.ask(f"{visit}/feedback", {"type": "DISAGREE", "correctedLevel": chosen}))
    (row,) = school.rows(Feedback, account_id=clinician.actor.account_id)
    assert (row.type, row.corrected_level) == kept


def test_a_correction_that_is_refused_says_so_at_its_field_and_its_address_leads_back(
    clinician: Visitor, visit: str
) -> None:
    address = f"{visit}/feedback"
    for given, field in (
        ({"correctedLevel": "TRI_3B"}, "correctedLevel"),
        ({"correctedLevel": "TRI_9"}, "correctedLevel"),
        ({"correctedLevel": "TRI_2", "reason": "x" * 1_001}, "reason"),
    ):
        refused = clinician.post(address, given)
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"[^>]*data-focus', refused.html), field
        assert refused.html.count("data-focus") == 1
        assert refused.html.count('class="error"') == 1
    answer = clinician.browser.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, visit)


def test_an_answer_from_next_to_nothing_warns_in_its_banner(clinician: Visitor) -> None:
    bare = clinician.get(clinician.leads("/triage/new", {"motifConsultation": "Palpitations", "step": "ask"}))
    banner = bare.html[bare.html.index('class="triage-banner"') :].partition("</div>")[0]
    assert "data-unreliable" in banner
    assert "do not rely on this answer" in banner
    assert "The FRENCH scale gives this level." in banner
    full = VISIT | {"pressionSystolique": "130", "pressionDiastolique": "80", "frequenceRespiratoire": "16"}
    other = clinician.get(clinician.leads("/triage/new", full | {"saturationOxygene": "98"})).html
    assert "data-unreliable" not in other


def test_a_student_gives_a_level_and_reads_why(school: School, student: Visitor) -> None:
    index = student.get("/training")
    [following] = {link for link in index.links if link.startswith("/training/patient-")}
    patient = patients()[following.rpartition("/")[2]]
    page = student.get(following)
    assert patient.explanation not in page.html
    right = f"TRI_{patient.level}"
    shown = student.follow(student.press(page, following, level=right))
    assert "Right level" in shown.words
    assert patient.explanation in shown.html
    assert "this rule gives the scale’s level" in shown.words
    figures = student.get("/training").words
    assert "100%" in figures
    [row] = school.rows(TriageAnswer, account_id=student.actor.account_id)
    assert (row.level, row.score, row.number) == (patient.level, 100, 1)


def test_a_form_sent_twice_is_one_answer_and_one_without_a_level_is_none(
    school: School, student: Visitor
) -> None:
    address = "/training/patient-01"
    page = student.get(address)
    first = student.press(page, address, level="TRI_4")
    assert student.press(page, address, level="TRI_4").headers["location"] == first.headers["location"]
    assert len(school.rows(TriageAnswer, account_id=student.actor.account_id)) == 1
    student.post(address, {"idempotencyKey": "k"})
    student.get("/training/patient-00", 404)
    student.get("/training/answers/nothing", 404)


def test_anothers_answer_does_not_exist(meet: Meet, student: Visitor) -> None:
    address = student.leads("/training/patient-01", {"level": "TRI_4", "idempotencyKey": "k"})
    student.get(address)
    meet(Role.STUDENT).get(address, 404)


def test_a_teacher_reads_what_all_students_find_hard(meet: Meet, student: Visitor) -> None:
    teacher = meet(Role.TEACHER)
    assert "/training/class" in teacher.get("/training").links
    assert "/training/class" not in student.get("/training").links
    assert "No patient has been triaged by five students yet" in teacher.get("/training/class").words
    right = f"TRI_{patients()['patient-01'].level}"
    for number, level in enumerate(("TRI_5", right, right, right, right)):
        given = {"level": level, "idempotencyKey": str(number)}
        meet(Role.STUDENT).leads("/training/patient-01", given)
    shown = teacher.get("/training/class")
    assert "/training/patient-01" in shown.links
    assert patients()["patient-01"].visit.complaint in shown.words
    assert student.actor.display_name not in shown.words


def test_the_pages_speak_french(meet: Meet, clinician: Visitor, student: Visitor, visit: str) -> None:
    english = english_only()
    answer = student.leads("/training/patient-01", {"level": "TRI_4", "idempotencyKey": "k"})
    for visitor, addresses in (
        (clinician, ("/", "/triage", "/triage/new", f"/triage/new?from={visit.rpartition('/')[2]}", visit)),
        (student, ("/", "/training", "/training/patient-01", answer)),
        (meet(Role.TEACHER), ("/training/class",)),
    ):
        in_french(visitor)
        for address in addresses:
            assert leftovers(visitor.get(address), english) == set(), address
