"""Who is asking: sign-in with a password, browser sessions, API tokens."""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy import select as columns
from sqlmodel import Session, col, delete, or_, select, update

from schema.database import Database
from schema.errors import (
    AuthenticationRequiredError,
    DomainError,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.models.accounts import Account, ApiToken, WebSession
from schema.policy import Actor, Role
from schema.services.accounts import Accounts, normal_email
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.passwords import Passwords, digest, new_secret
from schema.services.throttle import Throttle, TooManyAttemptsError

SESSION_LIFETIME = timedelta(days=14)
USE_NOTED_EVERY = timedelta(minutes=1)
TEMPORARY_BYTES = 12
"""Random bytes of a temporary password: 96 bits, 16 characters to type."""

log = logging.getLogger(__name__)


class SignInRefusedError(DomainError):
    """The address and the password do not go together; which of them is wrong is not told."""


@dataclass(frozen=True, slots=True)
class TemporaryPassword:
    """An account and its new password, which is shown this once and not stored."""

    account: Account
    password: str


@dataclass(frozen=True, slots=True)
class Authentication:
    """Turns passwords, cookies and tokens into actors.

    It takes the database, not a session: hashing a password takes tens of milliseconds, and no transaction
    may be open meanwhile.
    """

    database: Database
    clock: Clock
    passwords: Passwords

    def sign_in(self, email: str, password: str, address: str) -> str:
        """Check a password and open a browser session, which the trail tells of.

        A refusal is a warning in the log instead: whoever likes could fill the trail with them.

        Parameters
        ----------
        email
            As typed; case and surrounding blanks do not matter.
        address
            The client's network address, counted by the throttle and not stored.

        Returns
        -------
        str
            The session's raw token, for the cookie; only its hash is stored.

        Raises
        ------
        SignInRefusedError
            For a wrong password, one that has expired, an unknown or a disabled account alike, after the same
            work.
        TooManyAttemptsError
            While a delay runs for the account or the address; nothing was checked.
        """
        name = normal_email(email)
        with self.database.write() as session:
            Throttle(session, self.clock, self.passwords).count(account=name, address=address)
        with self.database.read() as session:
            seen = session.exec(select(Account).where(Account.email == name)).first()
        matches = self._matches(seen, password)
        if seen is None or not matches or seen.disabled_at is not None:
            log.warning("a sign-in was refused: account %s", "unknown" if seen is None else seen.id)
            raise SignInRefusedError
        renewed = self._renewed(seen, password)
        with self.database.write() as session:
            account = session.get(Account, seen.id)
            if account is None or account.disabled_at or account.password_hash != seen.password_hash:
                raise SignInRefusedError
            account.password_hash = renewed
            failures = Throttle(session, self.clock, self.passwords).forgive(account=name, address=address)
            token = self._open(session, account)
            holder = Actor(account.id or 0, Role(account.role))
            trail = Audit(session, self.clock, holder)  # appended to last: its end makes others wait
            trail.record("account.signed_in", "Account", account.id, failures=failures - 1)
            return token

    def sign_out(self, token: str) -> None:
        """End a browser session; ending it twice does nothing."""
        with self.database.write() as session:
            session.exec(delete(WebSession).where(col(WebSession.token_hash) == digest(token)))

    def by_session_token(self, token: str) -> Actor | None:
        """Return who holds a browser session; None when it ended or its account is disabled."""
        key = digest(token)
        with self.database.read() as session:
            row = session.execute(_BY_SESSION, {"key": key, "now": self.clock()}).first()
        if row is None:
            return None
        return Actor(
            row.id,
            Role(row.role),
            row.display_name,
            row.language,
            session_token_hash=key,
            temporary=row.password_expires_at is not None,
        )

    def by_api_token(self, token: str) -> Actor | None:
        """Return whom an API token stands for; None when it expired, was revoked or its account is disabled.

        Notes its use, at most once a minute.
        """
        with self.database.read() as session:
            row = session.execute(_BY_TOKEN, {"key": digest(token), "now": self.clock()}).first()
        if row is None:
            return None
        self._note_use(row.token_id, row.last_used_at)
        return Actor(
            row.id,
            Role(row.role),
            row.display_name,
            row.language,
            frozenset(row.scopes),
            row.token_id,
            confined=row.confined,
        )

    def change_password(self, actor: Actor, current: str, new: str) -> Account:
        """Replace the actor's own password and end their other browser sessions.

        Raises
        ------
        ValidationFailedError
            At `currentPassword` when it is wrong or the delay of earlier failures runs, at `newPassword` when
            it is too short, too long or the current one.
        NotAllowedError
            When the account has no password.
        """
        self._confirm(actor, current)
        if new == current:
            raise ValidationFailedError.of("newPassword", "same_password")
        chosen = self.passwords.new(new, "newPassword")
        with self.database.write() as session:
            return Accounts(session, self.clock, actor).set_password(actor.account_id, chosen)

    def change_email(self, actor: Actor, current: str, email: str) -> Account:
        """Replace the address the actor signs in with.

        Raises
        ------
        ValidationFailedError
            At `currentPassword` when it is wrong or the delay of earlier failures runs, at `email` when the
            address is invalid or taken: only who knows the password learns which.
        NotAllowedError
            When the account has no password.
        """
        self._confirm(actor, current)
        with self.database.write() as session:
            return Accounts(session, self.clock, actor).set_email(actor.account_id, email)

    def reset_password(self, actor: Actor, account_id: int) -> TemporaryPassword:
        """Give someone who lost their password a random one for `TEMPORARY_FOR`, to be changed by them.

        Raises
        ------
        NotFoundError, NotAllowedError
            When there is no such account, when it is the actor's own, when it does not sign in.
        """
        password = secrets.token_urlsafe(TEMPORARY_BYTES)
        hashed = self.passwords.new(password)
        with self.database.write() as session:
            account = Accounts(session, self.clock, actor).reset_password(account_id, hashed)
            Throttle(session, self.clock, self.passwords).forgive(account=account.email or "")
        return TemporaryPassword(account, password)

    def _confirm(self, actor: Actor, current: str) -> None:
        """Make sure that the actor knows their own password, and forget earlier failures if so."""
        with self.database.write() as session:
            account = Accounts(session, self.clock).get(actor.account_id)
            if account.email is None or account.password_hash is None:
                raise NotAllowedError("no_password")
            self._count(session, account.email)
        if not self._matches(account, current):
            raise ValidationFailedError.of("currentPassword", "wrong_password")
        with self.database.write() as session:
            Throttle(session, self.clock, self.passwords).forgive(account=account.email)

    def _matches(self, account: Account | None, password: str) -> bool:
        """Return whether a password is the account's and still good; false after the same work."""
        stored = None if account is None or self._expired(account) else account.password_hash
        return self.passwords.matches(stored, password)

    def _expired(self, account: Account) -> bool:
        until = account.password_expires_at
        return until is not None and until <= self.clock()

    def _count(self, session: Session, email: str) -> None:
        try:
            Throttle(session, self.clock, self.passwords).count(account=email)
        except TooManyAttemptsError as error:
            raise ValidationFailedError.of(
                "currentPassword", "too_many_attempts", seconds=error.retry_after
            ) from None

    def _renewed(self, account: Account, password: str) -> str | None:
        stored = account.password_hash
        if stored is None or not self.passwords.outdated(stored):
            return stored
        return self.passwords.new(password).hash or stored

    def _open(self, session: Session, account: Account) -> str:
        token, now = new_secret(), self.clock()
        end = now + SESSION_LIFETIME
        session.exec(delete(WebSession).where(col(WebSession.expires_at) <= now))
        Throttle(session, self.clock, self.passwords).sweep()
        if account.id is None:
            raise NotFoundError
        session.add(
            WebSession(
                token_hash=digest(token),
                account_id=account.id,
                created_at=now,
                expires_at=min(end, account.password_expires_at or end),
            )
        )
        return token

    def _note_use(self, token_id: int, last_used_at: datetime | None) -> None:
        now = self.clock()
        if last_used_at is not None and last_used_at > now - USE_NOTED_EVERY:
            return
        with self.database.write() as session:
            session.exec(update(ApiToken).where(col(ApiToken.id) == token_id).values(last_used_at=now))


def actor_now(session: Session, clock: Clock, account_id: int, token_id: int | None) -> Actor:
    """Return whoever asked for work that is done later, with the rights they have by now.

    Raises
    ------
    AuthenticationRequiredError
        When the account is disabled, or the token they asked through has ended.
    """
    account = session.get(Account, account_id)
    token = None if token_id is None else session.get(ApiToken, token_id)
    if account is None or account.disabled_at is not None or (token_id is not None and token is None):
        raise AuthenticationRequiredError
    if token is not None and not token.in_force(clock()):
        raise AuthenticationRequiredError
    scopes = None if token is None else frozenset(token.scopes)
    return Actor(account_id, Role(account.role), account.display_name, account.language, scopes, token_id)


def asking_token(session: Session, clock: Clock, actor: Actor | None) -> ApiToken | None:
    """Return the token that asks, which nobody revokes until the transaction ends; None for a browser.

    Ask before anything else is locked.

    Raises
    ------
    AuthenticationRequiredError
        When it has ended meanwhile.
    """
    if actor is None or actor.token_id is None:
        return None
    token = session.get(ApiToken, actor.token_id, with_for_update={"read": True})
    if token is not None and not token.in_force(clock()):
        raise AuthenticationRequiredError
    return token


_ACTOR: tuple[Any, ...] = (Account.id, Account.role, Account.display_name, Account.language)
_BY_SESSION = (
    columns(*_ACTOR, col(Account.password_expires_at))
    .join(WebSession, col(WebSession.account_id) == Account.id)
    .where(col(WebSession.token_hash) == bindparam("key"), col(WebSession.expires_at) > bindparam("now"))
    .where(col(Account.disabled_at).is_(None))
)
_BY_TOKEN = (
    columns(
        *_ACTOR,
        col(ApiToken.id).label("token_id"),
        col(ApiToken.scopes),
        col(ApiToken.confined),
        col(ApiToken.last_used_at),
    )
    .join(ApiToken, col(ApiToken.account_id) == Account.id)
    .where(col(ApiToken.token_hash) == bindparam("key"), col(ApiToken.revoked_at).is_(None))
    .where(col(Account.disabled_at).is_(None))
    .where(or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > bindparam("now")))
)
"""Built once, since every request asks one of them and building a statement costs as much as running it."""
