"""Accounts: making, changing and disabling them."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, or_, select, update

from schema.errors import FieldProblem, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, ApiToken, WebSession
from schema.pagination import Page, PageRequest
from schema.policy import Actor, Role, Scope, may_create_account
from schema.services.audit import Audit, Trail
from schema.services.clock import Clock
from schema.services.paging import Sort, page_of
from schema.services.passwords import NewPassword
from schema.services.text import line, storable

LANGUAGES = ("fr", "en")
THEMES = ("auto", "light", "dark")
MAX_NAME = 120
MAX_EMAIL = 254  # RFC 5321: 256 octets with the angle brackets
TEMPORARY_FOR = timedelta(hours=72)
"""How long a temporary password signs its holder in; pages say « three days »."""
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts to list."""

    search: str | None = None
    role: Role | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    """Makes, finds and changes accounts.

    Parameters
    ----------
    actor
        Who asks; None for the command line and for the system itself, which may do all.
    trail
        What changes are told to, if not to the audit trail at once.
    """

    session: Session
    clock: Clock
    actor: Actor | None = None
    trail: Trail | None = None

    def get(self, account_id: int) -> Account:
        """Return an account; raises NotFoundError."""
        account = self.session.get(Account, account_id)
        if account is None:
            raise NotFoundError
        return account

    def by_email(self, email: str) -> Account:
        """Return the account that signs in with an e-mail address; raises NotFoundError."""
        account = self.session.exec(select(Account).where(Account.email == normal_email(email))).first()
        if account is None:
            raise NotFoundError
        return account

    def create(  # noqa: PLR0913 - an account has that many parts, all but two left out as a rule
        self,
        display_name: str,
        role: Role,
        email: str | None = None,
        password: NewPassword | None = None,
        *,
        managed_by: int | None = None,
        external_id: str | None = None,
        language: str = "fr",
    ) -> Account:
        """Make an account.

        Parameters
        ----------
        password
            From `Passwords.new`, hashed before the transaction; None for an account that cannot sign in.
        managed_by, external_id
            The account of an outside system and that system's own name for the participant.

        Raises
        ------
        NotAllowedError, ValidationFailedError
            As `checked` does.
        """
        name, address = self.checked(display_name, role, email, password, managed_by=managed_by)
        account = Account(
            display_name=name,
            role=role.value,
            email=address,
            password_hash=password.hash if password else None,
            managed_by=managed_by,
            external_id=external_id,
            language=language,
            created_at=self.clock(),
        )
        with self._written(account):
            self.session.add(account)
        self._record("account.created", account, role=account.role)
        return account

    def checked(
        self,
        display_name: str,
        role: Role,
        email: str | None = None,
        password: NewPassword | None = None,
        *,
        managed_by: int | None = None,
    ) -> tuple[str, str | None]:
        """Return name and address as an account to be made would have them.

        Raises
        ------
        NotAllowedError
            When the actor may not make accounts of this role.
        ValidationFailedError
            For an empty or long name, an invalid or taken address, a short password, all at once.
        """
        if self.actor is not None and not may_create_account(self.actor, role, managed_by):
            raise NotAllowedError("role_not_yours_to_give")
        name, problems = line(display_name, "displayName", MAX_NAME)
        address = normal_email(email) if email is not None else None
        problems += self._address_problems(address, password) + list(password.problems if password else ())
        if problems:
            raise ValidationFailedError(problems)
        return name, address

    def update(
        self,
        account_id: int,
        *,
        display_name: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> Account:
        """Change what is given and leave the rest.

        Raises
        ------
        NotAllowedError
            When administrators would disable themselves or give up their own role: one must remain.
        ValidationFailedError
            For an empty or long name.
        """
        account = self.get(account_id)
        self._check_own(account, role, disabled=disabled)
        if display_name is not None:
            name, problems = line(display_name, "displayName", MAX_NAME)
            if problems:
                raise ValidationFailedError(problems)
            self._set(account, "display_name", name)
        if role is not None:
            self._set(account, "role", role.value)
        if disabled is not None and disabled != (account.disabled_at is not None):
            self._disable(account) if disabled else self._enable(account)
        return account

    def disable(self, account_id: int) -> Account:
        """Shut an account: its browser sessions and tokens end at once; what it made stays."""
        return self.update(account_id, disabled=True)

    def set_preferences(
        self, account_id: int, language: str | None = None, theme: str | None = None
    ) -> Account:
        """Choose language and appearance; None leaves the choice as it was."""
        account = self.get(account_id)
        problems = [
            FieldProblem((path,), "unknown_choice")
            for path, value, known in (("language", language, LANGUAGES), ("theme", theme, THEMES))
            if value is not None and value not in known
        ]
        if problems:
            raise ValidationFailedError(problems)
        account.language = language or account.language
        account.theme = theme or account.theme
        return account

    def set_password(self, account_id: int, password: NewPassword) -> Account:
        """Replace a password and end every browser session but the one that asks.

        Raises
        ------
        ValidationFailedError
            When the password is too short or too long.
        """
        if password.problems:
            raise ValidationFailedError(list(password.problems))
        account = self.get(account_id)
        account.password_hash, account.password_expires_at = password.hash, None
        self._end_sessions(account, but=self.actor.session_token_hash if self.actor else None)
        self._record("account.password_changed", account)
        return account

    def reset_password(self, account_id: int, password: NewPassword) -> Account:
        """Give someone who lost their password a temporary one and end every browser session of theirs.

        Raises
        ------
        NotAllowedError
            For the actor's own account, whose password is changed by who knows it, and for an account without
            an address, which does not sign in.
        """
        account = self.get(account_id)
        if self._is_own(account):
            raise NotAllowedError("own_password")
        if account.email is None:
            raise NotAllowedError("no_password")
        account.password_hash, account.password_expires_at = password.hash, self.clock() + TEMPORARY_FOR
        self._end_sessions(account)
        self._record("account.password_reset", account)
        return account

    def set_email(self, account_id: int, email: str) -> Account:
        """Replace the address an account signs in with; the one it has already changes nothing.

        Raises
        ------
        ValidationFailedError
            For an invalid or taken address.
        """
        account, address = self.get(account_id), normal_email(email)
        if address == account.email:
            return account
        if problems := self._address_problems(address, None):
            raise ValidationFailedError(problems)
        with self._written(account):
            account.email = address
        self._record("account.email_changed", account)
        return account

    def page(self, wanted: AccountFilter, request: PageRequest) -> Page[Account]:
        """Return a page of the accounts the actor may list, by name."""
        statement = select(Account).where(*self._listed())
        sought = storable((wanted.search or "")[:MAX_NAME])
        if sought:
            named = col(Account.display_name).icontains(sought, autoescape=True)
            statement = statement.where(or_(named, self._addressed(sought)))
        if wanted.role is not None:
            statement = statement.where(col(Account.role) == wanted.role.value)
        if wanted.disabled is not None:
            shut = col(Account.disabled_at)
            statement = statement.where(shut.is_not(None) if wanted.disabled else shut.is_(None))
        order = [Sort(col(Account.display_name)), Sort(col(Account.id))]
        return page_of(self.session, statement, order, request)

    def _addressed(self, sought: str) -> ColumnElement[bool]:
        """Return the condition on the address: who may not read it must know the whole of it."""
        if self.actor is None or self.actor.may(Scope.ACCOUNTS):
            return col(Account.email).icontains(sought, autoescape=True)
        return col(Account.email) == normal_email(sought)

    def _listed(self) -> list[ColumnElement[bool]]:
        """Return `may_list_account` as a condition; the field's scope has kept the others out."""
        if self.actor is None or self.actor.may(Scope.ACCOUNTS):
            return []
        manager = col(Account.managed_by)
        its_own = or_(manager.is_(None), manager == self.actor.account_id)
        return [col(Account.role) == Role.STUDENT.value, its_own]

    def _address_problems(self, address: str | None, password: NewPassword | None) -> list[FieldProblem]:
        where = ("email",)
        if address is None:
            return [FieldProblem(where, "required")] if password else []
        if len(address) > MAX_EMAIL or not EMAIL.fullmatch(address):
            return [FieldProblem(where, "invalid_email")]
        taken = self.session.exec(select(Account.id).where(Account.email == address)).first() is not None
        return [FieldProblem(where, "email_taken")] if taken else []

    @contextmanager
    def _written(self, account: Account) -> Iterator[None]:
        """Write what the block changes; whoever took the address since we looked leaves us its refusal."""
        try:
            with self.session.begin_nested():
                yield
        except IntegrityError:
            raise ValidationFailedError.of(
                "email" if account.external_id is None else "externalId",
                "email_taken" if account.external_id is None else "external_id_taken",
            ) from None

    def _is_own(self, account: Account) -> bool:
        return self.actor is not None and self.actor.account_id == account.id

    def _check_own(self, account: Account, role: Role | None, *, disabled: bool | None) -> None:
        if self._is_own(account) and (disabled or role not in {None, Role(account.role)}):
            raise NotAllowedError("not_your_own_account")

    def _set(self, account: Account, name: str, value: str) -> None:
        if getattr(account, name) != value:
            setattr(account, name, value)
            detail = {"role": value} if name == "role" else {}
            self._record("account.updated", account, field=name, **detail)

    def _disable(self, account: Account) -> None:
        now = self.clock()
        account.disabled_at = now
        self._end_sessions(account)
        mine = (col(ApiToken.account_id) == account.id) & col(ApiToken.revoked_at).is_(None)
        self.session.exec(update(ApiToken).where(mine).values(revoked_at=now))
        self._record("account.disabled", account)

    def _enable(self, account: Account) -> None:
        account.disabled_at = None
        self._record("account.enabled", account)

    def _end_sessions(self, account: Account, but: str | None = None) -> None:
        ended = delete(WebSession).where(col(WebSession.account_id) == account.id)
        self.session.exec(ended.where(col(WebSession.token_hash) != but) if but else ended)

    def _record(self, action: str, account: Account, **detail: Any) -> None:
        trail = self.trail or Audit(self.session, self.clock, self.actor)
        trail.record(action, "Account", account.id, **detail)


def normal_email(email: str) -> str:
    """Return an address as it is stored and looked up; an unprintable one becomes empty."""
    address = unicodedata.normalize("NFC", email).strip().lower()
    return address if address.isprintable() else ""
