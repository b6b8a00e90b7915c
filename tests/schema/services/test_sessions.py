from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from schema.errors import ConflictError, NotFoundError, ValidationFailedError
from schema.models.accounts import AuditEvent
from schema.models.cases import Case, CaseRevision, CaseStatus
from schema.models.training import (
    SessionCase,
    SessionDifficulty,
    SessionStatus,
    TrainingSession,
)
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services.cases import Cases
from schema.services.sessions import (
    SessionFilter,
    Sessions,
    SessionSort,
    UnavailableReason,
    shown_join_code,
    stored_join_code,
    unavailable_reason,
)
from tests.schema.training import Hospital, session_fields

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def sessions_of(hospital: Hospital, session: Session, actor: Actor | None = None) -> Sessions:
    return Sessions(session, actor or hospital.teacher, hospital.clock)


def faults(caught: pytest.ExceptionInfo[ValidationFailedError]) -> dict[str, str]:
    return {".".join(problem.path): problem.code for problem in caught.value.problems}


def pinned(hospital: Hospital, training: TrainingSession) -> list[tuple[int, int, int]]:
    """Return position, case and revision number of each of a session's cases."""
    with hospital.database.read() as session:
        rows = (
            select(SessionCase.position, SessionCase.case_id, CaseRevision.number)
            .join(CaseRevision)
            .where(SessionCase.session_id == training.id)
            .order_by(SessionCase.position)  # type: ignore[arg-type]
        )
        return list(session.exec(rows))


def renamed(hospital: Hospital, case: Case, name: str) -> Case:
    with hospital.database.write() as session:
        cases = Cases(session, hospital.teacher, hospital.clock, hospital.ontology)
        return cases.update(case.id or 0, cases.get(case.id or 0).revision, {"name": name})


def test_another_teachers_session_is_missing(hospital: Hospital) -> None:
    training = hospital.training()
    colleague = hospital.actor(Role.TEACHER)
    with hospital.database.write() as session:
        theirs = sessions_of(hospital, session, colleague)
        with pytest.raises(NotFoundError):
            theirs.get(training.id or 0)
        with pytest.raises(NotFoundError):
            theirs.update(training.id or 0, 1, {"name": "À moi"})
        with pytest.raises(NotFoundError):
            theirs.set_status(training.id or 0, SessionStatus.ARCHIVED)


def test_a_student_manages_no_session_not_even_with_a_forged_owner(hospital: Hospital) -> None:
    training = hospital.training()
    forged = Actor(hospital.teacher.account_id, Role.STUDENT)
    with hospital.database.read() as session, pytest.raises(NotFoundError):
        sessions_of(hospital, session, forged).get(training.id or 0)


def test_an_administrator_manages_every_session(hospital: Hospital) -> None:
    training = hospital.training()
    with hospital.database.read() as session:
        admin = sessions_of(hospital, session, hospital.actor(Role.ADMIN))
        assert admin.get(training.id or 0).name == "Lundi matin"


def test_a_session_keeps_the_order_of_its_cases_and_the_revision_each_has_now(hospital: Hospital) -> None:
    first, second = hospital.case("A"), hospital.case("B")
    revised = renamed(hospital, second, "B bis")
    training = hospital.training([second, first])
    assert pinned(hospital, training) == [
        (1, second.id, revised.revision),
        (2, first.id, first.revision),
    ]
    renamed(hospital, second, "B ter")
    assert pinned(hospital, training)[0] == (1, second.id, revised.revision)


def test_a_session_of_120_cases_is_made_at_once(hospital: Hospital) -> None:
    cases = [hospital.case(f"Cas {number}") for number in range(120)]
    training = hospital.training(cases)
    assert [case_id for _, case_id, _ in pinned(hospital, training)] == [case.id for case in cases]


def test_every_wrong_field_is_named_at_once(hospital: Hospital) -> None:
    mine, colleague = hospital.case(), hospital.actor(Role.TEACHER)
    draft = hospital.case(validated=False)
    hidden = hospital.case(owner=colleague, validated=False)
    wrong = session_fields(
        name="  ", time_limit_minutes=181, opens_at=NINE, closes_at=NINE, objectives="x" * 5_001
    )
    ids = [case.id or 0 for case in (mine, draft, hidden, mine)]
    with hospital.database.write() as session, pytest.raises(ValidationFailedError) as caught:
        sessions_of(hospital, session).create(wrong, [*ids, 999])
    assert faults(caught) == {
        "name": "required",
        "objectives": "too_long",
        "timeLimitMinutes": "out_of_range",
        "closesAt": "closes_before_opening",
        "caseIds.1": "case_not_validated",
        "caseIds.2": "case_not_found",
        "caseIds.3": "case_twice",
        "caseIds.4": "case_not_found",
    }


@pytest.mark.parametrize("minutes, accepted", [(4, False), (5, True), (180, True), (181, False)])
def test_the_time_limit_is_5_to_180_minutes(hospital: Hospital, minutes: int, *, accepted: bool) -> None:
    case = hospital.case()
    if accepted:
        assert hospital.training([case], time_limit_minutes=minutes).time_limit_minutes == minutes
        return
    with pytest.raises(ValidationFailedError):
        hospital.training([case], time_limit_minutes=minutes)


def test_a_session_without_cases_is_refused(hospital: Hospital) -> None:
    with pytest.raises(ValidationFailedError) as caught:
        hospital.training([])
    assert faults(caught) == {"caseIds": "needs_case"}


def test_a_colleagues_validated_case_may_be_used(hospital: Hospital) -> None:
    case = hospital.case(owner=hospital.actor(Role.TEACHER))
    assert pinned(hospital, hospital.training([case])) == [(1, case.id, case.revision)]


def test_join_codes_are_readable_and_unique(hospital: Hospital) -> None:
    case = hospital.case()
    codes = {hospital.training([case]).join_code for _ in range(30)}
    assert len(codes) == 30
    assert all(len(code) == 8 and not set(code) & set("0O1I") for code in codes)
    assert shown_join_code("ABCD2345") == "ABCD-2345"
    assert {stored_join_code(typed) for typed in ("abcd-2345", " ABCD2345 ", "abcd 2345")} == {"ABCD2345"}


def test_an_update_changes_what_is_given_and_leaves_the_rest(hospital: Hospital) -> None:
    training = hospital.training(objectives="Reconnaître un bloc", closes_at=NINE + timedelta(days=1))
    hospital.clock.pass_(minutes=1)
    with hospital.database.write() as session:
        changed = sessions_of(hospital, session).update(
            training.id or 0, 1, {"name": "Mardi", "closes_at": None}
        )
    assert (changed.name, changed.objectives, changed.closes_at) == ("Mardi", "Reconnaître un bloc", None)
    assert (changed.revision, changed.updated_at) == (2, NINE + timedelta(minutes=1))


def test_an_update_from_a_stale_page_is_refused_with_the_revision_that_won(hospital: Hospital) -> None:
    training = hospital.training()
    with hospital.database.write() as session:
        sessions_of(hospital, session).update(training.id or 0, 1, {"name": "Mardi"})
    with hospital.database.write() as session, pytest.raises(ConflictError) as caught:
        sessions_of(hospital, session).update(training.id or 0, 1, {"name": "Mercredi"})
    assert (caught.value.code, caught.value.current) == ("stale_revision", 2)


def test_an_update_is_checked_like_a_new_session(hospital: Hospital) -> None:
    training = hospital.training(opens_at=NINE)
    with hospital.database.write() as session, pytest.raises(ValidationFailedError) as caught:
        sessions_of(hospital, session).update(training.id or 0, 1, {"closes_at": NINE, "name": ""})
    assert faults(caught) == {"closesAt": "closes_before_opening", "name": "required"}


def test_cases_can_be_changed_until_a_student_begins_and_those_that_stay_keep_their_revision(
    hospital: Hospital,
) -> None:
    first, second, third = (hospital.case(name) for name in "ABC")
    training = hospital.training([first, second])
    renamed(hospital, second, "B bis")
    with hospital.database.write() as session:
        ids = [case.id or 0 for case in (third, second)]
        sessions_of(hospital, session).update(training.id or 0, 1, {}, ids)
    assert pinned(hospital, training) == [(1, third.id, third.revision), (2, second.id, second.revision)]
    hospital.started(training, hospital.student())
    with hospital.database.write() as session, pytest.raises(ConflictError) as caught:
        sessions_of(hospital, session).update(training.id or 0, 2, {}, [first.id or 0])
    assert caught.value.code == "attempts_exist"
    with hospital.database.write() as session:
        same = sessions_of(hospital, session).update(training.id or 0, 2, {"name": "Mardi"}, ids)
    assert same.name == "Mardi"


def test_a_case_that_stays_may_have_been_put_away_since(hospital: Hospital) -> None:
    first, second = hospital.case("A"), hospital.case("B")
    training = hospital.training([first])
    with hospital.database.write() as session:
        Cases(session, hospital.teacher, hospital.clock, hospital.ontology).archive(first.id or 0)
    with hospital.database.write() as session:
        ids = [first.id or 0, second.id or 0]
        sessions_of(hospital, session).update(training.id or 0, 1, {}, ids)
    assert [case_id for _, case_id, _ in pinned(hospital, training)] == ids


def test_an_archived_case_cannot_join_a_session(hospital: Hospital) -> None:
    case = hospital.case()
    with hospital.database.write() as session:
        archived = Cases(session, hospital.teacher, hospital.clock, hospital.ontology).archive(case.id or 0)
        assert archived.status == CaseStatus.ARCHIVED.value
    with pytest.raises(ValidationFailedError) as caught:
        hospital.training([case])
    assert faults(caught) == {"caseIds.0": "case_not_validated"}


@pytest.mark.parametrize(
    "fields, status, reason",
    [
        ({}, "open", None),
        ({"opens_at": NINE}, "open", None),
        ({"opens_at": NINE + timedelta(seconds=1)}, "open", UnavailableReason.NOT_OPEN_YET),
        ({"closes_at": NINE}, "open", UnavailableReason.CLOSED),
        ({"closes_at": NINE + timedelta(seconds=1)}, "open", None),
        ({}, "closed", UnavailableReason.CLOSED),
        ({"opens_at": NINE + timedelta(days=1)}, "archived", UnavailableReason.ARCHIVED),
    ],
)
def test_a_session_says_whether_it_can_be_begun(
    fields: dict[str, datetime], status: str, reason: UnavailableReason | None
) -> None:
    training = TrainingSession(
        owner_id=1,
        name="",
        difficulty="beginner",
        time_limit_minutes=5,
        join_code="",
        status=status,
        opens_at=fields.get("opens_at"),
        closes_at=fields.get("closes_at"),
    )
    assert unavailable_reason(training, NINE) == reason


def test_closing_a_session_twice_is_one_change(hospital: Hospital) -> None:
    training = hospital.training()
    for _ in range(2):
        with hospital.database.write() as session:
            closed = sessions_of(hospital, session).set_status(training.id or 0, SessionStatus.CLOSED)
    assert (closed.status, closed.revision) == ("closed", 2)


def test_changes_are_on_record(hospital: Hospital) -> None:
    training = hospital.training()
    with hospital.database.write() as session:
        mine = sessions_of(hospital, session)
        mine.update(training.id or 0, 1, {"name": "Mardi"})
        mine.set_status(training.id or 0, SessionStatus.CLOSED)
    with hospital.database.read() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.target_type == "Session")).all()
    assert [row.action for row in rows] == ["session.created", "session.updated", "session.status_changed"]
    assert {row.target_id for row in rows} == {training.id}


def test_sessions_are_listed_by_owner_and_filtered(hospital: Hospital) -> None:
    case = hospital.case()
    hospital.training([case], name="Rythmologie")
    hospital.training([case], name="Ischémie", difficulty=SessionDifficulty.ADVANCED, objectives="Voir le ST")
    hospital.training([case], name="Ailleurs", owner=hospital.actor(Role.TEACHER))

    def names(
        chosen: SessionFilter, actor: Actor | None = None, sort: SessionSort = SessionSort.NAME
    ) -> list[str]:
        with hospital.database.read() as session:
            page = sessions_of(hospital, session, actor).page(chosen, sort, PageRequest(10), descending=False)
            return [row.name for row in page.rows]

    assert names(SessionFilter()) == ["Ischémie", "Rythmologie"]
    assert names(SessionFilter(), sort=SessionSort.CREATED_AT) == ["Rythmologie", "Ischémie"]
    assert names(SessionFilter(search="ischemie st")) == ["Ischémie"]
    assert names(SessionFilter(difficulty=SessionDifficulty.BEGINNER)) == ["Rythmologie"]
    assert names(SessionFilter(status=SessionStatus.CLOSED)) == []
    admin = hospital.actor(Role.ADMIN)
    assert names(SessionFilter(), admin) == ["Ailleurs", "Ischémie", "Rythmologie"]
    assert names(SessionFilter(mine=True), admin) == []
