import threading
from typing import Any

import pytest
from sqlmodel import select

from schema.database import Database
from schema.errors import NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services.accounts import AccountFilter, Accounts, normal_email
from tests.schema.people import PASSWORD, PASSWORDS, StoppedClock, actor_of, person


def create(database: Database, actor: Account | None, **values: Any) -> Account:
    given: dict[str, Any] = {"display_name": "Zoé Petit", "role": Role.STUDENT} | values
    with database.write() as session:
        return Accounts(session, StoppedClock(), actor_of(actor) if actor else None).create(**given)


def codes(refusal: pytest.ExceptionInfo[ValidationFailedError]) -> dict[str, str]:
    return {".".join(problem.path): problem.code for problem in refusal.value.problems}


@pytest.mark.parametrize("role", [Role.EXPERT, Role.STUDENT, Role.ANALYST, Role.CLINICIAN])
def test_only_administrators_and_teachers_make_accounts(
    database: Database, clock: StoppedClock, role: Role
) -> None:
    with pytest.raises(NotAllowedError):
        create(database, person(database, clock, role))


def test_a_teacher_makes_students_only(database: Database, clock: StoppedClock) -> None:
    teacher = person(database, clock)
    assert create(database, teacher).role == "student"
    for role in set(Role) - {Role.STUDENT}:
        with pytest.raises(NotAllowedError):
            create(database, teacher, role=role)


def test_an_administrator_makes_any(database: Database, clock: StoppedClock) -> None:
    admin = person(database, clock, Role.ADMIN)
    assert [create(database, admin, role=role).role for role in Role] == [role.value for role in Role]


def test_an_experts_outside_system_enrols_participants_of_its_own_only(
    database: Database, clock: StoppedClock
) -> None:
    expert, teacher = person(database, clock, Role.EXPERT), person(database, clock)
    assert create(database, expert, managed_by=expert.id, external_id="17").managed_by == expert.id
    with pytest.raises(NotAllowedError):
        create(database, expert, managed_by=teacher.id, external_id="17")


def test_every_fault_is_named_at_once(database: Database) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, None, display_name=" ", email="zoe", password=PASSWORDS.new("short"))
    assert codes(refusal) == {
        "displayName": "required",
        "email": "invalid_email",
        "password": "too_short",
    }


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a@b",
        "a b@example.org",
        "a@b@example.org",
        "a@example..org",
        "@example.org",
        "a@x.org\x00",
        "é" * 300,
    ],
)
def test_what_is_no_address_is_refused(database: Database, email: str) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, None, email=email)
    assert codes(refusal) == {"email": "invalid_email"}


@pytest.mark.parametrize("name", ["x" * 121, "Zoé\x00Petit", "Zoé \ud800"])
def test_what_no_database_could_keep_is_no_name(database: Database, name: str) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, None, display_name=name)
    assert set(codes(refusal)) == {"displayName"}


def test_a_password_needs_an_address_to_sign_in_with(database: Database) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, None, password=PASSWORDS.new(PASSWORD))
    assert codes(refusal) == {"email": "required"}


def test_an_address_is_taken_whatever_its_case(database: Database) -> None:
    made = create(database, None, email=" Zoe.Petit@Example.org ")
    assert made.email == "zoe.petit@example.org"
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, None, email="zoe.petit@EXAMPLE.ORG")
    assert codes(refusal) == {"email": "email_taken"}
    with database.read() as session:
        assert Accounts(session, StoppedClock()).by_email("ZOE.petit@example.org").id == made.id


def test_of_many_who_take_one_address_at_once_one_gets_it(database: Database) -> None:
    refused: list[dict[str, str]] = []
    start = threading.Barrier(6)

    def take() -> None:
        start.wait()
        try:
            create(database, None, email="zoe@example.org")
        except ValidationFailedError as error:
            refused.append({".".join(p.path): p.code for p in error.problems})

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [{"email": "email_taken"}] * 5
    with database.read() as session:
        assert len(session.exec(select(Account)).all()) == 1


def test_an_outside_system_enrols_a_participant_once(database: Database, clock: StoppedClock) -> None:
    first, second = person(database, clock), person(database, clock, name="Luc Roy")
    create(database, first, managed_by=first.id, external_id="17")
    create(database, second, managed_by=second.id, external_id="17")
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, first, managed_by=first.id, external_id="17")
    assert codes(refusal) == {"externalId": "external_id_taken"}


def test_names_keep_their_accents_and_lose_stray_blanks(database: Database) -> None:
    assert create(database, None, display_name="  Zoe\u0301 \t Petit\n").display_name == "Zoé Petit"


def test_an_unknown_account_is_not_found(database: Database) -> None:
    with database.read() as session:
        accounts = Accounts(session, StoppedClock())
        with pytest.raises(NotFoundError):
            accounts.get(99)
        with pytest.raises(NotFoundError):
            accounts.by_email("nobody@example.org")


def test_what_is_not_given_stays_as_it_was(database: Database, clock: StoppedClock) -> None:
    account = person(database, clock)
    with database.write() as session:
        Accounts(session, clock).update(account.id or 0, display_name="Anne Roy")
    with database.read() as session:
        changed = session.get_one(Account, account.id)
    assert (changed.display_name, changed.role, changed.email) == ("Anne Roy", "teacher", account.email)


def test_administrators_cannot_lock_themselves_out(database: Database, clock: StoppedClock) -> None:
    admin = person(database, clock, Role.ADMIN)
    with database.write() as session:
        accounts = Accounts(session, clock, actor_of(admin))
        with pytest.raises(NotAllowedError):
            accounts.disable(admin.id or 0)
        with pytest.raises(NotAllowedError):
            accounts.update(admin.id or 0, role=Role.TEACHER)
        assert accounts.update(admin.id or 0, display_name="Chef", role=Role.ADMIN).display_name == "Chef"


def test_each_change_is_in_the_trail_without_personal_data(database: Database, clock: StoppedClock) -> None:
    admin = person(database, clock, Role.ADMIN)
    account = person(database, clock)
    with database.write() as session:
        accounts = Accounts(session, clock, actor_of(admin))
        accounts.update(account.id or 0, display_name="Anne Roy", role=Role.EXPERT)
        accounts.disable(account.id or 0)
        accounts.disable(account.id or 0)
        accounts.update(account.id or 0, disabled=False)
        accounts.set_password(account.id or 0, PASSWORDS.new("un autre mot de passe"))
    with database.read() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.actor_id == admin.id)).all()
    assert [(row.action, row.detail) for row in sorted(rows, key=lambda row: row.sequence)] == [
        ("account.updated", {"field": "display_name"}),
        ("account.updated", {"field": "role", "role": "expert"}),
        ("account.disabled", {}),
        ("account.enabled", {}),
        ("account.password_changed", {}),
    ]
    assert {row.target_id for row in rows} == {account.id}


def test_preferences_change_one_at_a_time(database: Database, clock: StoppedClock) -> None:
    account = person(database, clock)
    with database.write() as session:
        accounts = Accounts(session, clock)
        accounts.set_preferences(account.id or 0, language="en")
        chosen = accounts.set_preferences(account.id or 0, theme="dark")
        assert (chosen.language, chosen.theme) == ("en", "dark")
        with pytest.raises(ValidationFailedError) as refusal:
            accounts.set_preferences(account.id or 0, language="de", theme="pink")
    assert codes(refusal) == {"language": "unknown_choice", "theme": "unknown_choice"}


def test_an_address_one_may_not_read_is_found_only_by_who_knows_it(
    database: Database, clock: StoppedClock
) -> None:
    teacher, admin = person(database, clock), person(database, clock, Role.ADMIN)
    zoe = create(database, None, display_name="Zoe", email="z.petit@example.org")
    assert zoe.role == Role.STUDENT.value

    def found(asker: Account, search: str) -> list[str]:
        with database.read() as session:
            accounts = Accounts(session, clock, actor_of(asker))
            request = PageRequest.of(None, None, None, None)
            return [row.display_name for row in accounts.page(AccountFilter(search=search), request).rows]

    assert found(teacher, "z.petit") == []
    assert found(teacher, " Z.Petit@example.org") == ["Zoe"]
    assert found(admin, "z.petit") == ["Zoe"]


def test_accounts_are_listed_by_name_and_narrowed(database: Database, clock: StoppedClock) -> None:
    for role, name in [
        (Role.TEACHER, "Bea"),
        (Role.STUDENT, "Ali"),
        (Role.STUDENT, "Cleo"),
        (Role.ADMIN, "Dan"),
    ]:
        person(database, clock, role, name)
    cleo = create(database, None, display_name="Cleo")
    with database.write() as session:
        Accounts(session, clock).disable(cleo.id or 0)

    def names(wanted: AccountFilter, **page: Any) -> list[str]:
        given = {"first": None, "after": None, "last": None, "before": None} | page
        with database.read() as session:
            return [
                row.display_name
                for row in Accounts(session, clock).page(wanted, PageRequest.of(**given)).rows
            ]

    assert names(AccountFilter()) == ["Ali", "Bea", "Cleo", "Cleo", "Dan"]
    assert names(AccountFilter(), last=2) == ["Cleo", "Dan"]
    assert names(AccountFilter(role=Role.STUDENT)) == ["Ali", "Cleo", "Cleo"]
    assert names(AccountFilter(disabled=True)) == ["Cleo"]
    assert names(AccountFilter(disabled=False, search="CLE")) == ["Cleo"]
    assert names(AccountFilter(search="teacher.")) == ["Bea"]
    assert names(AccountFilter(search="%")) == []


def test_an_address_reads_the_same_however_it_was_composed() -> None:
    assert normal_email(" Ze\u0301@X.org ") == "zé@x.org"


def test_an_actor_is_its_role() -> None:
    assert Actor(1, Role.ADMIN).is_admin
    assert not Actor(1, Role.TEACHER).is_admin
