"""Making and ending the viewer's API tokens."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.context import Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.tokens import Tokens
from schema.types.base import local_key
from schema.types.tokens import ApiToken


@strawberry.input(description="A token to make for the viewer's own account.")
class CreateTokenInput:
    """What it is for and how far it goes."""

    name: str = strawberry.field(description="What it is for, at most 80 characters.")
    scopes: list[Scope] = strawberry.field(
        description="What it may touch: within the role and, when a token asks, within that token's own."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When it ends by itself; never when left out, or with the token that asks.",
    )
    confined: bool = strawberry.field(
        default=False,
        description="Whether it may send only documents that the account has registered; in any case when "
        "such a token asks.",
    )


@strawberry.input(description="A token to end.")
class RevokeTokenInput:
    """A token."""

    id: strawberry.ID = strawberry.field(description="The token.")


@strawberry.type(description="A new token; its secret is shown this once.")
class CreatedToken:
    """The token and its secret."""

    token: ApiToken = strawberry.field(description="The token.")
    secret: str = strawberry.field(description="What to send as `Authorization: Bearer …`; kept nowhere.")


CreateTokenResult = Annotated[
    CreatedToken | Refusal,
    strawberry.union("CreateTokenResult", description="The new token, or why there is none."),
]
RevokeTokenResult = Annotated[
    ApiToken | Refusal,
    strawberry.union("RevokeTokenResult", description="The ended token, or why it was left."),
]


@strawberry.type
class TokenMutations:
    """Mutations of tokens."""

    @mutation_field(Scope.PROFILE, "Make an API token for an outside system.")
    async def create_token(self, info: Info, input: CreateTokenInput) -> CreateTokenResult:  # noqa: A002
        """Make it within the viewer's own reach."""
        viewer, clock = info.context.viewer, info.context.services.clock
        made = await info.context.write(
            lambda session: Tokens(session, clock, viewer).create(
                viewer.account_id,
                input.name,
                frozenset(input.scopes),
                input.expires_at,
                confined=input.confined,
            )
        )
        return CreatedToken(token=ApiToken.of(made.token), secret=made.secret)

    @mutation_field(
        Scope.PROFILE, "End an API token at once, with those made through it; ending it twice does nothing."
    )
    async def revoke_token(self, info: Info, input: RevokeTokenInput) -> RevokeTokenResult:  # noqa: A002
        """End it."""
        viewer, clock, key = info.context.viewer, info.context.services.clock, local_key(input.id, "ApiToken")
        return ApiToken.of(
            await info.context.write(lambda session: Tokens(session, clock, viewer).revoke(key))
        )
