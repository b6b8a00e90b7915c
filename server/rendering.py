"""Templates to HTML: the Jinja environment, and what every page is given."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response

from schema.policy import Actor
from server import formats, htmx
from server.context import visitor_of
from server.i18n import gettext, ngettext, speaking
from server.markdown import markdown
from server.settings import Settings
from server.signing import Signer
from server.static import StaticAddresses

FLASH_COOKIE = "chevet_flash"
FLASH = "flash message"


@dataclass(frozen=True)
class Page:
    """What a template knows of the request, such as `page.language` and `page.viewer`.

    Parameters
    ----------
    viewer
        The signed-in account's `displayName` and `role`, or None.
    path
        The address without the query string.
    flash
        (kind, text) left by the page before, shown once; kinds are those of the `message` macro.
    alerts
        How many alerts nobody looks after yet, for those who see alerts.
    must_change_password
        Whether no other page is open to the viewer.
    """

    language: str
    theme: str
    csrf_token: str
    viewer: dict[str, str] | None
    path: str
    flash: tuple[str, str] | None = None
    alerts: int = 0
    must_change_password: bool = False


class Environment(jinja2.Environment):
    """Reads `{{ case.items }}` as the key of a mapping before the mapping's method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a mapping's item, else the object's attribute."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class Renderer:
    """Renders templates for requests.

    Parameters
    ----------
    templates, static
        The folders of templates and of static files.
    url_for
        (route name, path parameters) -> path.
    """

    def __init__(
        self, settings: Settings, signer: Signer, templates: Path, static: Path, url_for: Callable[..., str]
    ) -> None:
        self._signer = signer
        self._secure = settings.production
        self.static = StaticAddresses(static, watch=not settings.production)
        self._environment = environment(settings, templates)
        self._environment.globals.update(static=self.static.address, url=url_for)

    def text(self, connection: HTTPConnection, template: str, data: Mapping[str, Any], **page: Any) -> str:
        """Return a template rendered in the visitor's language; `page` replaces parts of the page object."""
        visitor = visitor_of(connection)
        about = Page(
            language=visitor.language,
            theme=visitor.theme,
            csrf_token=visitor.csrf_token,
            viewer=_shown(visitor.actor),
            path=connection.url.path,
            must_change_password=visitor.must_change_password,
            **page,
        )
        with speaking(visitor.language):
            return self._environment.get_template(template).render({**data, "page": about})

    def response(
        self, request: Request, template: str, data: Mapping[str, Any], status: int = 200, alerts: int = 0
    ) -> HTMLResponse:
        """Return a template as an answer no shared computer keeps; a whole page shows the waiting message."""
        flash = None if htmx.wants_fragment(request) else self._waiting(request)
        body = self.text(request, template, data, flash=flash, alerts=alerts)
        headers = {"Vary": htmx.VARY, "Cache-Control": "no-store"}
        response = HTMLResponse(body, status_code=status, headers=headers)
        if flash is not None:
            response.delete_cookie(FLASH_COOKIE)
        return response

    def leave(self, response: Response, kind: str, text: str) -> None:
        """Leave a message for the next page."""
        packed = base64.urlsafe_b64encode(orjson.dumps([kind, text])).decode()
        value = f"{packed}.{self._signer.sign(FLASH, packed)}"
        response.set_cookie(
            FLASH_COOKIE, value, max_age=60, httponly=True, samesite="lax", secure=self._secure
        )

    def _waiting(self, request: Request) -> tuple[str, str] | None:
        packed, _, signature = request.cookies.get(FLASH_COOKIE, "").partition(".")
        if not self._signer.verify(FLASH, packed, signature):
            return None
        kind, text = orjson.loads(base64.urlsafe_b64decode(packed))
        return kind, text


def _shown(actor: Actor | None) -> dict[str, str] | None:
    return None if actor is None else {"displayName": actor.display_name, "role": actor.role.name}


def environment(settings: Settings, folder: Path) -> jinja2.Environment:
    """Return what reads the templates of a folder, with the filters that they use."""
    made = Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=not settings.production,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    filters = formats.Formats(settings.time_zone)
    made.filters.update(
        date=filters.date,
        day=formats.day,
        month=formats.month,
        datetime=filters.datetime,
        time=filters.time,
        datetime_local=filters.datetime_local,
        moment=formats.moment,
        number=formats.number,
        percent=formats.percent,
        duration=formats.duration,
        markdown=markdown,
    )
    return made
