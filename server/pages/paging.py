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


def links(request: Request, page_info: dict[str, Any], at: str = "") -> dict[str, str | None]:
    """Return the addresses of the page before and the page after, keeping the filters.

    A list that also answers a refused form, which has another address, names its own: `at`. A page whose rows
    are gone has no cursor to go on from: it leads to the first page.
    """
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in {"after", "before"} and v]

    def there(way: str, cursor: str | None) -> str:
        return f"{at}?{urlencode([*kept, (way, cursor)] if cursor else kept)}"

    return {
        "next": there("after", page_info["endCursor"]) if page_info["hasNextPage"] else None,
        "previous": there("before", page_info["startCursor"]) if page_info["hasPreviousPage"] else None,
    }
