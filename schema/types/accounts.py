"""Accounts as the API shows them."""

from datetime import datetime

import strawberry

from schema.context import Info
from schema.models.accounts import Account as AccountRow
from schema.policy import Role as RoleValue
from schema.types.base import Node, global_id

Role = strawberry.enum(RoleValue, name="Role", description="What an account is for.")


@strawberry.type(description="Someone who may sign in, or a participant of an outside system.")
class Account(Node):
    """An account; e-mail only for its owner and administrators."""

    row: strawberry.Private[AccountRow]
    display_name: str = strawberry.field(description="The name others see.")
    role: Role = strawberry.field(description="What the account is for.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @strawberry.field(description="Address used to sign in; null unless it is the viewer's own or the viewer administers.")
    def email(self, info: Info) -> str | None:
        """Hide the address from others."""
        viewer = info.context.actor
        return self.row.email if viewer and (viewer.is_admin or viewer.account_id == self.row.id) else None

    @classmethod
    def of(cls, row: AccountRow) -> "Account":
        """Return the node of a row."""
        return cls(
            id=global_id("Account", row.id or 0),
            row=row,
            display_name=row.display_name,
            role=RoleValue(row.role),
            created_at=row.created_at,
        )
