"""Registered documents as the API shows them."""

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Row

from schema.models.trusted_documents import TrustedDocument as TrustedDocumentRow
from schema.types.base import Node, global_id


@strawberry.type(description="A GraphQL document that confined tokens of its account may send.")
class TrustedDocument(Node):
    """A registered document."""

    sha256: str = strawberry.field(
        description="SHA-256 of the text, in hexadecimal: what to send as `documentId`."
    )
    text: str = strawberry.field(description="The document, exactly as it was registered.")
    operations: list[str] = strawberry.field(description="The names of its operations.")
    cost: int = strawberry.field(
        description="Points of its dearest operation, when its variables are left out."
    )
    created_at: datetime = strawberry.field(description="When it was registered.")

    @classmethod
    def of(cls, row: Row[Any] | TrustedDocumentRow) -> "TrustedDocument":
        """Return the node of a row."""
        return cls(
            id=global_id("TrustedDocument", row.id or 0),
            sha256=row.sha256,
            text=row.text,
            operations=row.operations,
            cost=row.cost,
            created_at=row.created_at,
        )
