import contextlib
import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from schema.errors import ConflictError, ValidationFailedError
from schema.models.accounts import AuditEvent
from schema.models.training import Answer
from schema.services import events
from schema.services.annotations import Annotations, NewAnnotation
from schema.services.attempts import topic
from schema.services.cases import Cases
from schema.services.enrolments import Enrolments
from schema.services.grading import Grader
from schema.services.sessions import Sessions
from schema.services.submission import Submissions
from tests.schema.shelves import fixed_shelf
from tests.schema.training import (
    Hospital,
    all_at_once,
    answers,
    descriptive,
    weighted,
    work_off_jobs,
)


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
    case = hospital.case("A", ["LBBB", "LVH", "SINUS_RHYTHM"])
    student = hospital.student()
    attempt = hospital.started(hospital.training([case]), student)
    text = "Bloc de branche gauche. Fibrillation atriale."
    hospital.save(student, attempt, text, picked=["LVH"])
    hospital.submissions.submit(student, attempt.id or 0, "key")
    grade = answers(hospital, attempt)[0].grade or {}
    verdicts = {item["concept"]: (item["verdict"], item["spans"]) for item in grade["items"]}
    assert verdicts["LBBB"] == ("found", [[0, 22]])
    assert verdicts["LVH"] == ("found", [])
    assert verdicts["SINUS_RHYTHM"] == ("contradicted", [[24, 44]])
    assert [claim["concept"] for claim in grade["wrong"]] == ["ATRIAL_FIBRILLATION"]
    assert grade["picked"] == ["LVH"]
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
        takes_long = False

        def match(self, text: str, *, at_once: bool) -> object:
            assert at_once is bool(slipped)
            if not slipped:
                slipped.append(hospital.save(student, attempt, "BBG", revision=1).revision)
            return match(text)

    grader = Grader(fixed_shelf(Interrupted(), hospital.ontology))  # type: ignore[arg-type]
    submissions = Submissions(hospital.database, hospital.clock, grader)
    assert submissions.submit(student, attempt.id or 0, "key").score == 100.0
    assert slipped == [2]


@pytest.mark.parametrize("_round", range(5))
def test_what_is_marked_is_what_was_acknowledged_however_saving_and_handing_in_meet(
    hospital: Hospital, _round: int
) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    acknowledged: list[Answer] = []
    saving = threading.Event()

    def save_until_refused() -> None:
        with contextlib.suppress(ConflictError):
            while True:
                text = "BBG" if len(acknowledged) % 2 else "Rien à signaler"
                acknowledged.append(hospital.save(student, attempt, text, revision=len(acknowledged)))
                saving.set()

    saver = threading.Thread(target=save_until_refused)
    saver.start()
    saving.wait()
    hospital.submissions.submit(student, attempt.id or 0, "key")
    saver.join()
    (kept,) = answers(hospital, attempt)
    assert (kept.text, kept.revision) == (acknowledged[-1].text, acknowledged[-1].revision)
    assert kept.score == (100.0 if kept.text == "BBG" else 0.0)


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


def test_extra_time_taken_back_hands_in_though_the_first_deadline_found_nothing_to_do(
    hospital: Hospital,
) -> None:
    training, student = hospital.training(time_limit_minutes=20), hospital.student()
    attempt = hospital.started(training, student)
    enrolment = hospital.enrolled(training, student)

    def grant(minutes: int) -> None:
        with hospital.database.write() as session:
            enrolments = Enrolments(session, hospital.teacher, hospital.clock)
            enrolments.set_extra_time(enrolment.id or 0, minutes)

    grant(30)
    hospital.clock.pass_(minutes=21)
    work_off_jobs(hospital)
    assert hospital.attempt(attempt).submitted_at is None
    grant(0)
    work_off_jobs(hospital)
    assert hospital.attempt(attempt).submitted_at == attempt.started_at + timedelta(minutes=20)


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
