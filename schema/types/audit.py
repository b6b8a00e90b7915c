"""The audit trail as the API shows it."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from schema.context import Info
from schema.loaders.audit import known_accounts
from schema.models.accounts import AuditEvent as AuditEventRow
from schema.types.accounts import Account
from schema.types.base import Node, global_id


@strawberry.type(description="One change somebody made; never altered.")
class AuditEvent(Node):
    """A link of the chain."""

    row: strawberry.Private[AuditEventRow]
    sequence: int = strawberry.field(description="Its place in the trail, from 1 without gaps.")
    at: datetime = strawberry.field(description="When.")
    action: str = strawberry.field(description="What happened, e.g. `case.validated`.")
    target_type: str = strawberry.field(description="What kind of object it happened to.")
    target_id: strawberry.ID | None = strawberry.field(description="Which one; it may be gone since.")
    detail: JSON = strawberry.field(description="What helps to understand the change.")
    hash: str = strawberry.field(description="SHA-256 over the previous hash and all of the above.")

    @strawberry.field(description="Who; null for the command line and for the platform itself.")
    async def actor(self, info: Info) -> Account | None:
        """Load the actor."""
        if self.row.actor_id is None:
            return None
        account = await info.context.loaders.of(known_accounts).load(self.row.actor_id)
        return None if account is None else Account.of(account)

    @classmethod
    def of(cls, row: AuditEventRow) -> "AuditEvent":
        """Return the node of a row."""
        return cls(
            id=global_id("AuditEvent", row.sequence),
            row=row,
            sequence=row.sequence,
            at=row.at,
            action=row.action,
            target_type=row.target_type,
            target_id=None if row.target_id is None else global_id(row.target_type, row.target_id),
            detail=JSON(row.detail),
            hash=row.hash,
        )
