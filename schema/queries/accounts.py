"""Who am I, and who is here."""

import strawberry

from schema.context import Info
from schema.permissions import query_field
from schema.services.accounts import Accounts
from schema.types.accounts import Account


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
        return Account.of(await info.context.read(lambda session: Accounts(session, clock).get(actor.account_id)))
