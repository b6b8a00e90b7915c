"""What is asked over GraphQL, by a request or over a socket: which document, who pays, for how long."""

import asyncio
from typing import Any, NamedTuple

from graphql import GraphQLError
from starlette.requests import HTTPConnection

from schema.context import Context
from schema.messages import N_
from schema.services.cache import Bucket
from schema.services.metering import REFUSED, Meter, buckets_of
from schema.services.trusted_documents import TrustedDocuments, sha256
from server.context import context_of, visitor_of
from server.i18n import gettext as _
from server.site import site_of

LONGEST_EXECUTION_S = 60.0
"""An operation is given up after this long; the longest decodes an upload."""
OWN_OPERATIONS_ONLY = "Without an API token only the pages' own operations may be asked."
UNKNOWN_DOCUMENT = "PersistedQueryNotFound"
"""The words Apollo's clients look for."""
REGISTERED_ONLY = "This token may send only documents that its account has registered."
TOO_BUSY = N_("Too much is being asked of the server just now. Please try again in a moment.")


class Asked(NamedTuple):
    """What a request names as its document: a text, the id of a registered one, or both."""

    text: str | None
    identifier: str | None


async def text_of(asked: Asked, connection: HTTPConnection, context: Context) -> str | None:
    """Return the document that is asked; None when none is named.

    With an API token any may be, with a confined one only those its account has registered, without a
    token in production only those of our pages. Nothing is parsed to find out.

    Raises
    ------
    GraphQLError
        When it may not be.
    """
    actor, text = context.actor, asked.text
    if asked.identifier is not None and not text:
        text = await _registered(context, asked.identifier)
        if text is None:
            await context.pay(REFUSED)
            raise GraphQLError(UNKNOWN_DOCUMENT, extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})
    elif actor is not None and actor.confined and await _registered(context, sha256(text or "")) is None:
        await context.pay(REFUSED)
        raise GraphQLError(REGISTERED_ONLY, extensions={"code": "FORBIDDEN"})
    with_token = actor is not None and actor.token_id is not None
    site = site_of(connection)
    if site.settings.production and not with_token and text not in site.operations.documents:
        raise GraphQLError(OWN_OPERATIONS_ONLY, extensions={"code": "FORBIDDEN"})
    return text


def payers_of(connection: HTTPConnection) -> list[Bucket]:
    """Return the buckets a request is paid from."""
    site = site_of(connection)
    address = connection.client.host if connection.client else ""
    actor = visitor_of(connection).actor
    return buckets_of(actor, address, site.settings.api_points, site.services.passwords)


def paying_context(connection: HTTPConnection) -> Context:
    """Return the context of a request that is paid for."""
    context = context_of(connection)
    context.meter = Meter(context.services.purse, payers_of(connection))
    return context


def identifier_in(payload: dict[str, Any]) -> str | None:
    """Return the SHA-256 by which a request names its document, as `documentId` or as Apollo's clients do."""
    extensions = payload.get("extensions")
    known = extensions if isinstance(extensions, dict) else {}
    persisted = known.get("persistedQuery")
    hashed = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    given = payload.get("documentId", known.get("documentId", hashed))
    return given.removeprefix("sha256:") if isinstance(given, str) else None


async def _registered(context: Context, identifier: str) -> str | None:
    """Return the text that the viewer's account has registered under an id."""
    clock, actor = context.services.clock, context.actor
    if actor is None:
        return None
    return await context.read(lambda session: TrustedDocuments(session, clock, actor).text_of(identifier))


def in_time() -> asyncio.Timeout:
    """Return what gives an operation up after `LONGEST_EXECUTION_S`."""
    return asyncio.timeout(LONGEST_EXECUTION_S)


def too_late() -> GraphQLError:
    """Return the refusal of an operation that was given up."""
    return GraphQLError(_("This took too long and was given up."), extensions={"code": "TIMED_OUT"})
