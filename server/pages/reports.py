"""Monthly conformity reports, to be downloaded."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.pages.paging import links, page_of
from server.pages.support import query, render


async def index(request: Request) -> Response:
    """List the reports."""
    data = await query(request, "reports/list", **page_of(request))
    pages = links(request, data["conformityReports"]["pageInfo"])
    return await render(request, "reports/list.html", {**data, "pages": pages})


routes = [Route("/monitoring/reports", index, name="reports")]
