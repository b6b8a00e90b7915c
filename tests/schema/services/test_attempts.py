import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from schema.database import Database
from schema.errors import ConflictError, DomainError, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import AuditEvent
from schema.models.training import Answer, Attempt, SessionStatus, TrainingSession
from schema.policy import Actor, Role
from schema.services import events
from schema.services.annotations import Annotations, NewAnnotation
from schema.services.answers import Draft
from schema.services.attempts import Attempts, Standing, topic
from schema.services.cases import Cases
from schema.services.deadlines import SUBMIT_JOB
from schema.services.enrolments import Enrolments
from schema.services.grading import Grader
from schema.services.jobs import run_due
from schema.services.sessions import Sessions
from schema.services.submission import Submissions
from tests.schema.people import StoppedClock, actor_of
from tests.schema.training import Hospital, descriptive, weighted


@pytest.fixture
def hospital(database: Database, clock: StoppedClock, tmp_path: Path) -> Hospital:
    return Hospital(database, clock, tmp_path)


def answers(hospital: Hospital, attempt: Attempt) -> list[Answer]:
    with hospital.database.read() as session:
        rows = select(Answer).where(Answer.attempt_id == attempt.id)
        return list(session.exec(rows.order_by(col(Answer.position))))


def start(hospital: Hospital, enrolment_id: int | None, actor: Actor) -> Attempt:
    with hospital.database.write() as session:
        return Attempts(session, actor, hospital.clock).start(enrolment_id or 0)


def set_status(hospital: Hospital, training: TrainingSession, status: SessionStatus) -> None:
    with hospital.database.write() as session:
        Sessions(session, hospital.teacher, hospital.clock).set_status(training.id or 0, status)


def work_off_jobs(hospital: Hospital) -> int:
    handlers = {SUBMIT_JOB: hospital.submissions.at_deadline}
    return run_due(hospital.database, handlers, hospital.clock, 10)


def all_at_once(work: Callable[[int], object], count: int = 8) -> tuple[list[object], list[DomainError]]:
    """Return what eight threads got and what they were refused with."""
    begin, results, refusals = threading.Barrier(count), list[object](), list[DomainError]()

    def run(number: int) -> None:
        begin.wait()
        try:
            results.append(work(number))
        except DomainError as error:
            refusals.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) + len(refusals) == count
    return results, refusals


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


def test_a_save_is_acknowledged_with_its_revision(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    saved = hospital.save(student, attempt, "Bloc de branche gauche", picked=["LBBB", "SINUS_RHYTHM", "LBBB"])
    stored = answers(hospital, attempt)[0]
    assert saved == stored
    assert (stored.text, stored.concept_ids) == ("Bloc de branche gauche", ["LBBB", "SINUS_RHYTHM"])
    assert (stored.revision, stored.saved_at) == (1, hospital.clock())


def test_a_save_from_a_second_device_that_has_not_seen_the_first_is_refused(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "Téléphone", revision=0)
    hospital.save(student, attempt, "Téléphone, suite", revision=1)
    with pytest.raises(ConflictError) as caught:
        hospital.save(student, attempt, "Ordinateur", revision=0)
    assert (caught.value.code, caught.value.current) == ("answer_changed", 2)
    assert answers(hospital, attempt)[0].text == "Téléphone, suite"
    assert hospital.save(student, attempt, "Ordinateur", revision=2).revision == 3


def test_of_eight_saves_of_one_revision_at_once_one_is_kept(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    saved, refused = all_at_once(lambda number: hospital.save(student, attempt, f"Version {number}").text)
    assert [error.current for error in refused if isinstance(error, ConflictError)] == [1] * 7
    assert [answer.text for answer in answers(hospital, attempt)] == saved


def test_a_save_whose_acknowledgement_was_lost_can_be_repeated(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    for _ in range(2):
        assert hospital.save(student, attempt, "BBG", picked=["LBBB"]).revision == 1


def test_a_save_costs_two_statements_and_one_commit(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "BBG")
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement.split(maxsplit=1)[0])

    def commit(_connection: object) -> None:
        seen.append("COMMIT")

    event.listen(hospital.database.engine, "before_cursor_execute", note)
    event.listen(hospital.database.engine, "commit", commit)
    hospital.save(student, attempt, "BBG, sinusal", revision=1)
    assert [each for each in seen if each != "BEGIN"] == ["SELECT", "UPDATE", "COMMIT"]


def test_a_save_names_its_faults(hospital: Hospital) -> None:
    with pytest.raises(ValidationFailedError) as caught:
        Draft.checked("x" * 20_001, ["LBBB", "NOT_A_CONCEPT"], hospital.ontology)
    assert [(".".join(p.path), p.code) for p in caught.value.problems] == [
        ("text", "too_long"),
        ("conceptIds.1", "unknown_concept"),
    ]
    assert len(Draft.checked("x" * 20_000, [], hospital.ontology).text) == 20_000


def test_a_place_beyond_the_last_case_is_missing(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    for position in (0, 2):
        with pytest.raises(NotFoundError):
            hospital.save(student, attempt, "BBG", position=position)


def test_a_save_counts_up_to_the_last_instant_before_the_deadline(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(time_limit_minutes=20), student)
    hospital.clock.pass_(minutes=20, microseconds=-1)
    hospital.save(student, attempt, "BBG")
    hospital.clock.pass_(microseconds=1)
    with pytest.raises(ConflictError, match="deadline_passed"):
        hospital.save(student, attempt, "BBG, rythme sinusal", revision=1)
    assert answers(hospital, attempt)[0].text == "BBG"


def test_nothing_is_saved_after_handing_in(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    with pytest.raises(ConflictError, match="already_submitted"):
        hospital.save(student, attempt, "BBG")


def test_the_score_is_the_mean_of_the_cases_out_of_100(hospital: Hospital) -> None:
    """First case: 1.0 of 1.5 found, 66.7; second: nothing; 66.7 / 2 = 33.35."""
    first = hospital.case(
        "A", [weighted("LBBB", 1.0), weighted("AV_BLOCK_1", 0.5), descriptive("AXIS_NORMAL")]
    )
    second = hospital.case("B", ["ATRIAL_FIBRILLATION"])
    student = hospital.student()
    attempt = hospital.started(hospital.training([first, second]), student)
    hospital.save(student, attempt, "Bloc de branche gauche")
    submitted = hospital.submissions.submit(student, attempt.id or 0, "key")
    assert submitted.score == pytest.approx(33.35)
    assert [answer.score for answer in answers(hospital, attempt)] == [66.7, 0.0]
    assert (submitted.submitted_at, submitted.submission_cause) == (hospital.clock(), "student")


def test_a_mark_is_kept_with_its_reasons_and_all_it_depends_on(hospital: Hospital) -> None:
    case = hospital.case("A", ["LBBB", "AV_BLOCK_1", "SINUS_RHYTHM"])
    student = hospital.student()
    attempt = hospital.started(hospital.training([case]), student)
    text = "Bloc de branche gauche. Fibrillation atriale."
    hospital.save(student, attempt, text, picked=["AV_BLOCK_1"])
    hospital.submissions.submit(student, attempt.id or 0, "key")
    grade = answers(hospital, attempt)[0].grade or {}
    verdicts = {item["concept"]: (item["verdict"], item["spans"]) for item in grade["items"]}
    assert verdicts["LBBB"] == ("found", [[0, 22]])
    assert verdicts["AV_BLOCK_1"] == ("found", [])
    assert verdicts["SINUS_RHYTHM"] == ("contradicted", [[24, 44]])
    assert [claim["concept"] for claim in grade["wrong"]] == ["ATRIAL_FIBRILLATION"]
    assert grade["picked"] == ["AV_BLOCK_1"]
    assert grade["key_revision"] == case.revision
    assert grade["ontology_version"] == hospital.ontology.version
    assert grade["matcher_version"] == hospital.matcher.version
    assert grade["grader_version"]


def test_the_key_is_the_pinned_revisions(hospital: Hospital) -> None:
    case = hospital.case("A", ["LBBB"])
    training, student = hospital.training([case]), hospital.student()
    with hospital.database.write() as session:
        cases = Cases(session, hospital.teacher, hospital.clock, hospital.ontology)
        Annotations(session, cases, hospital.clock, hospital.ontology).add(
            case.id or 0, [NewAnnotation("LVH")]
        )
    attempt = hospital.started(training, student)
    hospital.save(student, attempt, "BBG")
    assert hospital.submissions.submit(student, attempt.id or 0, "key").score == 100.0


def test_handing_in_twice_with_one_key_is_one_submission(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    first = hospital.submissions.submit(student, attempt.id or 0, "key")
    hospital.clock.pass_(minutes=1)
    assert hospital.submissions.submit(student, attempt.id or 0, "key") == first
    with pytest.raises(ConflictError, match="already_submitted"):
        hospital.submissions.submit(student, attempt.id or 0, "another key")


@pytest.mark.parametrize("key", ["", " ", "x" * 201])
def test_handing_in_needs_a_key(hospital: Hospital, key: str) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    with pytest.raises(ValidationFailedError):
        hospital.submissions.submit(student, attempt.id or 0, key)


def test_of_eight_submissions_with_different_keys_one_counts(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    hospital.save(student, attempt, "BBG")
    done, refused = all_at_once(
        lambda number: hospital.submissions.submit(student, attempt.id or 0, f"key {number}").idempotency_key
    )
    assert len(done) == 1
    assert {str(error) for error in refused} == {"already_submitted"}
    assert hospital.attempt(attempt).idempotency_key == done[0]
    with hospital.database.read() as session:
        recorded = select(AuditEvent).where(AuditEvent.action == "attempt.submitted")
        assert len(session.exec(recorded).all()) == 1
        told = [event.kind for event in events.after(session, topic(training.id or 0), 0)]
    assert told == ["started", "saved", "submitted"]


def test_a_save_that_slips_in_while_marking_is_marked_too(hospital: Hospital) -> None:
    """Marks are made before the writing transaction; here a save comes between the two."""
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "Rythme sinusal")
    match = hospital.matcher.match
    slipped: list[int] = []

    class Interrupted:
        version = hospital.matcher.version

        def match(self, text: str) -> object:
            if not slipped:
                slipped.append(hospital.save(student, attempt, "BBG", revision=1).revision)
            return match(text)

    grader = Grader(Interrupted(), hospital.ontology)  # type: ignore[arg-type]
    submissions = Submissions(hospital.database, hospital.clock, grader)
    assert submissions.submit(student, attempt.id or 0, "key").score == 100.0
    assert slipped == [2]


def test_the_deadline_hands_in_what_was_last_acknowledged(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(time_limit_minutes=20), student)
    hospital.save(student, attempt, "BBG")
    hospital.clock.pass_(minutes=19, seconds=59)
    assert work_off_jobs(hospital) == 0
    hospital.clock.pass_(seconds=3)
    assert work_off_jobs(hospital) == 1
    ended = hospital.attempt(attempt)
    assert (ended.submitted_at, ended.submission_cause) == (attempt.deadline_at, "deadline")
    assert (ended.score, ended.idempotency_key) == (100.0, None)


def test_handing_in_after_the_deadline_is_refused_and_the_deadline_counts(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(time_limit_minutes=20), student)
    hospital.clock.pass_(minutes=20)
    with pytest.raises(ConflictError, match="deadline_passed"):
        hospital.submissions.submit(student, attempt.id or 0, "key")
    assert hospital.attempt(attempt).submission_cause == "deadline"


def test_an_overdue_attempt_is_ended_by_whoever_comes_first_and_once(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.clock.pass_(hours=1)
    all_at_once(
        lambda number: work_off_jobs(hospital) if number % 2 else hospital.submissions.settle_overdue()
    )
    assert hospital.attempt(attempt).submission_cause == "deadline"
    with hospital.database.read() as session:
        recorded = select(AuditEvent).where(AuditEvent.action == "attempt.submitted")
        assert len(session.exec(recorded).all()) == 1


def test_extra_time_granted_under_way_moves_the_automatic_end(hospital: Hospital) -> None:
    training, student = hospital.training(time_limit_minutes=20), hospital.student()
    attempt = hospital.started(training, student)
    enrolment = hospital.enrolled(training, student)
    with hospital.database.write() as session:
        Enrolments(session, hospital.teacher, hospital.clock).set_extra_time(enrolment.id or 0, 10)
    hospital.clock.pass_(minutes=20)
    work_off_jobs(hospital)
    assert hospital.attempt(attempt).submitted_at is None
    hospital.clock.pass_(minutes=10)
    work_off_jobs(hospital)
    assert hospital.attempt(attempt).submitted_at == attempt.started_at + timedelta(minutes=30)


def test_a_new_closing_time_moves_the_deadline_of_those_at_work(hospital: Hospital) -> None:
    training = hospital.training(time_limit_minutes=60)
    attempt = hospital.started(training, hospital.student())
    closing = hospital.clock() + timedelta(minutes=30)
    with hospital.database.write() as session:
        teacher = Sessions(session, hospital.teacher, hospital.clock)
        teacher.update(training.id or 0, 1, {"closes_at": closing})
    assert hospital.attempt(attempt).deadline_at == closing


def test_settling_leaves_an_attempt_with_time_left_alone(hospital: Hospital) -> None:
    attempt = hospital.started(hospital.training(), hospital.student())
    hospital.submissions.settle(attempt.id or 0)
    assert hospital.attempt(attempt).submitted_at is None


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
