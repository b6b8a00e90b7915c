import threading
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from schema.errors import (
    ConflictError,
    DomainError,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.models.accounts import Account
from schema.models.training import Enrolment, SessionStatus, TrainingSession
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services.accounts import Accounts
from schema.services.enrolments import Enrolments
from schema.services.sessions import Sessions, shown_join_code
from tests.schema.people import actor_of
from tests.schema.training import Hospital


def enrolments(hospital: Hospital, session: Session, actor: Actor | None = None) -> Enrolments:
    return Enrolments(session, actor or hospital.teacher, hospital.clock)


def outside_system(hospital: Hospital) -> tuple[Actor, TrainingSession]:
    """Return a learning system's token and a session of its account."""
    account = hospital.account(Role.TEACHER)
    token = actor_of(account, token_id=1)
    return token, hospital.training(owner=token)


def closed(hospital: Hospital, training: TrainingSession) -> None:
    with hospital.database.write() as session:
        teacher = Sessions(session, hospital.teacher, hospital.clock)
        teacher.set_status(training.id or 0, SessionStatus.CLOSED)


def test_nobody_enrols_students_in_a_session_of_somebody_else(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.account(Role.STUDENT)
    for stranger in (hospital.actor(Role.TEACHER), hospital.student()):
        with hospital.database.write() as session, pytest.raises(NotFoundError):
            enrolments(hospital, session, stranger).enrol_student(training.id or 0, student.email or "")


def test_an_enrolment_is_missing_for_strangers_and_only_its_sessions_manager_may_change_it(
    hospital: Hospital,
) -> None:
    training, student = hospital.training(), hospital.student()
    enrolment = hospital.enrolled(training, student)
    for stranger in (hospital.student(), hospital.actor(Role.TEACHER)):
        with hospital.database.write() as session:
            theirs = enrolments(hospital, session, stranger)
            with pytest.raises(NotFoundError):
                theirs.get(enrolment.id or 0)
            with pytest.raises(NotFoundError):
                theirs.set_extra_time(enrolment.id or 0, 30)
            with pytest.raises(NotFoundError):
                theirs.remove(enrolment.id or 0)
    with hospital.database.write() as session:
        own = enrolments(hospital, session, student)
        assert own.get(enrolment.id or 0).account_id == student.account_id
        with pytest.raises(NotAllowedError):
            own.set_extra_time(enrolment.id or 0, 30)
        with pytest.raises(NotAllowedError):
            own.remove(enrolment.id or 0)


def test_a_teacher_enrols_a_student_by_address_once(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.account(Role.STUDENT)
    made = set()
    for typed in (student.email or "", f"  {(student.email or '').upper()} "):
        with hospital.database.write() as session:
            made.add(enrolments(hospital, session).enrol_student(training.id or 0, typed).id)
    assert len(made) == 1


def test_only_students_in_service_can_be_enrolled(hospital: Hospital) -> None:
    training = hospital.training()
    colleague, left = hospital.account(Role.TEACHER), hospital.account(Role.STUDENT)
    with hospital.database.write() as session:
        Accounts(session, hospital.clock).disable(left.id or 0)
    for address in (colleague.email, left.email, "nobody@example.org"):
        with hospital.database.write() as session, pytest.raises(ValidationFailedError) as caught:
            enrolments(hospital, session).enrol_student(training.id or 0, address or "")
        assert [(p.path, p.code) for p in caught.value.problems] == [(("email",), "no_such_student")]


def test_a_student_joins_by_code_however_it_is_typed_and_once(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    codes = (training.join_code, shown_join_code(training.join_code).lower())
    made = set()
    for code in codes:
        with hospital.database.write() as session:
            made.add(enrolments(hospital, session, student).join(code).id)
    assert len(made) == 1


def test_an_unknown_code_is_a_fault_of_its_field(hospital: Hospital) -> None:
    student = hospital.student()
    for code in ("", "AAAA-AAAA", "x" * 10_000):
        with hospital.database.write() as session, pytest.raises(ValidationFailedError) as caught:
            enrolments(hospital, session, student).join(code)
        assert [(p.path, p.code) for p in caught.value.problems] == [(("joinCode",), "unknown_join_code")]


def test_a_closed_session_takes_no_new_student_and_keeps_those_it_has(hospital: Hospital) -> None:
    training, early, late = hospital.training(), hospital.student(), hospital.student()
    enrolment = hospital.enrolled(training, early)
    closed(hospital, training)
    assert hospital.enrolled(training, early).id == enrolment.id
    with pytest.raises(ValidationFailedError) as caught:
        hospital.enrolled(training, late)
    assert [p.code for p in caught.value.problems] == ["session_closed"]


def test_a_student_may_join_before_the_opening(hospital: Hospital) -> None:
    training = hospital.training(opens_at=hospital.clock() + timedelta(days=1))
    assert hospital.enrolled(training, hospital.student()).origin == "join_code"


def test_only_students_join(hospital: Hospital) -> None:
    training = hospital.training()
    for role in set(Role) - {Role.STUDENT}:
        with pytest.raises(NotAllowedError, match="students_only"):
            hospital.enrolled(training, hospital.actor(role))


def test_an_outside_system_enrols_its_participants_under_its_own_names(hospital: Hospital) -> None:
    token, training = outside_system(hospital)
    made = []
    for name in ("Interne 1", "Interne 1 (bis)"):
        with hospital.database.write() as session:
            made.append(enrolments(hospital, session, token).enrol_external(training.id or 0, "lms-17", name))
    assert made[0].id == made[1].id
    with hospital.database.read() as session:
        account = session.exec(select(Account).where(Account.id == made[0].account_id)).one()
    assert (account.role, account.managed_by, account.external_id) == ("student", token.account_id, "lms-17")
    assert (account.display_name, account.email, account.password_hash) == ("Interne 1", None, None)


def test_two_systems_may_use_the_same_name_for_different_people(hospital: Hospital) -> None:
    accounts = set()
    for _ in range(2):
        token, training = outside_system(hospital)
        with hospital.database.write() as session:
            enrolment = enrolments(hospital, session, token).enrol_external(training.id or 0, "17", "Interne")
            accounts.add(enrolment.account_id)
    assert len(accounts) == 2


def test_a_person_in_a_browser_enrols_no_external_participant(hospital: Hospital) -> None:
    training = hospital.training()
    with hospital.database.write() as session, pytest.raises(NotAllowedError, match="tokens_only"):
        enrolments(hospital, session).enrol_external(training.id or 0, "17", "Interne")


@pytest.mark.parametrize(
    "external_id, name, path", [("", "Interne", "externalId"), ("17", " ", "displayName")]
)
def test_a_participant_needs_both_names(hospital: Hospital, external_id: str, name: str, path: str) -> None:
    token, training = outside_system(hospital)
    with hospital.database.write() as session, pytest.raises(ValidationFailedError) as caught:
        enrolments(hospital, session, token).enrol_external(training.id or 0, external_id, name)
    assert [p.path for p in caught.value.problems] == [(path,)]


def test_eight_enrolments_of_one_participant_at_once_make_one(hospital: Hospital) -> None:
    token, training = outside_system(hospital)
    begin, made, failed = threading.Barrier(8), list[int | None](), list[DomainError]()

    def enrol() -> None:
        begin.wait()
        try:
            with hospital.database.write() as session:
                enrolment = enrolments(hospital, session, token).enrol_external(
                    training.id or 0, "17", "Interne"
                )
                made.append(enrolment.id)
        except DomainError as error:
            failed.append(error)

    threads = [threading.Thread(target=enrol) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(made) == 8
    assert len(set(made)) == 1
    with hospital.database.read() as session:
        assert len(session.exec(select(Enrolment)).all()) == 1


@pytest.mark.parametrize("minutes", [-1, 181])
def test_extra_time_is_0_to_180_minutes(hospital: Hospital, minutes: int) -> None:
    enrolment = hospital.enrolled(hospital.training(), hospital.student())
    with hospital.database.write() as session, pytest.raises(ValidationFailedError):
        enrolments(hospital, session).set_extra_time(enrolment.id or 0, minutes)


def test_extra_time_moves_the_deadline_of_an_attempt_under_way(hospital: Hospital) -> None:
    training, student = hospital.training(time_limit_minutes=20), hospital.student()
    attempt = hospital.started(training, student)
    enrolment = hospital.enrolled(training, student)
    with hospital.database.write() as session:
        enrolments(hospital, session).set_extra_time(enrolment.id or 0, 30)
    assert hospital.attempt(attempt).deadline_at == hospital.clock() + timedelta(minutes=50)
    with hospital.database.write() as session:
        enrolments(hospital, session).set_extra_time(enrolment.id or 0, 0)
    assert hospital.attempt(attempt).deadline_at == hospital.clock() + timedelta(minutes=20)


def test_a_student_who_has_not_begun_can_be_taken_out(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    enrolment = hospital.enrolled(training, student)
    with hospital.database.write() as session:
        enrolments(hospital, session).remove(enrolment.id or 0)
    with hospital.database.read() as session, pytest.raises(NotFoundError):
        enrolments(hospital, session).get(enrolment.id or 0)


def test_a_student_who_has_begun_stays(hospital: Hospital) -> None:
    training, student = hospital.training(), hospital.student()
    hospital.started(training, student)
    enrolment = hospital.enrolled(training, student)
    with hospital.database.write() as session, pytest.raises(ConflictError, match="attempts_exist"):
        enrolments(hospital, session).remove(enrolment.id or 0)


def test_students_see_their_own_enrolments_newest_first(hospital: Hospital) -> None:
    case, student = hospital.case(), hospital.student()
    trainings = [hospital.training([case]) for _ in range(3)]
    hospital.enrolled(trainings[0], hospital.student())
    for training in trainings:
        hospital.clock.pass_(minutes=1)
        hospital.enrolled(training, student)
    with hospital.database.read() as session:
        page = enrolments(hospital, session, student).page(PageRequest(2))
        assert [row.session_id for row in page.rows] == [trainings[2].id, trainings[1].id]
        assert page.count() == 3
