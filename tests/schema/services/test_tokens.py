import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlmodel import col, select

from schema.database import Database
from schema.errors import AuthenticationRequiredError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, ApiToken, AuditEvent
from schema.policy import ROLE_SCOPES, Actor, Role, Scope
from schema.services.passwords import digest
from schema.services.tokens import MAX_TOKENS, CreatedToken, Tokens
from tests.schema.people import StoppedClock, actor_of, person

PROFILE = frozenset({Scope.PROFILE})


@pytest.fixture
def teacher(database: Database, clock: StoppedClock) -> Account:
    return person(database, clock)


def create(
    database: Database,
    actor: Actor | None,
    account: Account,
    scopes: frozenset[Scope] = PROFILE,
    *,
    name: str = "Moodle",
    lasting: timedelta | None = None,
) -> CreatedToken:
    clock = StoppedClock()
    end = None if lasting is None else clock.at + lasting
    with database.write() as session:
        return Tokens(session, clock, actor).create(account.id or 0, name, scopes, end)


def codes(refusal: pytest.ExceptionInfo[ValidationFailedError]) -> dict[str, str]:
    return {".".join(problem.path): problem.code for problem in refusal.value.problems}


def test_nobody_makes_or_ends_a_token_of_someone_else(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    other = person(database, clock, name="Luc Roy")
    made = create(database, actor_of(teacher), teacher)
    with pytest.raises(NotFoundError):
        create(database, actor_of(other), teacher)
    with database.write() as session, pytest.raises(NotFoundError):
        Tokens(session, clock, actor_of(other)).revoke(made.token.id or 0)
    with database.read() as session:
        assert session.exec(select(ApiToken)).one().revoked_at is None


def test_an_administrator_ends_anyones_unless_through_a_narrow_token(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    admin = person(database, clock, Role.ADMIN)
    made = create(database, actor_of(teacher), teacher)
    with database.write() as session:
        narrow = actor_of(admin, scopes=frozenset({Scope.PROFILE}), token_id=99)
        with pytest.raises(NotFoundError):
            Tokens(session, clock, narrow).revoke(made.token.id or 0)
        assert Tokens(session, clock, actor_of(admin)).revoke(made.token.id or 0).revoked_at == clock.at


def test_the_secret_is_shown_once_and_only_its_hash_is_kept(database: Database, teacher: Account) -> None:
    made = create(database, actor_of(teacher), teacher)
    assert made.secret.startswith("chv_")
    assert len(made.secret) == 47  # chv_ and 256 bits in base64
    with database.read() as session:
        kept = session.exec(select(ApiToken)).one()
        trail = session.exec(select(AuditEvent).where(AuditEvent.action == "token.created")).one()
    assert kept.token_hash == digest(made.secret)
    assert made.secret[4:] not in kept.model_dump_json() + trail.model_dump_json()
    assert trail.detail == {"account": teacher.id, "scopes": ["profile"]}


def test_a_token_goes_no_further_than_its_role(database: Database, clock: StoppedClock) -> None:
    for role, allowed in ROLE_SCOPES.items():
        account = person(database, clock, role, name="Max")
        assert create(database, actor_of(account), account, allowed).token.scopes == sorted(allowed)
        for scope in set(Scope) - allowed:
            with pytest.raises(ValidationFailedError) as refusal:
                create(database, actor_of(account), account, allowed | {scope})
            assert codes(refusal) == {"scopes": "scope_beyond_role"}


def test_a_token_makes_none_that_goes_further_than_itself(database: Database, teacher: Account) -> None:
    narrow = actor_of(teacher, scopes=frozenset({Scope.PROFILE, Scope.CASES_READ}), token_id=1)
    assert create(database, narrow, teacher, frozenset({Scope.CASES_READ})).token.scopes == ["cases:read"]
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, narrow, teacher, frozenset({Scope.CASES_WRITE}))
    assert codes(refusal) == {"scopes": "scope_beyond_role"}


def test_the_command_line_makes_tokens_within_the_accounts_role(database: Database, teacher: Account) -> None:
    assert create(database, None, teacher, frozenset({Scope.SESSIONS_WRITE})).token.account_id == teacher.id
    with pytest.raises(ValidationFailedError):
        create(database, None, teacher, frozenset({Scope.AUDIT_READ}))


def test_every_fault_is_named_at_once(database: Database, teacher: Account) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, actor_of(teacher), teacher, frozenset(), name=" ", lasting=timedelta())
    assert codes(refusal) == {"name": "required", "scopes": "required", "expiresAt": "in_the_past"}


def test_an_account_holds_so_many_tokens_in_force(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    made = [create(database, None, teacher) for _ in range(MAX_TOKENS - 1)]
    create(database, None, teacher, lasting=timedelta(days=1))
    with pytest.raises(ValidationFailedError) as refusal:
        create(database, None, teacher)
    assert codes(refusal) == {"name": "too_many_tokens"}
    with database.write() as session:
        Tokens(session, clock, None).revoke(made[0].token.id or 0)
    create(database, None, teacher)


def test_revoking_twice_does_nothing_more(database: Database, clock: StoppedClock, teacher: Account) -> None:
    made = create(database, actor_of(teacher), teacher)
    for _ in range(2):
        with database.write() as session:
            revoked = Tokens(session, clock, actor_of(teacher)).revoke(made.token.id or 0).revoked_at
        clock.pass_(hours=1)
    assert revoked == StoppedClock().at
    with database.read() as session:
        assert len(session.exec(select(AuditEvent).where(AuditEvent.action == "token.revoked")).all()) == 1


def test_a_disabled_account_gets_no_token(database: Database, clock: StoppedClock, teacher: Account) -> None:
    with database.write() as session:
        account = session.get_one(Account, teacher.id)
        account.disabled_at = clock.at
    with pytest.raises(NotFoundError):
        create(database, None, teacher)


@pytest.mark.parametrize("asked, kept", [(None, 30), (60, 30), (10, 10)])
def test_a_token_made_by_a_token_ends_with_it_at_the_latest(
    database: Database, clock: StoppedClock, teacher: Account, asked: int | None, kept: int
) -> None:
    first = create(database, actor_of(teacher), teacher, lasting=timedelta(days=30))
    through_it = actor_of(teacher, scopes=PROFILE, token_id=first.token.id)
    lasting = None if asked is None else timedelta(days=asked)
    second = create(database, through_it, teacher, lasting=lasting)
    assert second.token.expires_at == clock.at + timedelta(days=kept)


def through(account: Account, made: CreatedToken) -> Actor:
    return actor_of(account, scopes=PROFILE, token_id=made.token.id)


def revoked(database: Database) -> list[int | None]:
    with database.read() as session:
        ended = select(ApiToken.id).where(col(ApiToken.revoked_at).is_not(None))
        return sorted(session.exec(ended).all(), key=lambda key: key or 0)


def test_revoking_a_token_revokes_those_made_through_it_and_theirs_and_no_other(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    first = create(database, actor_of(teacher), teacher)
    other = create(database, actor_of(teacher), teacher)
    child = create(database, through(teacher, first), teacher)
    grandchild = create(database, through(teacher, child), teacher)
    create(database, through(teacher, other), teacher)
    with database.write() as session:
        Tokens(session, clock, actor_of(teacher)).revoke(first.token.id or 0)
    assert revoked(database) == [first.token.id, child.token.id, grandchild.token.id]
    with database.read() as session:
        trail = session.exec(select(AuditEvent).where(AuditEvent.action == "token.revoked")).all()
    assert [(row.target_id, row.detail) for row in sorted(trail, key=lambda row: row.sequence)] == [
        (first.token.id, {}),
        (child.token.id, {"through": first.token.id}),
        (grandchild.token.id, {"through": first.token.id}),
    ]


def test_revoking_a_token_leaves_the_one_it_was_made_through(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    first = create(database, actor_of(teacher), teacher)
    child = create(database, through(teacher, first), teacher)
    with database.write() as session:
        Tokens(session, clock, actor_of(teacher)).revoke(child.token.id or 0)
    assert revoked(database) == [child.token.id]


def test_those_made_through_a_token_that_ended_by_itself_are_revoked_with_its_maker(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    first = create(database, actor_of(teacher), teacher)
    brief = create(database, through(teacher, first), teacher, lasting=timedelta(days=1))
    last = create(database, through(teacher, brief), teacher)
    clock.pass_(days=2)
    with database.write() as session:
        Tokens(session, clock, actor_of(teacher)).revoke(first.token.id or 0)
    assert revoked(database) == [first.token.id, brief.token.id, last.token.id]


def test_a_token_that_was_revoked_meanwhile_makes_none(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    first = create(database, actor_of(teacher), teacher)
    with database.write() as session:
        Tokens(session, clock, actor_of(teacher)).revoke(first.token.id or 0)
    with pytest.raises(AuthenticationRequiredError):
        create(database, through(teacher, first), teacher)


def test_a_token_made_while_its_maker_is_revoked_does_not_outlive_it(
    database: Database, clock: StoppedClock, teacher: Account
) -> None:
    first = create(database, actor_of(teacher), teacher)
    begin = threading.Barrier(5)

    def make() -> None:
        begin.wait()
        with suppress(AuthenticationRequiredError):
            create(database, through(teacher, first), teacher)

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    begin.wait()
    with database.write() as session:
        Tokens(session, clock, actor_of(teacher)).revoke(first.token.id or 0)
    for maker in makers:
        maker.join()
    with database.read() as session:
        assert revoked(database) == sorted(session.exec(select(ApiToken.id)).all(), key=lambda key: key or 0)
