"""How texts are read: what the cache saves, what a model costs, where it disagrees with the rules."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.i18n import gettext as _
from server.pages.paging import links, page_of
from server.pages.support import query, redirect, render, submit

OPEN, SETTLED = "open", "settled"
SETTLING = frozenset({"EXPERT", "ADMIN"})


async def show(request: Request) -> Response:
    """Show the figures, and to those who settle them the disagreements."""
    data = await query(request, "matcher/show")
    given = {**data, "disagreements": None}
    viewer = (await query(request, "home/home"))["viewer"]
    if viewer["role"] in SETTLING:
        asked = SETTLED if request.query_params.get("show") == SETTLED else OPEN
        listed = await query(
            request, "matcher/disagreements", filter={"settled": asked == SETTLED}, **page_of(request)
        )
        found = listed["matcherDisagreements"]
        given |= {"disagreements": found, "asked": asked, "pages": links(request, found["pageInfo"])}
    return await render(request, "matcher/show.html", given)


async def settle(request: Request) -> Response:
    """Keep who was right."""
    done = await submit(request, "matcher/settle")
    if not done.ok:
        said = done.message or " ".join(problem.message for problem in done.form.problems)
        return redirect(request, "/matcher", said=said, kind="care")
    return redirect(request, "/matcher", said=_("Your word is kept."))


routes = [
    Route("/matcher", show, name="matcher"),
    Route("/matcher", settle, methods=["POST"]),
]
