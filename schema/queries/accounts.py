"""Who am I, and who is here."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Role, Scope
from schema.services.accounts import AccountFilter as Filter
from schema.services.accounts import Accounts
from schema.types.accounts import Account
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection


@strawberry.input(description="Which accounts to list; what is left out does not narrow.")
class AccountFilter:
    """Conditions that all hold."""

    search: str | None = strawberry.field(
        default=None, description="Part of the name, or an address; for administrators part of one."
    )
    role: Role | None = strawberry.field(default=None, description="What they are for.")
    disabled: bool | None = strawberry.field(default=None, description="True for those that are shut only.")


@strawberry.type
class AccountQueries:
    """Queries about accounts."""

    @query_field(None, "Who is asking; null when nobody is signed in.")
    async def viewer(self, info: Info) -> Account | None:
        """Return the viewer's own account."""
        actor = info.context.actor
        if actor is None:
            return None
        clock = info.context.services.clock
        return Account.of(
            await info.context.read(lambda session: Accounts(session, clock).get(actor.account_id))
        )

    @query_field(Scope.STUDENTS, "Accounts by name: all for administrators, those of students for teachers.")
    async def accounts(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            AccountFilter | None, strawberry.argument(description="Which accounts; all when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Account]:
        """Return a page of accounts."""
        given = filter or AccountFilter()
        wanted = Filter(given.search, given.role, given.disabled)
        request, clock = PageRequest.of(first, after, last, before), info.context.services.clock
        viewer = info.context.viewer
        page = await info.context.read(lambda session: Accounts(session, clock, viewer).page(wanted, request))
        return connection(page, Account.of)
