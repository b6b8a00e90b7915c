"""The teacher's pages of a session: the list, the live page, who takes part, a student's attempt."""

import datetime as dt

import pytest

from schema.models.training import Attempt, Enrolment, TrainingSession
from schema.policy import Role
from tests.server.pages.conftest import Meet, School, Visitor, key_of
from tests.server.pages.reading import Page


def test_without_a_session_the_list_says_what_one_is_made_of(teacher: Visitor) -> None:
    page = teacher.get("/sessions")
    assert page.headings == ["Sessions"]
    assert "A session is made of validated cases." in page.words


def test_sessions_are_searched_and_filtered(teacher: Visitor, school: School) -> None:
    case = school.validated()
    school.session([case], name="Élèves de mardi")
    closed = school.session([case], name="Externes de jeudi")
    school.change(TrainingSession, closed, status="closed")
    for asked, shown in [
        ("", {"mardi", "jeudi"}),
        ("?search=eleves", {"mardi"}),
        ("?search=%22%3Cb%3E", set()),
        ("?status=CLOSED", {"jeudi"}),
        ("?status=OPEN&difficulty=BEGINNER&search=", {"mardi"}),
        ("?difficulty=ADVANCED", set()),
    ]:
        words = teacher.get(f"/sessions{asked}").words
        assert {word for word in ("mardi", "jeudi") if word in words} == shown, asked
    assert teacher.get("/sessions?status=CLOSED").values["status"] == "CLOSED"
    assert 'value="&#34;&lt;b&gt;"' in teacher.get("/sessions?search=%22%3Cb%3E").html


def test_a_filter_that_does_not_exist_is_no_fault_of_ours(teacher: Visitor) -> None:
    for asked in ("status=GONE", "difficulty=EXPERT", "after=nonsense", "before=nonsense"):
        assert teacher.get(f"/sessions?{asked}", 400).headings == ["This request cannot be read"]


def test_sessions_come_page_by_page_with_their_filters(teacher: Visitor, school: School) -> None:
    case = school.validated()
    for number in range(26):
        school.session([case], name=f"Série {number:02d}")
    first = teacher.get("/sessions?search=serie&status=")
    assert "26 sessions" in first.words
    [following] = [link for link in first.links if "after=" in link]
    assert following.startswith("?search=serie&after=")
    second = teacher.get(f"/sessions{following}")
    assert "Série 01" in second.words
    assert [link for link in second.links if "after=" in link] == []
    [back] = [link for link in second.links if "before=" in link]
    assert "Série 25" in teacher.get(f"/sessions{back}").words


def test_before_anybody_begins_the_page_says_it_follows_by_itself(teacher: Visitor, school: School) -> None:
    session = school.session([school.validated("Cas vu")], name="Vide")
    page = teacher.get(f"/sessions/{session}")
    assert page.headings == ["Vide"]
    assert "Nobody has begun yet." in page.words
    assert "Cas vu" in page.words
    assert f'hx-sse:connect="/sessions/{session}/live" hx-swap="innerMorph"' in page.html


def test_attempts_and_what_was_found_are_shown(meet: Meet, teacher: Visitor, school: School) -> None:
    session = school.session([school.validated("Bloc", ["LBBB", "SINUS_RHYTHM"])])
    done, late, busy = (meet(Role.STUDENT) for _ in range(3))
    attempt = school.handed_in(session, done)
    overdue = school.begun(session, late)
    school.change(Attempt, overdue, deadline_at=school.clock() - dt.timedelta(seconds=1))
    school.services.submissions.settle(key_of(overdue))
    open_one = school.begun(session, busy)
    page = teacher.get(f"/sessions/{session}")
    assert {f"/review/{each}" for each in (attempt, overdue, open_one)} <= set(page.links)
    for word in ("Handed in at the deadline", "In progress", done.name, "Left bundle-branch block"):
        assert word in page.words
    assert "Attempts3In progress1Handed in so far2" in page.words
    assert "25 / 100" in page.words


def test_the_join_code_is_read_out_before_what_students_did(
    meet: Meet, teacher: Visitor, school: School
) -> None:
    session = school.session()
    school.begun(session, meet(Role.STUDENT))
    page = teacher.get(f"/sessions/{session}")
    places = [page.html.index(part) for part in ('class="join-code', 'id="activity"', "<table")]
    assert places == sorted(places)


def test_the_session_is_changed(teacher: Visitor, school: School) -> None:
    session = school.session(name="Avant")
    page = teacher.get(f"/sessions/{session}")
    changed = teacher.press(
        page,
        f"/sessions/{session}/update",
        name="Après",
        objectives="Lire un bloc",
        timeLimitMinutes="45",
        opensAt="2030-07-01T10:00",
        closesAt="2030-07-01T12:00",
        showFeedback=["false"],
        allowRetry=["false", "true"],
    )
    page = teacher.follow(changed)
    assert page.said("done") == ["Saved."]
    row = school.row(TrainingSession, session)
    assert (row.name, row.objectives, row.time_limit_minutes) == ("Après", "Lire un bloc", 45)
    assert (row.show_feedback, row.allow_retry, row.anonymise_titles) == (False, True, True)
    assert row.opens_at == dt.datetime(2030, 7, 1, 8, tzinfo=dt.UTC)
    assert "1 Jul 2030, 10:00" in page.words
    assert page.values["closesAt"] == "2030-07-01T12:00"
    teacher.press(page, f"/sessions/{session}/update", opensAt="", closesAt="")
    assert school.row(TrainingSession, session).opens_at is None


def test_what_is_emptied_becomes_empty(teacher: Visitor, school: School) -> None:
    session = school.session(objectives="À revoir")
    page = teacher.get(f"/sessions/{session}")
    teacher.press(page, f"/sessions/{session}/update", objectives="")
    assert school.row(TrainingSession, session).objectives == ""


@pytest.mark.parametrize(
    "changed, name, said",
    [
        ({"name": ""}, "name", "This field is required."),
        ({"objectives": "o" * 5001}, "objectives", "At most 5000 characters."),
        ({"timeLimitMinutes": "4"}, "timeLimitMinutes", "Choose a value between 5 and 180."),
        ({"timeLimitMinutes": "181"}, "timeLimitMinutes", "Choose a value between 5 and 180."),
        ({"timeLimitMinutes": "x"}, "timeLimitMinutes", "Give a whole number."),
        ({"opensAt": "soon"}, "opensAt", "Give a date and a time."),
        (
            {"opensAt": "2030-07-01T10:00", "closesAt": "2030-07-01T09:00"},
            "closesAt",
            "The session must close after it opens.",
        ),
    ],
)
def test_a_change_that_cannot_be_comes_back_as_it_was_typed(
    teacher: Visitor, school: School, changed: dict[str, str], name: str, said: str
) -> None:
    session = school.session()
    page = teacher.get(f"/sessions/{session}")
    update = f"/sessions/{session}/update"
    answer = teacher.press(page, update, **changed, showFeedback=["false"], allowRetry=["false", "true"])
    again = Page(answer.text)
    assert answer.status_code == 422
    assert again.faults() == []
    assert again.error(name) == f"Error: {said}"
    assert {field: again.values[field] for field in changed} == changed
    fields = again.form(update).fields
    assert ("showFeedback", "true") not in fields
    assert ("allowRetry", "true") in fields
    assert 'class="disclosure" open' in again.html


def test_a_stale_change_overwrites_nothing(teacher: Visitor, school: School) -> None:
    session = school.session(name="Avant")
    stale = teacher.get(f"/sessions/{session}")
    teacher.press(stale, f"/sessions/{session}/update", name="Entre-temps")
    answer = teacher.press(stale, f"/sessions/{session}/update", name="Le mien")
    assert answer.status_code == 409
    page = Page(answer.text)
    assert page.said("care") == ["Someone changed this meanwhile. Reload, then make your change again."]
    assert page.values["name"] == "Le mien"
    assert page.headings == ["Entre-temps"]
    assert 'class="disclosure" open' in page.html


def test_closing_stands_above_the_students_and_each_of_their_buttons_says_whose_it_is(
    teacher: Visitor, student: Visitor, school: School
) -> None:
    session = school.session()
    school.enrolled(session, student)
    page = teacher.get(f"/sessions/{session}")
    assert page.html.index('value="CLOSED"') < page.html.index("/extra-time")
    for name in (f"Save the extra minutes of {student.name}", f"Take {student.name} out"):
        assert f'aria-label="{name}"' in page.html
    assert f"Extra minutes of {student.name}" in page.words


def test_closing_a_session_leaves_those_at_work_their_time(
    teacher: Visitor, student: Visitor, school: School
) -> None:
    session = school.session()
    attempt = school.begun(session, student)
    teacher.press(teacher.get(f"/sessions/{session}"), f"/sessions/{session}/status", ("status", "CLOSED"))
    assert (
        student.leads(f"/attempts/{attempt}/1", {"text": "Flutter", "revision": "0"})
        == f"/attempts/{attempt}/1"
    )
    assert student.get(f"/attempts/{attempt}/1").values["text"] == "Flutter"


def test_a_session_is_closed_opened_and_put_away(teacher: Visitor, school: School) -> None:
    session = school.session()
    action = f"/sessions/{session}/status"
    page = teacher.get(f"/sessions/{session}")
    closed = "The session is closed: nobody can begin any more, and those at work keep their time."
    for button, status, said in [
        ("CLOSED", "closed", closed),
        ("OPEN", "open", "The session is open."),
        ("ARCHIVED", "archived", "The session is put away."),
    ]:
        page = teacher.follow(teacher.press(page, action, ("status", button)))
        assert page.said("done") == [said]
        assert school.row(TrainingSession, session).status == status
    assert ("status", "ARCHIVED") not in page.form(action).buttons
    refused = teacher.post(action, {"status": "GONE"})
    assert refused.said("error") == ["Choose one of the values offered."]


def test_a_student_is_enrolled_by_e_mail(teacher: Visitor, student: Visitor, school: School) -> None:
    session = school.session()
    action = f"/sessions/{session}/enrol"
    enrolled = teacher.press(teacher.get(f"/sessions/{session}"), action, email=student.email)
    assert enrolled.headers["location"] == f"/sessions/{session}#students", "the next is typed at once"
    page = teacher.follow(enrolled)
    assert page.said("done") == [f"{student.name} takes part."]
    assert student.name in page.words
    for typed, said in [
        ("nobody@example.org", "No student has an account with this address."),
        (teacher.email, "No student has an account with this address."),
    ]:
        refused = teacher.post(action, {"email": typed})
        assert refused.error("email") == f"Error: {said}"
        assert refused.values["email"] == typed
        assert 'tabindex="-1" data-focus' in refused.html
    assert school.count(Enrolment, session_id=key_of(session)) == 1


def test_an_empty_address_enrols_nobody(teacher: Visitor, school: School) -> None:
    session = school.session()
    teacher.post(f"/sessions/{session}/enrol", {"email": ""})
    assert school.count(Enrolment, session_id=key_of(session)) == 0


def test_extra_time_moves_the_deadline_at_once(teacher: Visitor, student: Visitor, school: School) -> None:
    session = school.session()
    attempt = school.begun(session, student)
    before = school.row(Attempt, attempt).deadline_at
    page = teacher.get(f"/sessions/{session}")
    page = teacher.follow(teacher.press(page, f"/sessions/{session}/extra-time", extraMinutes="15"))
    assert page.said("done") == ["The extra time is saved."]
    assert page.values["extraMinutes"] == "15"
    assert school.row(Attempt, attempt).deadline_at - before == dt.timedelta(minutes=15)


@pytest.mark.parametrize(
    "typed, said",
    [
        ("181", "Choose a value between 0 and 180."),
        ("-1", "Choose a value between 0 and 180."),
        ("ten", "Give a whole number."),
        ("", "This field is required."),
    ],
)
def test_extra_time_that_cannot_be_stays_beside_its_student(
    meet: Meet, teacher: Visitor, school: School, typed: str, said: str
) -> None:
    session = school.session()
    for _ in range(2):
        school.enrolled(session, meet(Role.STUDENT))
    page = teacher.get(f"/sessions/{session}")
    answer = teacher.press(page, f"/sessions/{session}/extra-time", extraMinutes=typed)
    again = Page(answer.text)
    assert answer.status_code == 422
    assert again.faults() == []
    assert (again.error("extra_1"), again.error("extra_2")) == (f"Error: {said}", "")
    typed_in = [value for form in again.forms for name, value in form.fields if name == "extraMinutes"]
    assert typed_in == [typed, "0"]


def test_participants_come_page_by_page_and_a_form_comes_back_to_its_page(
    meet: Meet, teacher: Visitor, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.pages.sessions.PARTICIPANTS", 2)
    session, students = school.session(), [meet(Role.STUDENT) for _ in range(3)]
    for each in students:
        school.enrolled(session, each)

    def there(page: Page) -> list[str]:
        return [each.name for each in students if each.name in page.words]

    first = teacher.get(f"/sessions/{session}")
    assert there(first) == [each.name for each in students[:2]]
    [following] = [link for link in first.links if "after=" in link]
    second = teacher.get(following)
    assert there(second) == [students[2].name]
    action = following.replace("?", "/extra-time?")
    wrong = Page(teacher.press(second, action, extraMinutes="181").text)
    assert there(wrong) == [students[2].name]
    assert wrong.error("extra_1") != ""
    [back] = [link for link in wrong.links if "before=" in link]
    assert there(teacher.get(back)) == [each.name for each in students[:2]]
    saved = teacher.follow(teacher.press(second, action, extraMinutes="15"))
    assert (there(saved), saved.values["extraMinutes"]) == ([students[2].name], "15")
    emptied = teacher.follow(teacher.press(second, following.replace("?", "/remove?")))
    assert there(emptied) == []
    [back] = [link for link in emptied.links if link.startswith(f"/sessions/{session}?")]
    assert there(teacher.get(back)) == [each.name for each in students[:2]]


def test_who_has_not_begun_is_taken_out_and_who_has_stays(
    meet: Meet, teacher: Visitor, school: School
) -> None:
    session = school.session()
    idle, busy = meet(Role.STUDENT), meet(Role.STUDENT)
    school.enrolled(session, idle)
    school.begun(session, busy)
    action = f"/sessions/{session}/remove"
    page = teacher.follow(teacher.press(teacher.get(f"/sessions/{session}"), action))
    assert page.said("done") == ["The student was taken out."]
    assert idle.name not in page.words
    answer = teacher.press(page, action)
    assert answer.status_code == 409
    refused = Page(answer.text)
    assert refused.said("care") == ["A student has begun already, so this cannot be changed any more."]
    assert school.count(Enrolment, session_id=key_of(session)) == 1


@pytest.mark.parametrize("form", [{}, {"enrolmentId": "x", "extraMinutes": "5"}])
def test_what_is_no_enrolment_is_refused(teacher: Visitor, school: School, form: dict[str, str]) -> None:
    session = school.session()
    for action in ("extra-time", "remove"):
        assert teacher.ask(f"/sessions/{session}/{action}", form).status_code == (404 if form else 422)


def test_the_teacher_reads_an_attempt_with_its_correction(
    teacher: Visitor, student: Visitor, school: School
) -> None:
    session = school.session([school.validated("Bloc lu")], name="Revue", show_feedback=False)
    attempt = school.handed_in(session, student)
    page = teacher.get(f"/review/{attempt}")
    assert f"/sessions/{session}" in page.links
    assert page.headings == [f"{student.name} · Revue"]
    assert "100 / 100" in page.words
    assert "Bloc lu" in page.words
    assert 'data-verdict="found"' in page.html


def test_the_teacher_looks_on_while_a_student_writes(
    teacher: Visitor, student: Visitor, school: School
) -> None:
    attempt = school.begun(school.session(), student)
    school.answered(attempt, student, "Je commence")
    page = teacher.get(f"/review/{attempt}")
    assert "In progress" in page.words
    assert "Je commence" in page.words
    assert "/ 100" not in page.words


def test_htmx_gets_the_session_without_its_frame(teacher: Visitor, school: School) -> None:
    session = school.session()
    part = teacher.part(f"/sessions/{session}")
    assert part.headings == teacher.get(f"/sessions/{session}").headings
