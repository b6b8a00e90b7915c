"""The student's pages: join, begin, answer, hand in, read the correction; never more than one may see."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schema.models.training import Answer, Attempt, Enrolment, TrainingSession
from schema.policy import Role
from schema.types.base import global_id
from tests.server.pages.conftest import Meet, School, Visitor, key_of
from tests.server.pages.reading import Page

PARIS = ZoneInfo("Europe/Paris")
JSON = {"accept": "application/json"}
AN_HOUR = dt.timedelta(hours=1)


def saved(visitor: Visitor, attempt: str, place: int | str = 1, **fields: Any) -> Any:
    """Save an answer as the page's script does."""
    form = {"text": "Rythme sinusal", "revision": "0", **fields}
    return visitor.ask(f"/attempts/{attempt}/{place}", form, headers=JSON)


def passed(school: School, attempt: str) -> None:
    """Let an attempt's time be up."""
    school.change(Attempt, attempt, deadline_at=school.clock() - dt.timedelta(seconds=1))


def test_without_a_session_the_page_says_how_to_get_one(student: Visitor) -> None:
    page = student.get("/learn")
    assert page.headings == ["My sessions"]
    assert "Type the join code above" in page.words


def test_a_code_is_joined_however_it_is_typed_and_twice_does_nothing(
    student: Visitor, school: School
) -> None:
    code = school.code(school.session(name="Jeudi"))
    for typed in (f"{code[:4]}-{code[4:]}", f" {code.lower()} "):
        page = student.follow(student.press(student.get("/learn"), "/learn/join", joinCode=typed))
        assert page.said("done") == ["You joined “Jeudi”."]
    assert school.count(Enrolment, account_id=student.actor.account_id) == 1
    assert "Jeudi" in page.words


@pytest.mark.parametrize("typed", ["ZZZZ-ZZZZ", "x" * 500, "²"])
def test_a_wrong_code_stays_beside_its_message(student: Visitor, typed: str) -> None:
    page = student.post("/learn/join", {"joinCode": typed})
    assert page.error("joinCode") == "Error: No session has this code. Check it with your teacher."
    assert page.values["joinCode"] == typed
    assert re.search('<input[^>]* name="joinCode"[^>]* data-focus', page.html)
    assert "data-focus" not in student.get("/learn").html


def test_no_code_and_a_closed_session_are_refused_beside_the_field(student: Visitor, school: School) -> None:
    assert student.post("/learn/join").error("joinCode") == "Error: This field is required."
    session = school.session()
    school.change(TrainingSession, session, status="closed")
    refused = student.post("/learn/join", {"joinCode": school.code(session)})
    assert refused.error("joinCode") == "Error: This session is closed."


def test_a_teacher_takes_no_session(teacher: Visitor, school: School) -> None:
    page = teacher.post("/learn/join", {"joinCode": school.code(school.session())}, 403)
    assert page.said("care") == ["Only students can join a session."]


def test_a_session_is_begun_once_and_gone_on_with(student: Visitor, school: School) -> None:
    enrolment = school.enrolled(school.session(), student)
    begun = student.press(student.get("/learn"), "/learn/start")
    page = student.get("/learn")
    assert begun.headers["location"] in page.links
    assert student.leads("/learn/start", {"enrolmentId": enrolment}) == begun.headers["location"]
    assert school.count(Attempt, account_id=student.actor.account_id) == 1


def test_before_the_time_starts_a_student_is_told_how_many_attempts_there_are_and_asked(
    student: Visitor, school: School
) -> None:
    school.enrolled(school.session(), student)
    page = student.get("/learn")
    assert "one attempt only" in page.words
    assert "several attempts possible" not in page.words
    asked = page.html.partition('<details class="confirm">')[2].partition("</details>")[0]
    assert "1 case, 20 minutes. The time starts now and does not stop." in asked
    assert 'action="/learn/start"' in asked
    assert page.html.count('action="/learn/start"') == 1
    school.enrolled(school.session(allow_retry=True), student)
    assert "several attempts possible" in student.get("/learn").words


def test_a_session_that_is_closed_archived_or_not_open_yet_is_not_begun(
    student: Visitor, school: School
) -> None:
    session = school.session()
    enrolment = school.enrolled(session, student)
    changes: list[tuple[dict[str, Any], str, str]] = [
        ({"status": "closed"}, "Closed", "This session is closed."),
        ({"status": "archived"}, "Closed", "This session has been put away."),
        ({"status": "open", "opens_at": school.clock() + AN_HOUR}, "Opens", "This session is not open yet."),
        ({"opens_at": None, "closes_at": school.clock() - AN_HOUR}, "Closed", "This session is closed."),
    ]
    for change, badge, said in changes:
        school.change(TrainingSession, session, **change)
        page = student.get("/learn")
        assert badge in page.words
        assert "/learn/start" not in [form.action for form in page.forms]
        refused = student.post("/learn/start", {"enrolmentId": enrolment}, 403)
        assert refused.said("care") == [said]


@pytest.mark.parametrize("form, status", [({}, 422), ({"enrolmentId": "x"}, 404)])
def test_what_is_no_enrolment_begins_nothing(student: Visitor, form: dict[str, str], status: int) -> None:
    page = student.post("/learn/start", form, status)
    if status == 422:
        assert page.said("error") == ["This field is required."]


def test_another_students_place_is_not_taken(meet: Meet, student: Visitor, school: School) -> None:
    enrolment = school.enrolled(school.session(), meet(Role.STUDENT))
    student.post("/learn/start", {"enrolmentId": enrolment}, 404)


def test_the_quiz_shows_the_tracing_and_not_its_title(student: Visitor, school: School) -> None:
    cases = [school.validated("Infarctus inférieur"), school.validated("Flutter commun", ["SINUS_RHYTHM"])]
    attempt = school.begun(school.session(cases, name="Deux cas"), student)
    page = student.get(f"/attempts/{attempt}/2")
    assert page.headings[0].startswith("Case 2 of 2")
    assert "Infarctus" not in page.html
    assert "Flutter" not in page.html
    assert "SINUS_RHYTHM" not in page.html
    assert len(page.images) == 1
    assert f"/attempts/{attempt}/1" in page.links


def test_a_place_the_attempt_does_not_have_is_not_found(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    for place in ("abc", "0", "2", "999", "-1", "1.5", "9" * 300, "²"):
        student.get(f"/attempts/{attempt}/{place}", 404)
        assert saved(student, attempt, place).status_code in {400, 404}
    assert school.rows(Answer, attempt_id=key_of(attempt))[0].revision == 0


def test_an_answer_is_saved_by_the_form_and_kept(student: Visitor, school: School) -> None:
    cases = [school.validated(), school.validated("Second")]
    attempt = school.begun(school.session(cases), student)
    here = f"/attempts/{attempt}/1"
    answer = student.press(student.get(here), here, text="Bloc « complet »\nQRS larges")
    assert answer.headers["location"] == here
    page = student.follow(answer)
    assert page.values["text"].splitlines() == ["Bloc « complet »", "QRS larges"]
    assert "Case 1, answered" in page.html
    onward = student.press(page, here, ("go", "next"), text="Autre")
    assert onward.headers["location"] == f"/attempts/{attempt}/2"


def test_concepts_are_searched_added_and_removed_without_a_script(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    here = f"/attempts/{attempt}/1"
    searched = student.press(student.get(here), here, ("find", "1"), q="bloc & branche #1?", text="Écrit")
    assert searched.headers["location"] == f"{here}?q=bloc%20%26%20branche%20%231%3F#concepts"
    student.follow(searched)
    page = student.get(f"{here}?q=left+bundle")
    assert ("add", "LBBB") in page.form(here).buttons
    page = student.follow(student.press(page, here, ("add", "LBBB")))
    assert ("conceptIds", "LBBB") in page.form(here).fields
    page = student.follow(student.press(page, here, ("remove", "LBBB")))
    assert ("conceptIds", "LBBB") not in page.form(here).fields
    assert page.values["text"] == "Écrit"


def test_htmx_gets_the_concepts_as_buttons_and_the_page_as_a_part(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    found = student.part(f"/attempts/{attempt}/1/concepts?q=left+bundle")
    assert 'name="add" value="LBBB"' in found.html
    assert student.part(f"/attempts/{attempt}/1/concepts?q=").words.strip() == ""
    for nothing in (
        student.part(f"/attempts/{attempt}/1/concepts?q=zzzzzzzz"),
        student.get(f"/attempts/{attempt}/1?q=zzzzzzzz"),
    ):
        assert "No concept found. Try another word, or write it in your reading." in nothing.words


def test_enter_in_the_search_for_a_concept_saves_and_searches(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    here = f"/attempts/{attempt}/1"
    page = student.get(here)
    searched = student.press(page, here, q=" bundle ", text="Écrit")
    assert searched.headers["location"] == f"{here}?q=%20bundle%20#concepts"
    page = student.follow(searched)
    assert page.values["text"] == "Écrit"
    [*_others, add] = [button for button in page.form(here).buttons if button[0] == "add"]
    added = student.press(page, here, add)
    assert added.headers["location"] == f"{here}#concepts"
    page = student.follow(added)
    removed = student.press(page, here, ("remove", add[1]))
    assert removed.headers["location"] == f"{here}#concepts"
    page = student.follow(removed)
    assert student.press(page, here, q=" ").headers["location"] == here
    part = student.part(f"/attempts/{attempt}/1")
    assert part.headings[0].startswith("Case 1 of 1")


def test_a_script_is_told_when_an_answer_is_safe(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    first = saved(student, attempt, text="Un", conceptIds=["LBBB"])
    assert first.status_code == 200
    assert set(first.json()) == {"savedAt", "shown", "revision"}
    assert first.json()["revision"] == 1
    assert dt.datetime.fromisoformat(first.json()["savedAt"]) <= school.clock()
    repeated = saved(student, attempt, text="Un", conceptIds=["LBBB"])
    assert repeated.json()["revision"] == 1
    [row] = school.rows(Answer, attempt_id=key_of(attempt))
    assert (row.text, row.concept_ids) == ("Un", ["LBBB"])


def test_a_script_is_told_that_another_device_was_faster(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    saved(student, attempt, text="Ailleurs")
    answer = saved(student, attempt, text="Ici")
    assert answer.status_code == 409
    assert answer.json() == {"message": "This answer was changed on another device. Reload to see it."}
    for revision in ("²", "abc", "-1", ""):
        assert saved(student, attempt, text="Ici", revision=revision).status_code == 409


def test_without_a_script_what_was_typed_is_kept_beside_the_other_devices(
    student: Visitor, school: School
) -> None:
    attempt = school.begun(school.session(), student)
    here = f"/attempts/{attempt}/1"
    stale = student.get(here)
    saved(student, attempt, text="Ailleurs")
    answer = student.press(stale, here, text="Ici")
    page = Page(answer.text)
    assert answer.status_code == 409
    assert page.said("error") == ["This answer was changed on another device. Reload to see it."]
    assert page.values["text"] == "Ici"
    assert page.values["revision"] == "1"


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"text": "x" * 20_001}, "At most 20000 characters."),
        ({"conceptIds": ["NO_SUCH"]}, "This concept is not in the ontology. Choose one from the list."),
    ],
)
def test_an_answer_that_cannot_be_kept_is_said_so_either_way(
    student: Visitor, school: School, wrong: dict[str, Any], said: str
) -> None:
    attempt = school.begun(school.session(), student)
    told = saved(student, attempt, **wrong)
    assert (told.status_code, told.json()["message"]) == (422, said)
    page = student.post(f"/attempts/{attempt}/1", {"revision": "0", **wrong})
    assert page.said("error") == [said]
    if "text" in wrong:
        assert page.error("text") == f"Error: {said}"
        assert page.values["text"] == wrong["text"]


def test_after_the_deadline_a_script_is_told_and_nothing_is_lost(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    saved(student, attempt, text="À temps")
    passed(school, attempt)
    answer = saved(student, attempt, text="Trop tard", revision="1")
    assert answer.status_code == 409
    assert answer.json()["message"] == "The time is up. What you had saved by then has been handed in."
    [row] = school.rows(Answer, attempt_id=key_of(attempt))
    assert row.text == "À temps"
    again = saved(student, attempt, text="Encore", revision="1")
    assert again.json()["message"] == answer.json()["message"]


def test_after_the_deadline_the_form_leads_to_the_result_and_says_why(
    student: Visitor, school: School
) -> None:
    attempt = school.begun(school.session(), student)
    page = student.get(f"/attempts/{attempt}/1")
    passed(school, attempt)
    page = student.follow(student.press(page, f"/attempts/{attempt}/1", text="Trop tard"))
    assert page.said("care") == ["The time is up. What you had saved by then has been handed in."]
    assert "Handed in at the end of the time" in page.words


def test_after_the_deadline_the_quiz_leads_to_the_result(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    passed(school, attempt)
    answer = student.browser.get(f"/attempts/{attempt}/1")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/attempts/{attempt}/result")
    assert "Handed in at the end of the time" in student.follow(answer).words


def test_a_script_whose_visitor_is_signed_out_is_told_in_words(
    meet: Meet, student: Visitor, school: School
) -> None:
    attempt = school.begun(school.session(), student)
    student.browser.post("/sign-out", data={"csrf_token": student.csrf})
    ended = saved(student, attempt)
    assert ended.status_code == 401
    assert ended.json()["message"] == "You are not signed in any more. Sign in again, then try once more."
    student.browser.cookies.clear()
    assert saved(student, attempt).status_code == 401
    assert saved(meet(), attempt).status_code == 401
    assert saved(meet(language="fr"), attempt).json()["message"].startswith("Votre connexion a pris fin.")


def test_a_script_without_the_forms_token_saves_nothing(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    form = {"text": "x", "revision": "0", "csrf_token": "forged"}
    answer = student.browser.post(f"/attempts/{attempt}/1", data=form, headers=JSON)
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("This request was refused.")


def test_the_teacher_looks_on_but_does_not_answer(teacher: Visitor, student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    answer = saved(teacher, attempt)
    assert answer.status_code == 403
    assert answer.json()["message"] == "Only the student can answer in this attempt."
    refused = teacher.ask(f"/attempts/{attempt}/submit", {"idempotencyKey": "k"})
    assert refused.status_code == 403
    assert school.row(Attempt, attempt).submitted_at is None


def test_an_attempt_is_handed_in_once_and_corrected(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session([school.validated("Bloc gauche")]), student)
    here = f"/attempts/{attempt}/1"
    student.press(student.get(here), here, text="Bloc de branche gauche complet")
    page = student.get(here)
    handed_in = student.press(page, f"/attempts/{attempt}/submit")
    assert handed_in.headers["location"] == f"/attempts/{attempt}/result"
    result = student.follow(handed_in)
    assert "100 / 100" in result.words
    assert "Bloc gauche" in result.words
    assert 'data-verdict="found"' in result.html
    twice = student.press(page, f"/attempts/{attempt}/submit")
    assert twice.headers["location"] == f"/attempts/{attempt}/result"
    assert student.follow(twice).said("care") == []
    late = student.ask(f"/attempts/{attempt}/submit", {"idempotencyKey": "another tab"})
    assert student.follow(late).said("care") == ["This attempt has been handed in already."]
    assert saved(student, attempt).status_code == 409


def test_handing_in_needs_its_key(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    page = student.post(f"/attempts/{attempt}/submit")
    assert page.said("error") == ["This field is required."]
    assert school.row(Attempt, attempt).submitted_at is None


def test_every_verdict_has_its_mark(student: Visitor, school: School) -> None:
    case = school.validated("Mixte", ["LBBB", "SINUS_RHYTHM", "AXIS_NORMAL"])
    attempt = school.handed_in(
        school.session([case]), student, "Bloc de branche, pas de rythme sinusal, fibrillation atriale."
    )
    page = student.get(f"/attempts/{attempt}/result")
    verdicts = {part.split('"')[0] for part in page.html.split('data-verdict="')[1:]}
    assert {"partial", "missed", "contradicted"} <= verdicts
    assert "Corrected automatically, for teaching only" in page.words


def test_the_result_says_what_does_not_hold_together(student: Visitor, school: School) -> None:
    attempt = school.handed_in(
        school.session(), student, "BBG complet, QRS fins, FC 130/min donc bradycardie"
    )
    page = student.get(f"/attempts/{attempt}/result")
    assert "What does not hold together in this answer:" in page.words
    assert "“Complete left bundle-branch block” does not fit “Narrow QRS”" in page.words
    assert "The value you give does not agree with “Bradycardia”." in page.words
    sound = student.get(f"/attempts/{school.handed_in(school.session(), student, 'BBG')}/result")
    assert "does not hold together" not in sound.words


def test_an_answer_without_a_mark_is_told_to_have_none(student: Visitor, school: School) -> None:
    """The ontology has dropped all that its key scores."""
    session = school.session([school.validated("Bloc")])
    attempt = school.handed_in(session, student, "BBG")
    answer = school.rows(Answer, attempt_id=key_of(attempt))[0]
    grade = {**answer.grade, "score": None, "items": []}
    school.change(Answer, global_id("Answer", answer.id), score=None, grade=grade)
    school.change(Attempt, attempt, score=None)
    page = student.get(f"/attempts/{attempt}/result")
    assert page.words.count("No mark") == 3  # of the attempt, of the case, and why
    assert "/ 100" not in page.words


def test_an_answer_left_blank_is_corrected_too(student: Visitor, school: School) -> None:
    attempt = school.handed_in(school.session(), student, "")
    page = student.get(f"/attempts/{attempt}/result")
    assert "Nothing was written." in page.words
    assert "0 / 100" in page.words


def test_picked_concepts_count_and_are_named(student: Visitor, school: School) -> None:
    attempt = school.handed_in(school.session(), student, "", ["LBBB"])
    page = student.get(f"/attempts/{attempt}/result")
    assert "Concepts picked: Left bundle-branch block" in page.words
    assert "100 / 100" in page.words


def test_without_feedback_the_result_says_only_that_it_was_received(student: Visitor, school: School) -> None:
    session = school.session([school.validated("Bloc caché")], show_feedback=False)
    attempt = school.handed_in(session, student)
    page = student.get(f"/attempts/{attempt}/result")
    assert page.said("done")[0].startswith("Your answers were received. The correction is not shown")
    assert "Bloc caché" not in page.words
    assert "/ 100" not in page.words
    assert "data-verdict" not in page.html
    listed = student.get("/learn")
    assert "What I handed in" in listed.words
    assert "/ 100" not in listed.words


def test_an_open_attempts_result_leads_back_to_the_quiz(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    answer = student.browser.get(f"/attempts/{attempt}/result")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/attempts/{attempt}/1")


def test_another_attempt_is_offered_only_where_it_is_allowed(student: Visitor, school: School) -> None:
    once, again = school.session(name="Une fois"), school.session(name="Encore", allow_retry=True)
    for session in (once, again):
        school.handed_in(session, student)
    page = student.get("/learn")
    [form] = [form for form in page.forms if form.action == "/learn/start"]
    assert "Begin again" in page.words
    assert "Result: 100 / 100" in page.words
    second = student.leads("/learn/start", dict(form.fields))
    assert student.get(second).headings[0].startswith("Case 1 of 1")
    refused = student.post("/learn/start", {"enrolmentId": school.enrolled(once, student)}, 403)
    assert refused.said("care") == ["You have done this session. It allows one attempt only."]


def test_times_are_those_of_the_platforms_zone(student: Visitor, school: School) -> None:
    attempt = school.begun(school.session(), student)
    school.change(Attempt, attempt, deadline_at=dt.datetime(2099, 7, 1, 12, 30, tzinfo=dt.UTC))
    page = student.get("/learn")
    assert "Until 1 Jul 2099, 14:30" in page.words
    quiz = student.get(f"/attempts/{attempt}/1")
    assert "Until 14:30" in quiz.words
    row = school.handed_in(school.session(name="Autre"), student)
    submitted = school.row(Attempt, row).submitted_at.astimezone(PARIS)
    assert submitted.strftime("%H:%M") in student.get(f"/attempts/{row}/result").words


def test_my_sessions_come_page_by_page(student: Visitor, school: School) -> None:
    case = school.validated()
    for number in range(26):
        school.enrolled(school.session([case], name=f"Série {number:02d}"), student)
    first = student.get("/learn")
    assert "Série 25" in first.words
    assert "Série 01" not in first.words
    [following] = [link for link in first.links if "after=" in link]
    second = student.get(following)
    assert "Série 01" in second.words
    [back] = [link for link in second.links if "before=" in link]
    assert "Série 25" in student.get(back).words
    refused = student.post("/learn/join", {"joinCode": "ZZZZ-ZZZZ"})
    assert following in refused.links
    assert student.get("/learn?after=nonsense", 400).headings == ["This request cannot be read"]
