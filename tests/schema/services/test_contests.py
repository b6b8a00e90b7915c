"""Contests and rulings, by whoever may, on marks that may be seen."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import col, select

from ml.language.masking import Masker
from ml.language.ruling import RuledVerdict
from schema.errors import ConflictError, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.models.contests import Contest, ContestState
from schema.models.training import Answer, Attempt, SessionStatus, TrainingSession
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services import events
from schema.services.attempts import topic
from schema.services.contests import (
    LONGEST_STATEMENT,
    ContestFilter,
    Contests,
    ContestSort,
    Ruling,
    ruled_examples,
    with_rulings,
)
from schema.services.enrolments import Enrolments
from schema.services.results import session_results
from tests.schema.training import Hospital, all_at_once, answers, set_status, start

TEXT = "Fibrillation atriale, hypertrophie ventriculaire gauche"
FOUND, PARTIAL, MISSED = RuledVerdict.FOUND, RuledVerdict.PARTIAL, RuledVerdict.MISSED


def corrected(hospital: Hospital, **fields: Any) -> tuple[TrainingSession, Actor, Attempt]:
    """Return a session of one case and a student's attempt at it, handed in: 0 of 100.

    Of its mark, LBBB is missed, sinus rhythm contradicted, the fibrillation wrong, the hypertrophy extra.
    """
    case = hospital.case("A", ["LBBB", "SINUS_RHYTHM"])
    training, student = hospital.training([case], **fields), hospital.student()
    attempt = hospital.started(training, student)
    hospital.save(student, attempt, TEXT)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    return training, student, attempt


def contested(
    hospital: Hospital, attempt: Attempt, actor: Actor, concept: str = "LBBB", said: str = "Écrit ligne 2."
) -> Contest:
    (answer,) = answers(hospital, attempt)
    with hospital.database.write() as session:
        return Contests(session, actor, hospital.clock).contest(answer.id or 0, concept, said)[0]


def ruled(
    hospital: Hospital,
    contest: Contest,
    verdict: RuledVerdict = FOUND,
    explanation: str = "",
    *,
    actor: Actor | None = None,
    revision: int | None = None,
) -> Contest:
    given = Ruling(verdict, explanation)
    with hospital.database.write() as session:
        contests = Contests(session, actor or hospital.teacher, hospital.clock)
        return contests.rule(contest.id or 0, revision or contest.revision, given)[0]


def seen(hospital: Hospital, contest: Contest, actor: Actor) -> Contest:
    with hospital.database.read() as session:
        return Contests(session, actor, hospital.clock).get(contest.id or 0)[0]


def listed(hospital: Hospital, actor: Actor, chosen: ContestFilter | None = None, **order: Any) -> list[str]:
    """Return the concepts of a listing in its order."""
    sort, descending = order.get("sort", ContestSort.STATE), order.get("descending", False)
    with hospital.database.read() as session:
        page = Contests(session, actor, hospital.clock).page(
            chosen or ContestFilter(), sort, PageRequest.of(10, None, None, None), descending=descending
        )
        assert page.count() == len(page.rows)
        return [row.Contest.concept_id for row in page.rows]


def scores(hospital: Hospital, attempt: Attempt) -> tuple[float | None, list[float | None]]:
    stored = [answer.score for answer in answers(hospital, attempt)]
    return hospital.attempt(attempt).score, stored


def test_a_stranger_contests_and_rules_on_nothing(hospital: Hospital) -> None:
    training, student, attempt = corrected(hospital)
    made = contested(hospital, attempt, student)
    classmate = hospital.student()
    hospital.started(training, classmate)
    for stranger in (classmate, hospital.actor(Role.TEACHER), hospital.actor(Role.EXPERT)):
        with pytest.raises(NotFoundError):
            contested(hospital, attempt, stranger, "SINUS_RHYTHM")
        with pytest.raises(NotFoundError):
            seen(hospital, made, stranger)
        with pytest.raises(NotFoundError):
            ruled(hospital, made, actor=stranger)
        assert listed(hospital, stranger) == []
    with pytest.raises(NotFoundError):
        ruled(hospital, Contest(id=999, answer_id=1, concept_id="LBBB", created_at=hospital.clock()))


def test_only_the_student_contests_and_only_the_teacher_rules(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    with pytest.raises(NotAllowedError, match="not_your_mark"):
        contested(hospital, attempt, hospital.teacher)
    made = contested(hospital, attempt, student)
    with pytest.raises(NotAllowedError):
        ruled(hospital, made, actor=student)
    assert seen(hospital, made, student).statement == "Écrit ligne 2."
    admin = hospital.actor(Role.ADMIN)
    assert listed(hospital, hospital.teacher) == listed(hospital, admin) == ["LBBB"]
    assert ruled(hospital, made, actor=admin).ruled_by_id == admin.account_id


def test_whatever_the_mark_names_can_be_contested_and_nothing_else(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    for concept in ("LBBB", "SINUS_RHYTHM", "ATRIAL_FIBRILLATION", "LVH"):
        made = contested(hospital, attempt, student, concept)
        assert (made.state, made.verdict, made.revision) == ("open", None, 1)
    for other in ("AV_BLOCK_1", "", "nothing\0"):
        with pytest.raises(ValidationFailedError, match="conceptId:not_in_grade"):
            contested(hospital, attempt, student, other)


def test_an_attempt_under_way_is_not_contested(hospital: Hospital) -> None:
    """Not even to find out what its key holds."""
    training, student = hospital.training(), hospital.student()
    attempt = hospital.started(training, student)
    for concept in ("LBBB", "AV_BLOCK_1"):
        with pytest.raises(NotAllowedError, match="not_corrected"):
            contested(hospital, attempt, student, concept)


def test_without_feedback_nothing_is_contested(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital, show_feedback=False)
    with pytest.raises(NotAllowedError, match="not_corrected"):
        contested(hospital, attempt, student)


def test_while_another_attempt_is_open_a_contest_tells_nothing_of_the_key(hospital: Hospital) -> None:
    training, student, attempt = corrected(hospital, allow_retry=True)
    made = contested(hospital, attempt, student)
    start(hospital, hospital.enrolled(training, student).id, student)
    with pytest.raises(NotFoundError):
        seen(hospital, made, student)
    with pytest.raises(NotAllowedError, match="not_corrected"):
        contested(hospital, attempt, student, "SINUS_RHYTHM")
    assert seen(hospital, made, hospital.teacher).concept_id == "LBBB"
    assert ruled(hospital, made).state == "upheld"


def test_a_session_put_away_takes_no_contest_and_those_made_are_still_ruled_on(hospital: Hospital) -> None:
    training, student, attempt = corrected(hospital)
    made = contested(hospital, attempt, student)
    set_status(hospital, training, SessionStatus.CLOSED)
    contested(hospital, attempt, student, "SINUS_RHYTHM")
    set_status(hospital, training, SessionStatus.ARCHIVED)
    with pytest.raises(NotAllowedError, match="session_archived"):
        contested(hospital, attempt, student, "LVH")
    assert ruled(hospital, made).state == "upheld"


def test_an_outside_system_contests_for_its_participant(hospital: Hospital) -> None:
    system = hospital.actor(Role.TEACHER, token_id=1)
    training = hospital.training(owner=system)
    with hospital.database.write() as session:
        enrolment = Enrolments(session, system, hospital.clock).enrol_external(training.id or 0, "p1", "Lina")
    attempt = start(hospital, enrolment.id, system)
    hospital.submissions.submit(system, attempt.id or 0, "key")
    made = contested(hospital, attempt, system)
    assert ruled(hospital, made, actor=system).state == "upheld"
    browser = replace(system, token_id=None)
    with pytest.raises(NotAllowedError, match="not_your_mark"):
        contested(hospital, attempt, browser)


def test_contesting_twice_in_the_same_words_is_one_contest(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    first = contested(hospital, attempt, student, said=" Écrit\r\nligne 2. ")
    assert first.statement == "Écrit\nligne 2."
    assert contested(hospital, attempt, student, said="Écrit\nligne 2.").id == first.id
    ruled(hospital, first, MISSED, "Non.")
    assert contested(hospital, attempt, student, said="Écrit\nligne 2.").state == "dismissed"
    with pytest.raises(ConflictError, match="already_contested"):
        contested(hospital, attempt, student, said="Si.")


def test_of_eight_contests_of_one_concept_one_is_kept(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    done, refused = all_at_once(lambda _: contested(hospital, attempt, student).id)
    assert (len(set(done)), refused) == (1, [])
    with hospital.database.read() as session:
        recorded = select(AuditEvent).where(AuditEvent.action == "contest.made")
        assert len(session.exec(recorded).all()) == 1


def test_a_statement_is_optional_and_bounded(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    assert contested(hospital, attempt, student, said="").statement == ""
    with pytest.raises(ValidationFailedError, match="statement:too_long"):
        contested(hospital, attempt, student, "LVH", "x" * (LONGEST_STATEMENT + 1))


def test_a_ruling_fixes_the_mark_and_all_that_follows_from_it(hospital: Hospital) -> None:
    """LBBB found, sinus rhythm contradicted: 1 / 2 is 50."""
    training, student, attempt = corrected(hospital)
    made = contested(hospital, attempt, student)
    assert scores(hospital, attempt) == (0.0, [0.0])
    hospital.clock.pass_(hours=1)
    settled = ruled(hospital, made, FOUND, "Vu ligne 2.")
    assert (settled.state, settled.verdict, settled.explanation) == ("upheld", "found", "Vu ligne 2.")
    assert (settled.ruled_by_id, settled.ruled_at) == (hospital.teacher.account_id, hospital.clock())
    assert settled.revision == made.revision + 1
    assert scores(hospital, attempt) == (50.0, [50.0])
    with hospital.database.read() as session:
        results = session_results(session, training.id or 0)
    (item,) = results.items
    assert (results.average_score, item.average_score) == (50.0, 50.0)
    assert [(each.concept_id, each.found, each.missed) for each in item.concepts] == [
        ("LBBB", 1, 0),
        ("SINUS_RHYTHM", 0, 0),
    ]


def test_the_attempts_mark_stays_the_mean_of_its_answers(hospital: Hospital) -> None:
    cases = [hospital.case("A", ["LBBB"]), hospital.case("B", ["LBBB"]), hospital.case("C", ["LVH"])]
    training, student = hospital.training(cases), hospital.student()
    attempt = hospital.started(training, student)
    hospital.save(student, attempt, "BBG", position=2)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    first = answers(hospital, attempt)[0]
    with hospital.database.write() as session:
        contests = Contests(session, student, hospital.clock)
        made, _ = contests.contest(first.id or 0, "LBBB", "")
    ruled(hospital, made, PARTIAL)
    assert scores(hospital, attempt) == (50.0, [50.0, 100.0, 0.0])


def test_two_rulings_on_one_answer_add_up_whatever_their_order(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    made = [contested(hospital, attempt, student, concept) for concept in ("LBBB", "SINUS_RHYTHM")]
    ruled(hospital, made[1])
    ruled(hospital, made[0], PARTIAL)
    assert scores(hospital, attempt) == (75.0, [75.0])
    ruled(hospital, made[1], MISSED, "Relu.", revision=2)
    assert scores(hospital, attempt) == (25.0, [25.0])


def test_rulings_made_at_once_are_all_counted(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    made = [contested(hospital, attempt, student, concept) for concept in ("LBBB", "SINUS_RHYTHM")]
    done, refused = all_at_once(lambda number: ruled(hospital, made[number]), 2)
    assert (len(done), refused) == (2, [])
    assert scores(hospital, attempt) == (100.0, [100.0])


def test_the_automatic_mark_is_kept_and_a_ruling_outlives_a_new_one(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    before = answers(hospital, attempt)[0].grade or {}
    made = contested(hospital, attempt, student)
    ruled(hospital, made)
    (answer,) = answers(hospital, attempt)
    assert answer.grade == before
    with hospital.database.write() as session:
        row = session.get_one(Answer, answer.id)
        row.grade = {**before, "matcher_version": "newer"}
        session.add(row)
    with hospital.database.read() as session:
        stored = with_rulings(session.get_one(Answer, answer.id), session.exec(select(Contest)).all())
    assert (stored.matcher_version, stored.grade.score, stored.automatic.score) == ("newer", 50.0, 0.0)


def test_dismissing_needs_a_word_and_upholding_does_not(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    made = contested(hospital, attempt, student)
    with pytest.raises(ValidationFailedError, match="explanation:explain_dismissal"):
        ruled(hospital, made, MISSED, " \n")
    assert seen(hospital, made, student).state == "open"
    with pytest.raises(ValidationFailedError, match="explanation:too_long"):
        ruled(hospital, made, FOUND, "x" * 1_001)
    dismissed = ruled(hospital, made, MISSED, "La réponse n’en parle pas.")
    assert (dismissed.state, scores(hospital, attempt)) == ("dismissed", (0.0, [0.0]))


def test_a_verdict_of_the_other_kind_is_refused(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    for concept, verdict in (
        ("LBBB", RuledVerdict.WITHDRAWN),
        ("LVH", FOUND),
        ("ATRIAL_FIBRILLATION", MISSED),
    ):
        made = contested(hospital, attempt, student, concept)
        with pytest.raises(ValidationFailedError, match="verdict:unknown_choice"):
            ruled(hospital, made, verdict)


def test_a_ruling_on_a_stale_contest_is_refused_and_repeating_one_does_nothing(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    made = contested(hospital, attempt, student)
    settled = ruled(hospital, made, FOUND, "Vu.")
    assert ruled(hospital, made, FOUND, "Vu.").revision == settled.revision
    with pytest.raises(ConflictError) as refused:
        ruled(hospital, made, PARTIAL)
    assert refused.value.current == settled.revision
    assert ruled(hospital, settled, PARTIAL).verdict == "partial"


def test_a_contest_and_its_ruling_are_on_record_and_told_to_live_pages(hospital: Hospital) -> None:
    training, student, attempt = corrected(hospital)
    made = contested(hospital, attempt, student, said="Je m’appelle Lina.")
    ruled(hospital, made, FOUND, "Oui, Lina.")
    with hospital.database.read() as session:
        told = [event.kind for event in events.after(session, topic(training.id or 0), 0)]
        recorded = session.exec(select(AuditEvent).where(col(AuditEvent.action).startswith("contest."))).all()
    assert told == ["started", "saved", "submitted", "contested", "ruled"]
    assert [(event.action, event.actor_id) for event in recorded] == [
        ("contest.made", student.account_id),
        ("contest.ruled", hospital.teacher.account_id),
    ]
    assert recorded[1].detail == {
        "session": training.id,
        "concept": "LBBB",
        "automatic": "missed",
        "verdict": "found",
        "state": "upheld",
        "score": 50.0,
    }
    assert "Lina" not in str([event.detail for event in recorded])


def test_open_contests_are_listed_first_and_narrowed(hospital: Hospital) -> None:
    training, student, attempt = corrected(hospital)
    for concept in ("LBBB", "SINUS_RHYTHM", "LVH"):
        hospital.clock.pass_(minutes=1)
        made = contested(hospital, attempt, student, concept)
    ruled(hospital, made, RuledVerdict.WITHDRAWN)
    teacher = hospital.teacher
    assert listed(hospital, teacher) == ["SINUS_RHYTHM", "LBBB", "LVH"]
    assert listed(hospital, teacher, descending=True) == ["LVH", "SINUS_RHYTHM", "LBBB"]
    oldest_first = listed(hospital, teacher, sort=ContestSort.CREATED_AT)
    assert oldest_first == ["LBBB", "SINUS_RHYTHM", "LVH"]
    assert listed(hospital, teacher, ContestFilter(ContestState.UPHELD)) == ["LVH"]
    assert len(listed(hospital, teacher, ContestFilter(session_id=training.id))) == 3
    assert listed(hospital, teacher, ContestFilter(session_id=999)) == []


def test_examples_hold_the_text_and_nothing_of_who_wrote_it(hospital: Hospital) -> None:
    _, student, attempt = corrected(hospital)
    contested(hospital, attempt, student, "SINUS_RHYTHM")
    ruled(hospital, contested(hospital, attempt, student, said="Moi, Lina."), FOUND, "Lina a raison.")
    with hospital.database.read() as session:
        (example,) = ruled_examples(session, Masker(()))
        name = session.get_one(Account, student.account_id).display_name
    assert example == {
        "text": TEXT,
        "picked": [],
        "language": "fr",
        "key": [
            {"concept": "LBBB", "coefficient": 1.0, "role": "scored"},
            {"concept": "SINUS_RHYTHM", "coefficient": 1.0, "role": "scored"},
        ],
        "concept": "LBBB",
        "engine": "missed",
        "ruled": "found",
        "ontology_version": hospital.ontology.version,
        "matcher_version": hospital.matcher.version,
        "grader_version": "4",
    }
    assert name not in str(example)
    assert "Lina" not in str(example)
