"""A request's visitor, and the GraphQL context that goes with them; the same for /graphql and for pages."""

from dataclasses import dataclass

from anyio import to_thread
from starlette.requests import HTTPConnection

from schema.context import Context
from schema.policy import Actor
from server.i18n import LANGUAGES, catalogue, preferred
from server.settings import Settings
from server.site import Site, site_of

THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE = "chevet_language"
THEME_COOKIE = "chevet_theme"
BEARER = "bearer "
FORM_TOKEN = "form token"  # noqa: S105 - a purpose, not a token


@dataclass(frozen=True)
class Visitor:
    """Who makes a request and how they like to be answered.

    Parameters
    ----------
    session_token
        What the session cookie holds; empty when there is none.
    """

    actor: Actor | None
    language: str
    theme: str
    session_token: str = ""
    csrf_token: str = ""

    @property
    def must_change_password(self) -> bool:
        """Return whether all the visitor may do is to change a temporary password."""
        return self.actor is not None and self.actor.temporary


def session_cookie(settings: Settings) -> str:
    """Return the session cookie's name; a browser refuses the prefixed one over plain HTTP."""
    return "__Host-chevet_session" if settings.production else "chevet_session"


def bearer_token(connection: HTTPConnection) -> str | None:
    """Return the API token of a request, or of a socket's first message; it may be empty."""
    said = connection.scope.get("state", {}).get("authorization", "")
    header = connection.headers.get("authorization", said)
    return header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else None


async def identify(connection: HTTPConnection) -> Visitor:
    """Return the visitor of a request.

    A request that carries an API token is judged by that token alone: its cookies are not looked at, since
    the forgery door has let it pass.
    """
    site = site_of(connection)
    bearer = bearer_token(connection)
    token = "" if bearer is not None else connection.cookies.get(session_cookie(site.settings), "")
    actor = await to_thread.run_sync(_actor, site, bearer, token) if bearer or token else None
    return _visitor(connection, site, actor, token)


async def look_again(connection: HTTPConnection, before: Actor | None = None) -> bool:
    """Find out anew who speaks over a connection that stays open.

    Whoever signed out, whose token was revoked or whose account was shut is nobody from then on.

    Returns
    -------
    bool
        Whether it is who it was before, with the same rights.
    """
    visitor = await identify(connection)
    connection.scope.setdefault("state", {})["visitor"] = visitor
    return _reach(visitor.actor) == _reach(before)


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Return the visitor found by the middleware; a stranger where it has not run."""
    known: Visitor | None = connection.scope.get("state", {}).get("visitor")
    return known or _visitor(connection, site_of(connection), None, "")


def context_of(connection: HTTPConnection) -> Context:
    """Return the GraphQL context of a request."""
    visitor, site = visitor_of(connection), site_of(connection)
    return Context(
        services=site.services,
        actor=visitor.actor,
        language=visitor.language,
        request_id=connection.scope.get("state", {}).get("request_id", ""),
        translate=catalogue(visitor.language).gettext,
        told=not site.settings.production or (visitor.actor is not None and visitor.actor.reads_schema),
    )


def _reach(actor: Actor | None) -> tuple[object, ...]:
    return () if actor is None else (actor.account_id, actor.role, actor.scopes)


def _actor(site: Site, bearer: str | None, session_token: str) -> Actor | None:
    site.services.shelf.refresh()
    if bearer is not None:
        return site.authentication.by_api_token(bearer)
    return site.authentication.by_session_token(session_token)


def _visitor(connection: HTTPConnection, site: Site, actor: Actor | None, token: str) -> Visitor:
    theme = connection.cookies.get(THEME_COOKIE, "")
    return Visitor(
        actor=actor,
        language=_language(connection, actor),
        theme=theme if theme in THEMES else "auto",
        session_token=token,
        csrf_token=site.signer.sign(FORM_TOKEN, token),
    )


def _language(connection: HTTPConnection, actor: Actor | None) -> str:
    """Return the account's language, else the one chosen on this device, else the browser's."""
    if actor is not None and actor.language in LANGUAGES:
        return actor.language
    chosen = connection.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(connection.headers.get("accept-language", ""))
