"""A list's page by cursor, from and to the address bar."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

PAGE_SIZE = 24


def page_of(request: Request, size: int = PAGE_SIZE) -> dict[str, Any]:
    """Return the connection's arguments that the address asks for."""
    if before := request.query_params.get("before"):
        return {"last": size, "before": before}
    return {"first": size, "after": request.query_params.get("after")}


def here(request: Request) -> str:
    """Return what an address says of the page that is looked at, for forms that come back to it."""
    return f"?{request.url.query}" if request.url.query else ""


def links(request: Request, page_info: dict[str, Any], at: str = "") -> dict[str, str | None]:
    """Return the addresses of the page before and the page after, keeping the filters.

    A list that also answers a refused form, which has another address, names its own: `at`.
    """
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in {"after", "before"} and v]
    forward = f"{at}?{urlencode([*kept, ('after', page_info['endCursor'])])}"
    back = f"{at}?{urlencode([*kept, ('before', page_info['startCursor'])])}"
    return {
        "next": forward if page_info["hasNextPage"] else None,
        "previous": back if page_info["hasPreviousPage"] else None,
    }
