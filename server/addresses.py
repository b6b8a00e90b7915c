"""Addresses that lead back to where somebody is."""

from starlette.requests import Request


def here(request: Request) -> str:
    """Return the end of the address that is looked at, from its question mark on, or nothing."""
    return f"?{request.url.query}" if request.url.query else ""
