"""API tokens of outside systems."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, or_, select

from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, ApiToken
from schema.policy import ROLE_SCOPES, Actor, Role, Scope
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.passwords import digest, new_secret
from schema.services.text import line

PREFIX = "chv_"
MAX_NAME = 80
MAX_TOKENS = 50
"""Tokens in force an account may hold."""


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token and its secret, which is shown this once and not stored."""

    token: ApiToken
    secret: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes, lists and revokes tokens.

    Parameters
    ----------
    actor
        Who asks; None for the command line, which may do all.
    """

    session: Session
    clock: Clock
    actor: Actor | None

    def create(
        self, account_id: int, name: str, scopes: frozenset[Scope], expires_at: datetime | None = None
    ) -> CreatedToken:
        """Make a token for an account.

        Parameters
        ----------
        scopes
            What it may touch: within the account's role and, when a token asks, within that token's own.
        expires_at
            When it ends by itself; None for never. A token that a token makes ends with it at the latest.

        Raises
        ------
        ValidationFailedError
            For an empty or long name, no scope or one too many, an expiry that has passed.
        """
        account = self._account(account_id)
        expires_at = self._within_own(expires_at)
        label, problems = line(name, "name", MAX_NAME)
        problems += self._scope_problems(account, scopes)
        if expires_at is not None and expires_at <= self.clock():
            problems.append(FieldProblem(("expiresAt",), "in_the_past"))
        if self._in_force(account_id) >= MAX_TOKENS:
            problems.append(FieldProblem(("name",), "too_many_tokens", (("maximum", str(MAX_TOKENS)),)))
        if problems:
            raise ValidationFailedError(problems)
        secret = new_secret(PREFIX)
        token = ApiToken(
            account_id=account_id,
            name=label,
            token_hash=digest(secret),
            scopes=sorted(scopes),
            created_at=self.clock(),
            expires_at=expires_at,
        )
        self.session.add(token)
        self.session.flush()
        Audit(self.session, self.clock, self.actor).record(
            "token.created", "ApiToken", token.id, account=account_id, scopes=token.scopes
        )
        return CreatedToken(token, secret)

    def revoke(self, token_id: int) -> ApiToken:
        """End a token at once; revoking it twice does nothing.

        Raises
        ------
        NotFoundError
            When there is none, or it is someone else's.
        """
        token = self.get(token_id)
        if token.revoked_at is None:
            token.revoked_at = self.clock()
            Audit(self.session, self.clock, self.actor).record("token.revoked", "ApiToken", token.id)
        return token

    def get(self, token_id: int) -> ApiToken:
        """Return a token of the actor's own, or anyone's for an administrator; raises NotFoundError."""
        token = self.session.get(ApiToken, token_id)
        if token is None or not self._concerns(token.account_id):
            raise NotFoundError
        return token

    def _account(self, account_id: int) -> Account:
        account = self.session.get(Account, account_id)
        if account is None or account.disabled_at is not None or not self._concerns(account_id):
            raise NotFoundError
        return account

    def _concerns(self, account_id: int) -> bool:
        actor = self.actor
        return actor is None or actor.account_id == account_id or actor.may(Scope.ACCOUNTS)

    def _within_own(self, end: datetime | None) -> datetime | None:
        """Return an end no later than that of the token that asks: access does not outlive itself."""
        asking = self.actor.token_id if self.actor is not None else None
        own = None if asking is None else self.session.get(ApiToken, asking)
        ends = [each for each in (end, own.expires_at if own is not None else None) if each is not None]
        return min(ends, default=None)

    def _scope_problems(self, account: Account, scopes: frozenset[Scope]) -> list[FieldProblem]:
        if not scopes:
            return [FieldProblem(("scopes",), "required")]
        allowed: frozenset[str] = ROLE_SCOPES[Role(account.role)]
        if self.actor is not None and self.actor.scopes is not None:
            allowed &= self.actor.scopes
        beyond = ", ".join(sorted(scopes - allowed))
        return [FieldProblem(("scopes",), "scope_beyond_role", (("scopes", beyond),))] if beyond else []

    def _in_force(self, account_id: int) -> int:
        end = col(ApiToken.expires_at)
        mine = select(func.count()).where(ApiToken.account_id == account_id)
        in_force = mine.where(col(ApiToken.revoked_at).is_(None), or_(end.is_(None), end > self.clock()))
        return self.session.exec(in_force).one()
