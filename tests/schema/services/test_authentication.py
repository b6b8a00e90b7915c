import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from sqlmodel import Session, SQLModel, col, select, update

from schema.database import Database
from schema.errors import DomainError, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, ApiToken, AuditEvent, SignInThrottle, WebSession
from schema.policy import Actor, Role, Scope
from schema.services.accounts import Accounts
from schema.services.authentication import SESSION_LIFETIME, Authentication, SignInRefusedError
from schema.services.passwords import Passwords, digest
from schema.services.throttle import LONGEST_DELAY_S, TooManyAttemptsError, network
from schema.services.tokens import Tokens
from tests.schema.people import PASSWORD, PASSWORDS, StoppedClock, actor_of, person

HERE = "203.0.113.7"


@pytest.fixture
def authentication(database: Database, clock: StoppedClock) -> Authentication:
    return Authentication(database, clock, PASSWORDS)


@pytest.fixture
def account(database: Database, clock: StoppedClock) -> Account:
    return person(database, clock)


def email_of(account: Account) -> str:
    assert account.email is not None
    return account.email


def fail(authentication: Authentication, email: str, times: int = 1, address: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefusedError):
            authentication.sign_in(email, "not the password", address)


def test_a_stranger_and_a_wrong_password_are_refused_alike(
    authentication: Authentication, account: Account
) -> None:
    refusals: list[DomainError] = []
    for email, password in [(email_of(account), "not the password"), ("nobody@example.org", PASSWORD)]:
        with pytest.raises(SignInRefusedError) as refusal:
            authentication.sign_in(email, password, HERE)
        refusals.append(refusal.value)
    assert refusals[0].args == refusals[1].args == ()


class Counting(PasswordHasher):
    """Notes each computation."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str | bytes] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        self.verified.append(hash)
        return bool(super().verify(hash, password))


def test_an_unknown_account_costs_the_same_work(
    database: Database, clock: StoppedClock, account: Account
) -> None:
    hasher = Counting()
    authentication = Authentication(database, clock, Passwords(PASSWORDS.key, hasher))
    for email in (email_of(account), "nobody@example.org", "\x00", "\ud800@example.org"):
        fail(authentication, email)
    assert len(hasher.verified) == 4


def test_signing_in_opens_a_session_that_names_its_holder(
    authentication: Authentication, account: Account
) -> None:
    token = authentication.sign_in(f"  {email_of(account).upper()} ", PASSWORD, HERE)
    actor = authentication.by_session_token(token)
    assert actor == actor_of(account, session_token_hash=digest(token))


def test_only_the_hash_of_a_session_is_stored(
    authentication: Authentication, database: Database, account: Account
) -> None:
    token = authentication.sign_in(email_of(account), PASSWORD, HERE)
    with database.read() as session:
        kept = session.exec(select(WebSession)).one()
    assert kept.token_hash == digest(token)
    assert token not in kept.model_dump_json()


def test_each_sign_in_opens_a_session_of_its_own(authentication: Authentication, account: Account) -> None:
    first, second = (authentication.sign_in(email_of(account), PASSWORD, HERE) for _ in range(2))
    authentication.sign_out(first)
    authentication.sign_out(first)
    assert authentication.by_session_token(first) is None
    assert authentication.by_session_token(second) is not None


def test_a_session_ends_by_itself_and_its_row_goes_with_the_next_sign_in(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    old = authentication.sign_in(email_of(account), PASSWORD, HERE)
    clock.at += SESSION_LIFETIME - timedelta(seconds=1)
    assert authentication.by_session_token(old) is not None
    clock.pass_(seconds=1)
    assert authentication.by_session_token(old) is None
    new = authentication.sign_in(email_of(account), PASSWORD, HERE)
    with database.read() as session:
        assert session.exec(select(WebSession.token_hash)).all() == [digest(new)]


def test_a_sign_in_is_on_the_trail_with_the_tries_that_failed_before_it(
    authentication: Authentication, database: Database, account: Account
) -> None:
    fail(authentication, email_of(account))
    fail(authentication, email_of(account))
    authentication.sign_in(email_of(account), PASSWORD, HERE)
    authentication.sign_in(email_of(account), PASSWORD, HERE)
    with database.read() as session:
        trail = session.exec(select(AuditEvent).where(AuditEvent.action == "account.signed_in")).all()
    assert [(each.actor_id, each.target_id, each.detail) for each in trail] == [
        (account.id, account.id, {"failures": 2}),
        (account.id, account.id, {"failures": 0}),
    ]


def test_a_refused_sign_in_is_a_warning_that_names_the_account_and_nothing_that_was_typed(
    authentication: Authentication, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    fail(authentication, email_of(account))
    fail(authentication, "nobody@example.org")
    refused = "a sign-in was refused: account"
    assert caplog.messages == [f"{refused} {account.id}", f"{refused} unknown"]


@pytest.mark.parametrize("forged", ["", "x", "\x00", "\ud800", "a" * 10_000, "' OR 1=1 --"])
def test_a_forged_token_is_nobodys(authentication: Authentication, forged: str) -> None:
    assert authentication.by_session_token(forged) is None
    assert authentication.by_api_token(forged) is None


def test_a_disabled_account_is_shut_out_and_refused_like_a_stranger(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    cookie = authentication.sign_in(email_of(account), PASSWORD, HERE)
    secret = make_token(database, clock, account)
    with database.write() as session:
        Accounts(session, clock).disable(account.id or 0)
    assert authentication.by_session_token(cookie) is None
    assert authentication.by_api_token(secret) is None
    with pytest.raises(SignInRefusedError):
        authentication.sign_in(email_of(account), PASSWORD, HERE)
    with database.write() as session:
        Accounts(session, clock).update(account.id or 0, disabled=False)
    assert authentication.by_session_token(cookie) is None
    assert authentication.by_api_token(secret) is None
    assert authentication.sign_in(email_of(account), PASSWORD, HERE)


def test_the_delay_grows_with_each_failure_and_the_right_password_waits_too(
    authentication: Authentication, clock: StoppedClock, account: Account
) -> None:
    fail(authentication, email_of(account), times=5)
    delays = []
    for _ in range(12):
        with pytest.raises(TooManyAttemptsError) as refusal:
            authentication.sign_in(email_of(account), PASSWORD, HERE)
        delays.append(refusal.value.retry_after)
        clock.pass_(seconds=refusal.value.retry_after)
        fail(authentication, email_of(account))
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST_DELAY_S, LONGEST_DELAY_S]
    clock.pass_(seconds=LONGEST_DELAY_S)
    assert authentication.sign_in(email_of(account), PASSWORD, HERE)
    fail(authentication, email_of(account), times=4)
    assert authentication.sign_in(email_of(account), PASSWORD, HERE)


def test_an_unknown_account_is_slowed_down_like_a_known_one(authentication: Authentication) -> None:
    fail(authentication, "nobody@example.org", times=5)
    with pytest.raises(TooManyAttemptsError):
        authentication.sign_in("Nobody@example.org", PASSWORD, HERE)


def test_guesses_from_one_address_are_slowed_down_over_all_accounts(
    authentication: Authentication, account: Account
) -> None:
    for number in range(50):
        fail(authentication, f"student{number}@example.org")
    with pytest.raises(TooManyAttemptsError):
        authentication.sign_in(email_of(account), PASSWORD, HERE)
    assert authentication.sign_in(email_of(account), PASSWORD, "203.0.113.8")


def test_a_class_behind_one_address_signs_in_without_delay(
    authentication: Authentication, account: Account
) -> None:
    for number in range(49):
        fail(authentication, f"student{number}@example.org")
    for _ in range(10):
        authentication.sign_in(email_of(account), PASSWORD, HERE)


def test_guesses_in_parallel_do_not_slip_through_together(
    authentication: Authentication, account: Account
) -> None:
    outcomes: list[type[DomainError]] = []

    def guess() -> None:
        try:
            authentication.sign_in(email_of(account), "not the password", HERE)
        except DomainError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count(SignInRefusedError), outcomes.count(TooManyAttemptsError)) == (5, 7)


def test_failures_are_forgotten_after_an_hour(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    fail(authentication, email_of(account), times=4)
    fail(authentication, "nobody@example.org")
    clock.pass_(hours=1, seconds=1)
    fail(authentication, email_of(account), times=4)
    authentication.sign_in(email_of(account), PASSWORD, HERE)
    with database.read() as session:
        assert len(session.exec(select(SignInThrottle)).all()) == 1  # the address


def test_the_throttle_keeps_neither_address_nor_e_mail(
    authentication: Authentication, database: Database, account: Account
) -> None:
    fail(authentication, email_of(account))
    other = Passwords(key=b"another key").keyed("address", HERE)
    with database.read() as session:
        keys = session.exec(select(SignInThrottle.key)).all()
    assert len(keys) == 2
    assert all(len(key) == 64 and key != other for key in keys)


@pytest.mark.parametrize(
    "address, counted",
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_customer_counts_as_one(address: str, counted: str) -> None:
    assert network(address) == counted


def test_a_hash_of_another_cost_is_renewed_at_sign_in(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    dearer = Passwords(PASSWORDS.key, PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    Authentication(database, clock, dearer).sign_in(email_of(account), PASSWORD, HERE)
    with database.read() as session:
        assert "t=2" in str(session.get_one(Account, account.id).password_hash)
    assert authentication.sign_in(email_of(account), PASSWORD, HERE)


def test_no_transaction_is_open_while_a_password_is_hashed(sqlite_url: str, clock: StoppedClock) -> None:
    database = Database(sqlite_url)
    SQLModel.metadata.create_all(database.engine)
    account = person(database, clock)
    written: list[bool] = []

    class Writing(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            with database.write() as session:  # would wait 15 s for another writer and fail
                session.execute(update(Account).values(theme="dark"))
                written.append(True)
            return bool(super().verify(hash, password))

    passwords = Passwords(PASSWORDS.key, Writing(time_cost=1, memory_cost=8, parallelism=1))
    authentication = Authentication(database, clock, passwords)
    authentication.sign_in(email_of(account), PASSWORD, HERE)
    authentication.change_password(actor_of(account), PASSWORD, "un autre mot de passe")
    assert written == [True, True]
    database.dispose()


# API tokens


def make_token(
    database: Database, clock: StoppedClock, account: Account, lasting: timedelta | None = None
) -> str:
    with database.write() as session:
        end = clock.at + lasting if lasting else None
        scopes = frozenset({Scope.CASES_READ, Scope.PROFILE})
        made = Tokens(session, clock, actor_of(account)).create(account.id or 0, "Moodle", scopes, end)
        return made.secret


def token_row(session: Session) -> ApiToken:
    return session.exec(select(ApiToken)).one()


def test_a_token_stands_for_its_account_within_its_scopes(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    actor = authentication.by_api_token(make_token(database, clock, account))
    assert actor is not None
    assert (actor.account_id, actor.role, actor.token_id) == (account.id, Role.TEACHER, 1)
    assert actor.may(Scope.CASES_READ)
    assert not actor.may(Scope.CASES_WRITE)


def test_a_token_loses_what_its_account_loses(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    secret = make_token(database, clock, account)
    with database.write() as session:
        Accounts(session, clock).update(account.id or 0, role=Role.STUDENT)
    actor = authentication.by_api_token(secret)
    assert actor is not None
    assert not actor.may(Scope.CASES_READ)


def test_a_token_ends_when_it_expires_or_is_revoked(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    secret = make_token(database, clock, account, timedelta(days=1))
    clock.pass_(days=1, seconds=-1)
    assert authentication.by_api_token(secret) is not None
    clock.pass_(seconds=1)
    assert authentication.by_api_token(secret) is None
    lasting = make_token(database, clock, account)
    assert authentication.by_api_token(lasting) is not None
    with database.write() as session:
        Tokens(session, clock, actor_of(account)).revoke(2)
    assert authentication.by_api_token(lasting) is None


def test_a_tokens_use_is_noted_once_a_minute(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    secret = make_token(database, clock, account)
    first = clock.at
    seen = []
    for seconds in (0, 59, 1):
        clock.pass_(seconds=seconds)
        authentication.by_api_token(secret)
        with database.read() as session:
            seen.append(token_row(session).last_used_at)
    assert seen == [first, first, first + timedelta(seconds=60)]


# Changing one's password

NEW = "un autre mot de passe"


def test_changing_a_password_ends_the_other_sessions_only(
    authentication: Authentication, account: Account
) -> None:
    mine, other = (authentication.sign_in(email_of(account), PASSWORD, HERE) for _ in range(2))
    actor = authentication.by_session_token(mine)
    assert actor is not None
    authentication.change_password(actor, PASSWORD, NEW)
    assert authentication.by_session_token(mine) is not None
    assert authentication.by_session_token(other) is None
    fail(authentication, email_of(account))  # the old one no longer fits
    assert authentication.sign_in(email_of(account), NEW, HERE)


@pytest.mark.parametrize(
    "current, new, problem",
    [
        ("not the password", NEW, "currentPassword:wrong_password"),
        (PASSWORD, "123456789", "newPassword:too_short"),
        (PASSWORD, "x" * 201, "newPassword:too_long"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(
    authentication: Authentication, account: Account, current: str, new: str, problem: str
) -> None:
    with pytest.raises(ValidationFailedError, match=f"^{problem}$"):
        authentication.change_password(actor_of(account), current, new)
    assert authentication.sign_in(email_of(account), PASSWORD, HERE)


def test_guessing_the_current_password_is_throttled(authentication: Authentication, account: Account) -> None:
    for _ in range(5):
        with pytest.raises(ValidationFailedError):
            authentication.change_password(actor_of(account), "not the password", NEW)
    with pytest.raises(ValidationFailedError, match=r"^currentPassword:too_many_attempts$"):
        authentication.change_password(actor_of(account), PASSWORD, NEW)


def test_a_participant_without_password_has_none_to_change(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    with database.write() as session:
        student = Accounts(session, clock).create(
            "P-17", Role.STUDENT, managed_by=account.id, external_id="17"
        )
    with pytest.raises(NotAllowedError):
        authentication.change_password(actor_of(student), "", NEW)


# Changing one's address

MOVED = "anne@hopital.example"


def test_a_new_address_signs_in_and_the_old_one_does_not(
    authentication: Authentication, database: Database, account: Account
) -> None:
    old, mine = email_of(account), authentication.sign_in(email_of(account), PASSWORD, HERE)
    changed = authentication.change_email(actor_of(account), PASSWORD, f" {MOVED.upper()} ")
    assert changed.email == MOVED
    fail(authentication, old)
    assert authentication.sign_in(MOVED, PASSWORD, HERE)
    assert authentication.by_session_token(mine) is not None
    with database.read() as session:
        trail = session.exec(select(AuditEvent).where(AuditEvent.action == "account.email_changed")).one()
    assert (trail.actor_id, trail.target_id, trail.detail) == (account.id, account.id, {})


@pytest.mark.parametrize(
    "current, email, problem",
    [
        ("not the password", MOVED, "currentPassword:wrong_password"),
        ("not the password", "taken@example.org", "currentPassword:wrong_password"),
        (PASSWORD, "taken@EXAMPLE.org", "email:email_taken"),
        (PASSWORD, "no address", "email:invalid_email"),
        (PASSWORD, "", "email:invalid_email"),
    ],
)
def test_an_address_that_cannot_be_changed_says_why_to_who_knows_the_password(
    authentication: Authentication, account: Account, current: str, email: str, problem: str
) -> None:
    with authentication.database.write() as session:
        Accounts(session, authentication.clock).create("Luc Roy", Role.STUDENT, "taken@example.org")
    with pytest.raises(ValidationFailedError, match=f"^{problem}$"):
        authentication.change_email(actor_of(account), current, email)
    assert authentication.sign_in(email_of(account), PASSWORD, HERE)


def test_the_address_one_has_already_is_no_change(
    authentication: Authentication, database: Database, account: Account
) -> None:
    assert authentication.change_email(actor_of(account), PASSWORD, email_of(account)).email == account.email
    with database.read() as session:
        assert "account.email_changed" not in session.exec(select(AuditEvent.action)).all()


def test_of_two_who_move_to_one_address_at_once_one_gets_it(
    authentication: Authentication, database: Database, clock: StoppedClock
) -> None:
    people = [actor_of(person(database, clock, name=f"Anne {number}")) for number in range(4)]
    refused: list[str] = []
    start = threading.Barrier(len(people))

    def move(actor: Actor) -> None:
        start.wait()
        try:
            authentication.change_email(actor, PASSWORD, MOVED)
        except ValidationFailedError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=move, args=(actor,)) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["email:email_taken"] * 3


def test_guessing_the_password_by_changing_the_address_is_throttled(
    authentication: Authentication, account: Account
) -> None:
    for _ in range(5):
        with pytest.raises(ValidationFailedError):
            authentication.change_email(actor_of(account), "not the password", MOVED)
    with pytest.raises(ValidationFailedError, match=r"^currentPassword:too_many_attempts$"):
        authentication.change_email(actor_of(account), PASSWORD, MOVED)


# Somebody else's lost password


def test_a_reset_password_signs_in_and_ends_what_the_old_one_opened(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    admin = person(database, clock, Role.ADMIN)
    asking = authentication.by_session_token(authentication.sign_in(email_of(admin), PASSWORD, HERE))
    assert asking is not None
    before = authentication.sign_in(email_of(account), PASSWORD, HERE)
    first = authentication.reset_password(asking, account.id or 0)
    second = authentication.reset_password(asking, account.id or 0)
    assert first.password != second.password
    assert authentication.by_session_token(before) is None
    assert authentication.by_session_token(asking.session_token_hash or "") is None  # a hash is no token
    fail(authentication, email_of(account))  # neither the old one …
    with pytest.raises(SignInRefusedError):
        authentication.sign_in(email_of(account), first.password, HERE)  # … nor the one reset since
    assert authentication.sign_in(email_of(account), second.password, HERE)
    with database.read() as session:
        kept = session.exec(select(WebSession).where(WebSession.account_id == admin.id)).all()
        trail = session.exec(select(AuditEvent).where(AuditEvent.action == "account.password_reset")).all()
        stored = [row.model_dump_json() for row in [*trail, session.get_one(Account, account.id)]]
    assert len(kept) == 1
    assert [(row.actor_id, row.target_id, row.detail) for row in trail] == [(admin.id, account.id, {})] * 2
    assert second.password not in "".join(stored)


def test_a_temporary_password_signs_in_for_three_days_and_is_refused_like_a_wrong_one_after(
    authentication: Authentication,
    database: Database,
    clock: StoppedClock,
    account: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    admin = actor_of(person(database, clock, Role.ADMIN))
    made = authentication.reset_password(admin, account.id or 0)
    clock.at += timedelta(hours=72) - timedelta(seconds=1)
    late = authentication.sign_in(email_of(account), made.password, HERE)
    holder = authentication.by_session_token(late)
    assert holder == actor_of(account, session_token_hash=digest(late), temporary=True)
    clock.pass_(seconds=1)
    assert authentication.by_session_token(late) is None  # it ends with the password that opened it
    refusals = []
    for password in (made.password, "not the password"):
        with pytest.raises(SignInRefusedError) as refusal:
            authentication.sign_in(email_of(account), password, HERE)
        refusals.append(refusal.value.args)
    assert refusals == [(), ()]
    assert len(set(caplog.messages)) == 1
    with pytest.raises(ValidationFailedError, match=r"^currentPassword:wrong_password$"):
        authentication.change_password(holder, made.password, NEW)


def test_an_expired_password_costs_the_same_work(
    database: Database, clock: StoppedClock, account: Account
) -> None:
    hasher = Counting()
    authentication = Authentication(database, clock, Passwords(PASSWORDS.key, hasher))
    made = authentication.reset_password(actor_of(person(database, clock, Role.ADMIN)), account.id or 0)
    clock.pass_(hours=72)
    with pytest.raises(SignInRefusedError):
        authentication.sign_in(email_of(account), made.password, HERE)
    assert len(hasher.verified) == 1


def test_a_temporary_password_that_was_changed_is_an_ordinary_one_and_a_new_reset_begins_anew(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    admin = actor_of(person(database, clock, Role.ADMIN))
    made = authentication.reset_password(admin, account.id or 0)
    token = authentication.sign_in(email_of(account), made.password, HERE)
    holder = authentication.by_session_token(token)
    assert holder is not None
    with pytest.raises(ValidationFailedError, match=r"^newPassword:same_password$"):
        authentication.change_password(holder, made.password, made.password)
    changed = authentication.change_password(holder, made.password, NEW)
    assert changed.password_expires_at is None
    assert authentication.by_session_token(token) == actor_of(account, session_token_hash=digest(token))
    clock.pass_(days=30)
    own = authentication.by_session_token(authentication.sign_in(email_of(account), NEW, HERE))
    assert own is not None
    assert not own.temporary
    again = authentication.reset_password(admin, account.id or 0)
    assert again.account.password_expires_at == clock() + timedelta(hours=72)


def test_tokens_do_not_hang_on_a_temporary_password(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    secret = make_token(database, clock, account)
    authentication.reset_password(actor_of(person(database, clock, Role.ADMIN)), account.id or 0)
    clock.pass_(hours=73)
    holder = authentication.by_api_token(secret)
    assert holder is not None
    assert not holder.temporary


def test_who_forgot_their_password_and_tried_too_often_signs_in_at_once_after_a_reset(
    authentication: Authentication, database: Database, clock: StoppedClock, account: Account
) -> None:
    fail(authentication, email_of(account), 5)
    with pytest.raises(TooManyAttemptsError):
        authentication.sign_in(email_of(account), PASSWORD, HERE)
    admin = actor_of(person(database, clock, Role.ADMIN))
    made = authentication.reset_password(admin, account.id or 0)
    assert authentication.sign_in(email_of(account), made.password, HERE)


def test_nobody_resets_their_own_password_nor_one_that_signs_nobody_in(
    authentication: Authentication, database: Database, clock: StoppedClock
) -> None:
    admin = actor_of(person(database, clock, Role.ADMIN))
    with database.write() as session:
        participant = Accounts(session, clock).create(
            "P-17", Role.STUDENT, managed_by=admin.account_id, external_id="17"
        )
    for account_id, code in [(admin.account_id, "own_password"), (participant.id or 0, "no_password")]:
        with pytest.raises(NotAllowedError, match=f"^{code}$"):
            authentication.reset_password(admin, account_id)
    with pytest.raises(NotFoundError):
        authentication.reset_password(admin, 99)


def test_a_long_password_is_not_cut_short() -> None:
    longest = "x" * 200
    stored = PASSWORDS.new(longest).hash
    assert PASSWORDS.matches(stored, longest)
    assert not PASSWORDS.matches(stored, longest + "y")


def test_a_password_typed_with_combining_accents_is_the_same() -> None:
    stored = PASSWORDS.new("préférée pour toujours").hash
    assert PASSWORDS.matches(stored, "pre\u0301fe\u0301re\u0301e pour toujours")


def test_a_damaged_hash_matches_nothing() -> None:
    assert not PASSWORDS.matches("not a hash", PASSWORD)


def test_an_actor_of_a_token_never_exceeds_the_role() -> None:
    actor = Actor(1, Role.STUDENT, scopes=frozenset({Scope.CASES_WRITE, Scope.PROFILE}))
    assert not actor.may(Scope.CASES_WRITE)
    assert actor.may(Scope.PROFILE)


def test_a_password_changed_while_signing_in_wins(
    database: Database, clock: StoppedClock, account: Account
) -> None:
    class Changing(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            with database.write() as session:
                mine = update(Account).where(col(Account.id) == account.id)
                session.execute(mine.values(password_hash="changed meanwhile"))
            return bool(super().verify(hash, password))

    passwords = Passwords(PASSWORDS.key, Changing(time_cost=1, memory_cost=8, parallelism=1))
    with pytest.raises(SignInRefusedError):
        Authentication(database, clock, passwords).sign_in(email_of(account), PASSWORD, HERE)


def test_a_password_is_hashed_at_the_cost_that_owasp_recommends() -> None:
    cost = extract_parameters(Passwords().new(PASSWORD).hash or "")
    assert (cost.type, cost.memory_cost, cost.time_cost, cost.parallelism) == (Type.ID, 19 * 1024, 2, 1)
