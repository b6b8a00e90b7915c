"""Accounts as the API shows them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import Row

from schema.context import Context, Info
from schema.loaders.tokens import tokens_of_accounts
from schema.loaders.trusted_documents import documents_of_accounts
from schema.models.accounts import Account as AccountRow
from schema.policy import Role, Scope, may_know_external_id
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum
from schema.types.languages import Language
from schema.types.tokens import ApiToken
from schema.types.trusted_documents import TrustedDocument

describe_enum(
    Role,
    "Role",
    "What an account is for.",
    "Administers the platform.",
    "Writes cases, holds sessions, prepares classes.",
    "Writes cases and holds sessions.",
    "Takes sessions.",
    "Watches figures and models.",
    "Reads ECGs with the help of models.",
)


class Theme(StrEnum):
    """Light, dark, or as the device says."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


describe_enum(Theme, "Theme", "How pages look.", "As the device is set.", "Light.", "Dark.")


@strawberry.type(description="Someone who may sign in, or a participant of an outside system.")
class Account(Node):
    """An account; e-mail and tokens only for its owner and administrators."""

    row: strawberry.Private[Row[Any] | AccountRow]
    display_name: str = strawberry.field(description="The name others see.")
    role: Role = strawberry.field(description="What the account is for.")
    language: Language = strawberry.field(description="What language pages and messages are in.")
    theme: Theme = strawberry.field(description="How pages look.")
    created_at: datetime = strawberry.field(description="When it was made.")
    disabled_at: datetime | None = strawberry.field(
        description="When it was shut; null while it may be used."
    )

    @strawberry.field(
        description="Address used to sign in; null unless it is the viewer's own or the viewer administers."
    )
    def email(self, info: Info) -> str | None:
        """Hide the address from others."""
        return self.row.email if _private_to(info.context, self.row.id or 0) else None

    @strawberry.field(
        description="What the outside system that enrolled this participant calls them; null for anybody but "
        "that system and administrators."
    )
    def external_id(self, info: Info) -> str | None:
        """Tell it to whoever gave it."""
        return external_id_of(self.row, info.context)

    @strawberry.field(
        description="API tokens, newest first; none unless they are the viewer's or the viewer administers."
    )
    async def tokens(self, info: Info) -> list[ApiToken]:
        """Load the tokens."""
        key = self.row.id or 0
        if not _private_to(info.context, key):
            return []
        return [ApiToken.of(row) for row in await info.context.loaders.of(tokens_of_accounts).load(key)]

    @strawberry.field(
        description="Documents confined tokens may send, newest first; none unless they are the viewer's."
    )
    async def documents(self, info: Info) -> list[TrustedDocument]:
        """Load the documents, for the account itself only."""
        key, viewer = self.row.id or 0, info.context.actor
        if viewer is None or viewer.account_id != key or not viewer.may(Scope.PROFILE):
            return []
        rows = await info.context.loaders.of(documents_of_accounts).load(key)
        return [TrustedDocument.of(row) for row in rows]

    @strawberry.field(description="The most a token of the viewer's may be given; none for other accounts.")
    def scopes(self, info: Info) -> list[Scope]:
        """Ask the policy, for the account itself only."""
        viewer = info.context.actor
        if viewer is None or viewer.account_id != self.row.id:
            return []
        return [scope for scope in Scope if viewer.may(scope)]

    @classmethod
    def of(cls, row: Row[Any] | AccountRow) -> "Account":
        """Return the node of a row."""
        return cls(
            id=global_id("Account", row.id or 0),
            row=row,
            display_name=row.display_name,
            role=Role(row.role),
            language=Language(row.language),
            theme=Theme(row.theme),
            created_at=row.created_at,
            disabled_at=row.disabled_at,
        )


def external_id_of(row: Row[Any] | AccountRow, context: Context) -> str | None:
    """Return an outside system's name of a participant, where the viewer may know it."""
    viewer = context.actor
    known = viewer is not None and may_know_external_id(viewer, row.managed_by)
    return row.external_id if known else None


def _private_to(context: Context, account_id: int) -> bool:
    """Return whether the viewer may see what only the account itself and administrators see."""
    viewer = context.actor
    if viewer is None:
        return False
    own = viewer.account_id == account_id and viewer.may(Scope.PROFILE)
    return own or viewer.may(Scope.ACCOUNTS)
