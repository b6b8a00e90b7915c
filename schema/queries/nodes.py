"""Any object by its id alone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import strawberry

from schema.context import Info
from schema.errors import NotFoundError, ValidationFailedError
from schema.pagination import MAX_PAGE
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.accounts import Accounts
from schema.services.audit import Audit
from schema.services.tokens import Tokens
from schema.types.accounts import Account
from schema.types.audit import AuditEvent
from schema.types.base import Node, split_id
from schema.types.tokens import ApiToken


@dataclass(frozen=True, slots=True)
class NodeKind:
    """How to load one kind of object.

    Parameters
    ----------
    scope
        Without it every object of the kind is missing.
    load
        Returns the node of a key; raises NotFoundError for what the viewer may not see.
    """

    scope: Scope
    load: Callable[[Info, int], Awaitable[Node]]


async def _account(info: Info, key: int) -> Node:
    viewer, clock = info.context.viewer, info.context.services.clock
    if key != viewer.account_id and not viewer.may(Scope.ACCOUNTS):
        raise NotFoundError
    return Account.of(await info.context.read(lambda session: Accounts(session, clock).get(key)))


async def _token(info: Info, key: int) -> Node:
    viewer, clock = info.context.viewer, info.context.services.clock
    return ApiToken.of(await info.context.read(lambda session: Tokens(session, clock, viewer).get(key)))


async def _audit_event(info: Info, key: int) -> Node:
    viewer, clock = info.context.viewer, info.context.services.clock
    return AuditEvent.of(await info.context.read(lambda session: Audit(session, clock, viewer).get(key)))


KINDS: dict[str, NodeKind] = {
    "Account": NodeKind(Scope.PROFILE, _account),
    "ApiToken": NodeKind(Scope.PROFILE, _token),
    "AuditEvent": NodeKind(Scope.AUDIT_READ, _audit_event),
}


@strawberry.type
class NodeQueries:
    """Relay's way to refetch."""

    @query_field(None, "The object with an id; null when there is none the viewer may see.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Any object's id.")],  # noqa: A002
    ) -> Node | None:
        """Return one object."""
        return await _loaded(info, id)

    @query_field(None, "The objects with these ids, in their order; null where the viewer may see none.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 ids.")],
    ) -> list[Node | None]:
        """Return many objects."""
        if len(ids) > MAX_PAGE:
            raise ValidationFailedError.of("ids", "too_many", maximum=MAX_PAGE)
        return list(await asyncio.gather(*(_loaded(info, each) for each in ids)))


async def _loaded(info: Info, identifier: str) -> Node | None:
    viewer = info.context.viewer
    try:
        name, key = split_id(identifier)
        kind = KINDS.get(name)
        if kind is None or not viewer.may(kind.scope):
            return None
        return await kind.load(info, key)
    except NotFoundError:
        return None
