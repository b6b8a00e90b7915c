"""Contesting on the result page; the teacher's list and the page where a contest is settled."""

import pytest

from schema.models.contests import Contest
from schema.models.training import Answer, TrainingSession
from schema.policy import Role
from schema.types.base import global_id
from tests.server.pages.conftest import Meet, School, Visitor, key_of
from tests.server.pages.reading import Page

TEXT = "Fibrillation atriale, hypertrophie ventriculaire gauche"


@pytest.fixture
def session(school: School) -> str:
    return school.session([school.validated("Bloc", ["LBBB", "SINUS_RHYTHM"])], name="Jeudi")


@pytest.fixture
def attempt(school: School, session: str, student: Visitor) -> str:
    """Return an attempt with LBBB missed, the rhythm contradicted and the hypertrophy beyond the key."""
    return school.handed_in(session, student, TEXT)


def forms(page: Page, attempt: str) -> int:
    return [form.action for form in page.forms].count(f"/attempts/{attempt}/contest")


def answer_of(school: School, attempt: str) -> Answer:
    found: Answer = school.rows(Answer, attempt_id=key_of(attempt))[0]
    return found


def answer_id(school: School, attempt: str) -> str:
    return global_id("Answer", answer_of(school, attempt).id or 0)


def contested(school: School, student: Visitor, attempt: str, concept: str = "LBBB", said: str = "") -> str:
    """Let a student contest a concept as the page's form does; return the contest's id."""
    answer = answer_id(school, attempt)
    form = {"answerId": answer, "conceptId": concept, "statement": said}
    assert student.leads(f"/attempts/{attempt}/contest", form) == f"/attempts/{attempt}/result#verdicts-1"
    made = school.rows(Contest, concept_id=concept, answer_id=answer_of(school, attempt).id)[0]
    return global_id("Contest", made.id)


def ruled(teacher: Visitor, contest: str, verdict: str, said: str = "") -> Page:
    answer = teacher.press(
        teacher.get(f"/contests/{contest}"), f"/contests/{contest}/rule", verdict=verdict, explanation=said
    )
    return teacher.follow(answer)


def test_a_foreign_contest_is_like_a_missing_one(
    meet: Meet, school: School, student: Visitor, attempt: str
) -> None:
    contest = contested(school, student, attempt)
    colleague, classmate = meet(Role.TEACHER), meet(Role.STUDENT)
    for stranger in (colleague, classmate):
        assert stranger.get(f"/contests/{contest}", 404).headings == ["There is nothing here"]
        assert stranger.get("/contests/x", 404).headings == ["There is nothing here"]
        form = {"answerId": answer_id(school, attempt), "conceptId": "SINUS_RHYTHM"}
        assert stranger.ask(f"/attempts/{attempt}/contest", form).status_code == 404
    ruling = {"revision": "1", "verdict": "FOUND"}
    assert colleague.ask(f"/contests/{contest}/rule", ruling).status_code == 404
    assert student.ask(f"/contests/{contest}/rule", ruling).status_code == 403
    assert "No contest" in colleague.get("/contests").words


def test_each_concept_of_a_corrected_attempt_can_be_contested(student: Visitor, attempt: str) -> None:
    """Two expected ones, and the one beyond the key; the fibrillation is told with the rhythm it excludes."""
    page = student.get(f"/attempts/{attempt}/result")
    assert forms(page, attempt) == 3


def test_a_contest_is_sent_shown_and_answered(
    school: School, student: Visitor, teacher: Visitor, attempt: str
) -> None:
    contest = contested(school, student, attempt, said="Le bloc est\nécrit <ligne 2>.")
    page = student.get(f"/attempts/{attempt}/result")
    assert page.said("done") == ["Your teacher has received it. The answer will stand here."]
    assert "Contested Le bloc est écrit <ligne 2>." in page.words
    assert forms(page, attempt) == 2
    ruling = teacher.get(f"/contests/{contest}")
    assert ruling.headings == ["Left bundle-branch block"]
    for words in (
        "Le bloc est écrit <ligne 2>.",
        "Missed · Your answer does not mention it.",
        student.name,
        "hypertrophie ventriculaire gauche",
    ):
        assert words in ruling.words
    answered = ruled(teacher, contest, "FOUND", "Je l’ai relu.")
    assert answered.said("done") == ["The ruling is saved. This answer's mark: 50 / 100."]
    page = student.get(f"/attempts/{attempt}/result")
    for words in (
        "50 / 100",
        "before a teacher's ruling: 0 / 100",
        "Contest upheld",
        "Automatic correction: Missed. Your answer does not mention it.",
        "The teacher's answer: Je l’ai relu.",
    ):
        assert words in page.words


def test_what_was_read_beyond_the_key_is_contested_too(
    school: School, student: Visitor, teacher: Visitor, attempt: str
) -> None:
    contest = contested(school, student, attempt, "LVH")
    page = teacher.get(f"/contests/{contest}")
    assert "No reason was given." in page.words
    assert "It rests on: “hypertrophie ventriculaire gauche”" in page.words
    ruled(teacher, contest, "WITHDRAWN")
    assert (
        "Not in the answer · Left ventricular hypertrophy" in student.get(f"/attempts/{attempt}/result").words
    )


def test_several_concepts_beyond_the_key_are_chosen_from(school: School, student: Visitor) -> None:
    session = school.session([school.validated("Bloc", ["LBBB"])])
    attempt = school.handed_in(session, student, f"{TEXT}, bloc auriculo-ventriculaire du premier degré")
    here = f"/attempts/{attempt}/contest"
    page = student.get(f"/attempts/{attempt}/result")
    assert "Contest what was read" in page.words
    last = [form for form in page.forms if form.action == here][-1]
    assert {"answerId", "conceptId", "statement"} <= last.names
    assert '<option value="LVH">' in page.html
    assert '<option value="LBBB">' not in page.html


def test_dismissing_without_a_word_is_refused_beside_the_field(
    school: School, student: Visitor, teacher: Visitor, attempt: str
) -> None:
    contest = contested(school, student, attempt)
    refused = teacher.post(f"/contests/{contest}/rule", {"revision": "1", "verdict": "MISSED"})
    assert refused.error("explanation") == "Error: Say in a sentence why the mark stays."
    assert 'value="MISSED" checked' in refused.html
    nothing = teacher.post(f"/contests/{contest}/rule", {"revision": "1", "explanation": "Parce que."})
    assert nothing.error("verdict") == "Error: This field is required."
    assert nothing.values["explanation"] == "Parce que."
    ruled(teacher, contest, "MISSED", "La réponse n’en parle pas.")
    assert "Contest dismissed" in student.get(f"/attempts/{attempt}/result").words


def test_a_colleague_who_was_faster_is_told_of(
    school: School, student: Visitor, teacher: Visitor, attempt: str
) -> None:
    contest = contested(school, student, attempt)
    stale = teacher.get(f"/contests/{contest}")
    ruled(teacher, contest, "FOUND")
    answer = teacher.press(stale, f"/contests/{contest}/rule", verdict="PARTIAL", explanation="Non.")
    page = Page(answer.text)
    assert answer.status_code == 409
    assert page.said("care") == ["Someone changed this meanwhile. Reload, then make your change again."]
    assert page.values["explanation"] == "Non."
    assert page.values["revision"] == "2"
    assert f"By {teacher.name}" in page.words


def test_what_cannot_be_contested_keeps_what_was_typed(
    school: School, student: Visitor, attempt: str
) -> None:
    answer = answer_id(school, attempt)
    here = f"/attempts/{attempt}/contest"
    long = {"answerId": answer, "conceptId": "LBBB", "statement": "x" * 1001}
    page = student.post(here, long)
    assert page.error("contest-1-1-statement") == "Error: At most 1000 characters."
    assert "x" * 1001 in page.html
    assert student.post(here, {"answerId": answer, "conceptId": "AV_BLOCK_1"}).said("error") == [
        "This concept is not part of the mark."
    ]
    contested(school, student, attempt, said="Un.")
    again = student.post(here, long | {"statement": "Deux."}, 409)
    assert again.said("care") == ["You have contested this concept already."]


def test_nothing_is_contested_where_no_correction_is_shown(
    meet: Meet, school: School, student: Visitor, session: str, attempt: str
) -> None:
    school.change(TrainingSession, session, show_feedback=False)
    answer = answer_id(school, attempt)
    assert forms(student.get(f"/attempts/{attempt}/result"), attempt) == 0
    form = {"answerId": answer, "conceptId": "LBBB"}
    assert student.post(f"/attempts/{attempt}/contest", form, 403).said("care") == [
        "There is no correction to contest yet."
    ]
    school.change(TrainingSession, session, show_feedback=True, status="archived")
    assert forms(student.get(f"/attempts/{attempt}/result"), attempt) == 0
    busy = meet(Role.STUDENT)
    school.change(TrainingSession, session, status="open")
    under_way = school.begun(session, busy)
    form = {"answerId": answer_id(school, under_way), "conceptId": "LBBB"}
    answered = busy.ask(f"/attempts/{under_way}/contest", form)
    assert (answered.status_code, answered.headers["location"]) == (303, f"/attempts/{under_way}/1")
    assert school.count(Contest, answer_id=answer_of(school, under_way).id) == 0


def test_the_teacher_finds_contests_from_the_lists_the_session_and_the_review(
    school: School, student: Visitor, teacher: Visitor, session: str, attempt: str
) -> None:
    contest = contested(school, student, attempt)
    assert "Contests · 1" in teacher.get("/sessions").words
    assert "/contests" in teacher.get("/cases").links
    page = teacher.get(f"/sessions/{session}")
    assert "1 contest to settle" in page.words
    assert f"/contests?sessionId={session}" in page.links
    review = teacher.get(f"/review/{attempt}")
    assert f"/contests/{contest}" in review.links
    assert forms(review, attempt) == 0
    ruled(teacher, contest, "PARTIAL")
    assert "contest to settle" not in teacher.get(f"/sessions/{session}").words
    assert "See the ruling" in teacher.get(f"/review/{attempt}").words


def test_contests_are_listed_open_ones_first_and_filtered(
    school: School, student: Visitor, teacher: Visitor, session: str, attempt: str
) -> None:
    ruled(teacher, contested(school, student, attempt), "FOUND")
    contested(school, student, attempt, "SINUS_RHYTHM")
    words = teacher.get("/contests").words
    assert words.index("Sinus rhythm") < words.index("Left bundle-branch block")
    assert "2 contests" in words
    for asked, shown in (
        ("state=OPEN", "Sinus rhythm"),
        ("state=UPHELD", "Left bundle-branch block"),
        (f"sessionId={session}&state=UPHELD", "Left bundle-branch block"),
    ):
        words = teacher.get(f"/contests?{asked}").words
        assert shown in words
        assert "1 contest " in f"{words} "
    kept = teacher.get(f"/contests?sessionId={session}")
    assert kept.values["sessionId"] == session
    assert "/contests" in kept.links
    assert "No contest" in teacher.get("/contests?sessionId=x").words
    teacher.get("/contests?state=GONE", 400)


def test_a_models_comment_is_marked_as_one_and_goes_with_the_first_ruling(
    teacher: Visitor, student: Visitor, school: School, attempt: str
) -> None:
    said = {"text": "Regarde la branche gauche.", "model": "toy-7b"}
    school.change(Answer, answer_id(school, attempt), comment=said)
    page = student.get(f"/attempts/{attempt}/result")
    assert "Regarde la branche gauche." in page.words
    assert "Written by a language model (toy-7b) from this correction; it may be wrong." in page.words
    ruled(teacher, contested(school, student, attempt), "FOUND")
    assert "Regarde la branche gauche." not in student.get(f"/attempts/{attempt}/result").words
