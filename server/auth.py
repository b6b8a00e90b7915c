"""Signing in and out, language and appearance.

These call services themselves: no password and no session token ever passes through GraphQL.
"""

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.policy import Scope
from schema.services.accounts import Accounts
from schema.services.authentication import SESSION_LIFETIME, SignInRefusedError
from schema.services.throttle import TooManyAttemptsError
from server.context import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, context_of, session_cookie, visitor_of
from server.forms import Form, Problem, kept
from server.i18n import LANGUAGES, ngettext
from server.i18n import gettext as _
from server.pages.support import form_of, redirect, render
from server.site import Site, site_of

YEAR_S = 365 * 24 * 3600


async def sign_in_page(request: Request) -> Response:
    """Show the form, or go on when somebody is signed in already."""
    if visitor_of(request).actor is not None:
        return redirect(request, local_address(request.query_params.get("next")))
    return await _page(request, Form(), request.query_params.get("next"))


async def sign_in(request: Request) -> Response:
    """Sign in with e-mail and password; a new session takes the place of any old one."""
    typed = kept(await form_of(request))
    password = Form(typed).value("password")
    form = Form({name: values for name, values in typed.items() if name != "password"})
    site, back = site_of(request), local_address(form.value("next"))
    address = request.client.host if request.client else ""
    try:
        token = await to_thread.run_sync(site.authentication.sign_in, form.value("email"), password, address)
    except TooManyAttemptsError as error:
        response = await _page(request, _refused(form, "throttled", _wait(error.retry_after)), back, 429)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    except SignInRefusedError:
        return await _page(request, _refused(form, "refused", _("E-mail or password is wrong.")), back, 422)
    await _end_session(request)
    response = redirect(request, back)
    _keep(response, site, session_cookie(site.settings), token, int(SESSION_LIFETIME.total_seconds()))
    return response


async def sign_out(request: Request) -> Response:
    """End the session here and on the server."""
    await form_of(request)
    await _end_session(request)
    site = site_of(request)
    response = redirect(request, "/sign-in", said=_("You are signed out."))
    _keep(response, site, session_cookie(site.settings), "", 0)
    return response


async def choose_preferences(request: Request) -> Response:
    """Choose language and appearance, on this device and for the account."""
    form = Form(kept(await form_of(request)))
    site = site_of(request)
    language = _one_of(LANGUAGES, form.value("language"))
    theme = _one_of(THEMES, form.value("theme"))
    response = redirect(request, local_address(form.value("next")))
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value:
            _keep(response, site, name, value, YEAR_S)
    actor = visitor_of(request).actor
    if actor is not None and (actor.temporary or actor.may(Scope.PROFILE)):
        await context_of(request).write(
            lambda session: Accounts(session, site.services.clock, actor).set_preferences(
                actor.account_id, language, theme
            )
        )
    return response


routes = [
    Route("/sign-in", sign_in_page, methods=["GET"], name="sign_in"),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"], name="sign_out"),
    Route("/preferences", choose_preferences, methods=["POST"], name="preferences"),
]


def local_address(address: str | None) -> str:
    """Return where to go next: an address on this site, never another's; the home page otherwise."""
    safe = address is not None and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if address and safe and address.isprintable() else "/"


async def _page(request: Request, form: Form, back: str | None, status: int = 200) -> Response:
    data: dict[str, Any] = {"form": form, "next": local_address(back)}
    return await render(request, "auth/sign_in.html", data, status=status)


def _keep(response: Response, site: Site, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads and no other site sends with a form; none with 0 seconds."""
    secure = site.settings.production
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=secure)


def _one_of(known: tuple[str, ...], value: str) -> str | None:
    return value if value in known else None


async def _end_session(request: Request) -> None:
    token = visitor_of(request).session_token
    if token:
        await to_thread.run_sync(site_of(request).authentication.sign_out, token)


def _refused(form: Form, code: str, message: str) -> Form:
    return Form(form.typed, [Problem("email", code, message)])


def _wait(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return ngettext("Too many tries. Wait a minute.", "Too many tries. Wait %(num)d minutes.", minutes) % {
        "num": minutes
    }
