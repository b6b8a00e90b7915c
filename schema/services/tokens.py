"""API tokens of outside systems."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, ApiToken
from schema.policy import ROLE_SCOPES, Actor, Role, Scope
from schema.services.audit import Audit
from schema.services.authentication import asking_token
from schema.services.clock import Clock
from schema.services.passwords import digest, new_secret
from schema.services.text import line
from schema.services.webhooks import pause_made_through

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
        self,
        account_id: int,
        name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None = None,
        *,
        confined: bool = False,
    ) -> CreatedToken:
        """Make a token for an account.

        Parameters
        ----------
        scopes
            What it may touch: within the account's role and, when a token asks, within that token's own.
        expires_at
            When it ends by itself; None for never. A token that a token makes ends with it at the latest.
        confined
            Whether it may send only documents its account has registered, as one that such a token makes.

        Raises
        ------
        ValidationFailedError
            For an empty or long name, no scope or one too many, an expiry that has passed.
        AuthenticationRequiredError
            When the token that asks has ended meanwhile.
        """
        account, asking = self._account(account_id), asking_token(self.session, self.clock, self.actor)
        if asking is not None and asking.expires_at is not None:
            expires_at = min(expires_at or asking.expires_at, asking.expires_at)
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
            made_through=asking.id if asking is not None else None,
            name=label,
            token_hash=digest(secret),
            scopes=sorted(scopes),
            confined=confined or (asking is not None and asking.confined),
            created_at=self.clock(),
            expires_at=expires_at,
        )
        self.session.add(token)
        self.session.flush()
        detail = {"account": account_id, "scopes": token.scopes} | (
            {"confined": True} if token.confined else {}
        )
        Audit(self.session, self.clock, self.actor).record("token.created", "ApiToken", token.id, **detail)
        return CreatedToken(token, secret)

    def revoke(self, token_id: int) -> ApiToken:
        """End a token at once, with those made through it, and theirs; revoking it twice does nothing.

        Webhooks that any of them made are paused.

        Raises
        ------
        NotFoundError
            When there is none, or it is someone else's.
        """
        token = self.get(token_id)
        ended = made = self._end(col(ApiToken.id) == token_id)
        while made:
            made = self._end(col(ApiToken.made_through).in_([each.id for each in made]))
            ended = [*ended, *made]
        paused = pause_made_through(self.session, [each.id for each in ended])
        for each in ended:  # only now: the trail is locked last, as it is by who makes a token
            detail = {} if each is token else {"through": token_id}
            Audit(self.session, self.clock, self.actor).record("token.revoked", "ApiToken", each.id, **detail)
        for webhook_id in paused:
            Audit(self.session, self.clock, self.actor).record(
                "webhook.updated", "Webhook", webhook_id, state="paused", through=token_id
            )
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

    def _end(self, which: ColumnElement[bool]) -> Sequence[ApiToken]:
        """Revoke those in force; who makes a token through one of them has done so or will be refused."""
        in_force = select(ApiToken).where(which, col(ApiToken.revoked_at).is_(None)).with_for_update()
        tokens = self.session.exec(in_force.execution_options(populate_existing=True)).all()
        for token in tokens:
            token.revoked_at = self.clock()
        self.session.flush()
        return tokens

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
