"""API tokens as the API shows them: never their secret."""

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Row

from schema.models.accounts import ApiToken as ApiTokenRow
from schema.policy import Scope
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum

describe_enum(
    Scope,
    "Scope",
    "What a token may touch, within its account's role.",
    "Read cases.",
    "Write cases.",
    "Read training sessions and their results.",
    "Hold training sessions and enrol participants.",
    "Read one's enrolments and attempts.",
    "Take sessions.",
    "Read the ontology and have texts matched.",
    "Edit and import ontologies; experts and administrators only.",
    "Read the library's figures.",
    "Read and change one's own profile, password and tokens.",
    "Administer accounts.",
    "Prepare a class: list and make accounts of students.",
    "Read the audit trail.",
    "Settle what the rules and a language model read differently.",
    "Have addresses told of what happens.",
    "Ask the schema about itself in production: introspection, and suggestions for misspelt names.",
    "Read what models said of recordings, visits and patients.",
    "Have models read recordings of one's own cases.",
    "Say what one thinks of what models said.",
    "See models, their versions and which one answers.",
    "Decide which version of a model answers; administrators only.",
    "Ask how soon a patient is to be seen.",
    "Search the hospital's archives (PACS), make cases of what they hold and send recordings to them; never "
    "experts.",
    "Record segmentations of brain tumours.",
    "Read conformity reports, compare runs of models and have their files; analysts and administrators.",
    "See, acknowledge and close alerts on models, and write their rules; analysts and administrators only.",
)


@strawberry.type(description="An outside system's key to an account.")
class ApiToken(Node):
    """A token without its secret."""

    name: str = strawberry.field(description="What it is for.")
    scopes: list[Scope] = strawberry.field(description="What it may touch.")
    confined: bool = strawberry.field(
        description="Whether it may send only documents that its account has registered."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it ends by itself; null for never.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")
    revoked_at: datetime | None = strawberry.field(description="When it was ended; null while in force.")

    @classmethod
    def of(cls, row: Row[Any] | ApiTokenRow) -> "ApiToken":
        """Return the node of a row."""
        return cls(
            id=global_id("ApiToken", row.id or 0),
            name=row.name,
            scopes=[Scope(scope) for scope in row.scopes],
            confined=row.confined,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )
