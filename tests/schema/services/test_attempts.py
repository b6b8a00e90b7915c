from datetime import timedelta

import pytest
from sqlmodel import select

from schema.errors import NotAllowedError, NotFoundError
from schema.models.accounts import AuditEvent
from schema.models.training import Answer, Attempt, SessionStatus, TrainingSession
from schema.policy import Role
from schema.services import events
from schema.services.attempts import Attempts, Standing, topic
from schema.services.enrolments import Enrolments
from tests.schema.people import StoppedClock, actor_of
from tests.schema.training import (
    Hospital,
    all_at_once,
    answers,
    set_status,
    start,
)


def test_another_students_attempt_is_missing(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    enrolment = hospital.enrolled(training, student)
    classmate = hospital.student()
    hospital.enrolled(training, classmate)
    for stranger in (classmate, hospital.actor(Role.TEACHER), hospital.actor(Role.ANALYST)):
        with hospital.database.read() as session, pytest.raises(NotFoundError):
            Attempts(session, stranger, hospital.clock).get(attempt.id or 0)
        with pytest.raises(NotFoundError):
            start(hospital, enrolment.id, stranger)
        with pytest.raises(NotFoundError):
            hospital.save(stranger, attempt, "BBG")
        with pytest.raises(NotFoundError):
            hospital.submissions.submit(stranger, attempt.id or 0, "key")
    assert answers(hospital, attempt)[0].text == ""


def test_the_sessions_teacher_looks_on_but_does_not_answer(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    enrolment = hospital.enrolled(training, student)
    for manager in (hospital.teacher, hospital.actor(Role.ADMIN)):
        with hospital.database.read() as session:
            assert Attempts(session, manager, hospital.clock).get(attempt.id or 0).id == attempt.id
        with pytest.raises(NotAllowedError, match="not_your_attempt"):
            start(hospital, enrolment.id, manager)
        with pytest.raises(NotAllowedError, match="not_your_attempt"):
            hospital.save(manager, attempt, "BBG")
        with pytest.raises(NotAllowedError, match="not_your_attempt"):
            hospital.submissions.submit(manager, attempt.id or 0, "key")


def test_an_outside_system_acts_for_the_participants_it_manages_and_for_no_other(hospital: Hospital) -> None:
    account = hospital.account(Role.TEACHER)
    token = actor_of(account, token_id=1)
    training, student = hospital.training(owner=token), hospital.student()
    with hospital.database.write() as session:
        enrolment = Enrolments(session, token, hospital.clock).enrol_external(
            training.id or 0, "17", "Interne"
        )
    attempt = start(hospital, enrolment.id, token)
    hospital.save(token, attempt, "BBG")
    assert hospital.submissions.submit(token, attempt.id or 0, "key").submission_cause == "student"
    other = hospital.started(training, student)
    with pytest.raises(NotAllowedError, match="not_your_attempt"):
        hospital.save(token, other, "BBG")
    browser = actor_of(account)
    with pytest.raises(NotAllowedError, match="not_your_attempt"):
        hospital.submissions.submit(browser, attempt.id or 0, "key")


def test_an_attempt_begins_with_a_blank_answer_for_each_case(hospital: Hospital) -> None:
    training = hospital.training([hospital.case("A"), hospital.case("B")], time_limit_minutes=20)
    attempt = hospital.started(training, hospital.student())
    assert [(a.position, a.text, a.concept_ids, a.revision) for a in answers(hospital, attempt)] == [
        (1, "", [], 0),
        (2, "", [], 0),
    ]
    assert attempt.started_at == hospital.clock()
    assert attempt.deadline_at == hospital.clock() + timedelta(minutes=20)


def test_an_open_attempt_is_returned_with_everything_saved(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    hospital.save(student, attempt, "Rythme sinusal")
    hospital.clock.pass_(minutes=5)
    resumed = hospital.started(training, student)
    assert (resumed.id, resumed.deadline_at) == (attempt.id, attempt.deadline_at)
    assert answers(hospital, resumed)[0].text == "Rythme sinusal"


def test_eight_starts_at_once_begin_one_attempt(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    enrolment = hospital.enrolled(training, student)
    begun, refused = all_at_once(lambda _: start(hospital, enrolment.id, student).id)
    assert not refused
    assert len(set(begun)) == 1
    with hospital.database.read() as session:
        assert len(session.exec(select(Attempt)).all()) == 1
        assert len(session.exec(select(Answer)).all()) == 1


@pytest.mark.parametrize("closing, extra, minutes", [(None, 0, 20), (15, 0, 15), (30, 0, 20), (15, 10, 25)])
def test_the_deadline_is_the_limit_or_the_closing_then_the_extra_time(
    hospital: Hospital, closing: int | None, extra: int, minutes: int
) -> None:
    closes_at = None if closing is None else hospital.clock() + timedelta(minutes=closing)
    training = hospital.training(time_limit_minutes=20, closes_at=closes_at)
    student = hospital.student()
    enrolment = hospital.enrolled(training, student)
    with hospital.database.write() as session:
        Enrolments(session, hospital.teacher, hospital.clock).set_extra_time(enrolment.id or 0, extra)
    attempt = start(hospital, enrolment.id, student)
    assert attempt.deadline_at - attempt.started_at == timedelta(minutes=minutes)


def test_a_session_that_is_not_open_cannot_be_begun(hospital: Hospital) -> None:
    case, student = hospital.case(), hospital.student()
    opening = hospital.clock() + timedelta(hours=1)
    later = hospital.enrolled(hospital.training([case], opens_at=opening), student)
    with pytest.raises(NotAllowedError, match="session_not_open_yet"):
        start(hospital, later.id, student)
    for status in (SessionStatus.CLOSED, SessionStatus.ARCHIVED):
        training = hospital.training([case])
        enrolment = hospital.enrolled(training, student)
        set_status(hospital, training, status)
        with pytest.raises(NotAllowedError, match=f"session_{status.value}"):
            start(hospital, enrolment.id, student)


def test_closing_a_session_lets_those_at_work_finish(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    set_status(hospital, training, SessionStatus.CLOSED)
    assert hospital.started(training, student).id == attempt.id
    hospital.save(student, attempt, "BBG")
    assert hospital.submissions.submit(student, attempt.id or 0, "key").score == 100.0


def test_a_second_attempt_needs_the_sessions_leave(hospital: Hospital) -> None:
    case, student = hospital.case(), hospital.student()
    once, again = hospital.training([case]), hospital.training([case], allow_retry=True)
    for training in (once, again):
        attempt = hospital.started(training, student)
        hospital.submissions.submit(student, attempt.id or 0, "key")
    with pytest.raises(NotAllowedError, match="no_retry"):
        hospital.started(once, student)
    assert hospital.started(again, student).number == 2


@pytest.mark.parametrize(
    "acts, manages, submitted, show_feedback, another_open, seen",
    [
        (True, False, False, True, False, False),
        (True, False, True, True, False, True),
        (True, False, True, False, False, False),
        (True, False, True, True, True, False),
        (False, True, False, False, True, True),
        (True, True, False, True, False, False),
        (True, True, True, False, True, True),
    ],
)
def test_the_key_is_shown_to_managers_and_to_students_once_nothing_is_at_stake(
    *, acts: bool, manages: bool, submitted: bool, show_feedback: bool, another_open: bool, seen: bool
) -> None:
    at = StoppedClock().at
    attempt = Attempt(
        session_id=1,
        account_id=1,
        number=1,
        started_at=at,
        deadline_at=at,
        submitted_at=at if submitted else None,
    )
    training = TrainingSession(
        owner_id=1,
        name="",
        difficulty="beginner",
        time_limit_minutes=5,
        join_code="",
        show_feedback=show_feedback,
    )
    assert Standing(acts=acts, manages=manages).sees_key(attempt, training, another_open=another_open) == seen


def test_beginnings_and_ends_are_on_record_and_saves_are_not(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    hospital.save(student, attempt, "BBG")
    hospital.save(student, attempt, "BBG, sinusal", revision=1)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    with hospital.database.read() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.target_type == "Attempt")).all()
        told = [(e.kind, e.payload) for e in events.after(session, topic(training.id or 0), 0)]
    assert [(row.action, row.actor_id) for row in rows] == [
        ("attempt.started", student.account_id),
        ("attempt.submitted", student.account_id),
    ]
    assert told == [(kind, {"attempt_id": attempt.id}) for kind in ("started", "saved", "submitted")]
