"""My account and its tokens; for administrators, everybody's accounts."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.context import visitor_of
from server.errors import SignInRequired
from server.forms import Form
from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import Submission, query, redirect, render, submit, texts


async def me(request: Request) -> Response:
    """Show the viewer's own account."""
    return await _me(request)


async def change_email(request: Request) -> Response:
    """Change the address one signs in with."""
    done = await submit(request, "accounts/change_email")
    if not done.ok:
        return await _me(request, "email", done)
    return redirect(
        request, "/account", said=_("The e-mail address is changed. Sign in with it from now on.")
    )


async def change_password(request: Request) -> Response:
    """Change the password; other browsers are signed out."""
    done = await submit(request, "accounts/change_password")
    if not done.ok:
        return await _me(request, "password", done)
    said = _(
        "The password is changed. Other devices are signed out; tokens stay good until they are revoked."
    )
    return redirect(request, "/" if visitor_of(request).must_change_password else "/account", said=said)


async def create_token(request: Request) -> Response:
    """Make a token; its secret is shown this once."""
    done = await submit(request, "accounts/create_token")
    if not done.ok:
        return await _me(request, "token", done)
    return await _me(request, token=done.value["secret"])


async def revoke_token(request: Request) -> Response:
    """Take a token's access away."""
    done = await submit(request, "accounts/revoke_token")
    if not done.ok:
        return await _me(request, "revoke", done)
    return redirect(request, "/account", said=_("The token is revoked."))


async def register_document(request: Request) -> Response:
    """Let confined tokens send a document."""
    typed = await texts(request, "text")  # its lines ended as everywhere but in what browsers send
    exact = {name: text.replace("\r\n", "\n") for name, text in typed.items()}
    done = await submit(request, "accounts/register_document", **exact)
    if not done.ok:
        return await _me(request, "document", done)
    return redirect(request, "/account", said=_("The document is registered."))


async def remove_document(request: Request) -> Response:
    """Let no confined token send a document any more."""
    done = await submit(request, "accounts/remove_document")
    if not done.ok:
        return await _me(request, "remove", done)
    return redirect(request, "/account", said=_("The document is removed."))


async def index(request: Request) -> Response:
    """List the accounts the viewer may see."""
    return await _index(request, Submission("Account"))


async def create(request: Request) -> Response:
    """Make an account."""
    done = await submit(request, "accounts/create")
    if not done.ok:
        return await _index(request, done)
    return redirect(
        request, "/accounts", said=_("%(name)s can sign in.") % {"name": done.value["displayName"]}
    )


async def update(request: Request) -> Response:
    """Change a role, disable or enable."""
    done = await submit(request, "accounts/update")
    if not done.ok:
        return await _index(request, done)
    return redirect(
        request,
        "/accounts",
        said=_("The account of %(name)s is changed.") % {"name": done.value["displayName"]},
    )


async def reset_password(request: Request) -> Response:
    """Give somebody another password; it is shown this once."""
    done = await submit(request, "accounts/reset_password")
    if not done.ok:
        return await _index(request, done)
    return await _index(request, Submission("Account"), reset=done.value)


async def audit(request: Request) -> Response:
    """List who changed what."""
    asked = request.query_params.get("action", "")
    data = await query(request, "audit/list", filter={"action": asked} if asked else {}, **page_of(request))
    given = {**data, "asked": asked, "pages": links(request, data["auditEvents"]["pageInfo"])}
    return await render(request, "audit/list.html", given)


async def _me(request: Request, sent: str = "", done: Submission | None = None, token: str = "") -> Response:
    """Show the page, the form that was sent with what was typed into it and what is wrong with that.

    Of whoever has to change a temporary password it is the form for that alone.
    """
    answer = done or Submission("Account")
    if visitor_of(request).must_change_password:
        return await render(request, "accounts/temporary.html", {"form": answer.form}, status=answer.status)
    data = await query(request, "accounts/me")
    if data["viewer"] is None:
        raise SignInRequired
    names = ("email", "password", "token", "document")
    forms = {name: answer.form if name == sent else Form() for name in names}
    given = {**data, "forms": forms, "refusal": answer.message, "token": token}
    return await render(request, "accounts/me.html", given, status=answer.status)


async def _index(request: Request, done: Submission, reset: dict[str, Any] | None = None) -> Response:
    asked = request.query_params.get("search", "")
    data = await query(
        request, "accounts/list", filter={"search": asked} if asked else {}, **page_of(request)
    )
    pages = links(request, data["accounts"]["pageInfo"], "/accounts")
    given = {
        **data,
        "form": done.form,
        "refusal": done.message,
        "pages": pages,
        "asked": asked,
        "reset": reset,
    }
    return await render(request, "accounts/list.html", given, status=done.status)


routes = [
    Route("/account", me, name="account"),
    Route("/account/email", change_email, methods=["POST"]),
    Route("/account/password", change_password, methods=["POST"]),
    Route("/account/tokens", create_token, methods=["POST"]),
    Route("/account/tokens/revoke", revoke_token, methods=["POST"]),
    Route("/account/documents", register_document, methods=["POST"]),
    Route("/account/documents/remove", remove_document, methods=["POST"]),
    Route("/accounts", index, name="accounts"),
    Route("/accounts", create, methods=["POST"]),
    Route("/accounts/update", update, methods=["POST"]),
    Route("/accounts/reset-password", reset_password, methods=["POST"]),
    Route("/audit", audit, name="audit"),
]
