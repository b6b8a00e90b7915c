"""What a request was for, told without what a visitor may have typed into its address."""

from collections.abc import Mapping
from typing import Any

from starlette.routing import Match
from starlette.types import Scope

from schema.errors import NotFoundError
from schema.scalars import split_id

NOWHERE = "(no route)"


def template_of(scope: Scope) -> str | None:
    """Return the template of the route that a request is for, refused or not; None where there is none."""
    route, _parameters = _found(scope)
    path: str | None = getattr(route, "path", None)
    return path


def shown_path(scope: Scope) -> str:
    """Return the path as it may be logged: with ids of ours filled into the template, and no other words."""
    route, parameters = _found(scope)
    path = getattr(route, "path", NOWHERE)
    for name, value in parameters.items():
        if _is_id(value):
            path = path.replace(f"{{{name}}}", value)
    return path


def _found(scope: Scope) -> tuple[Any, Mapping[str, Any]]:
    if "route" in scope:
        return scope["route"], scope.get("path_params", {})
    for route in getattr(scope.get("app"), "routes", ()):
        match, child = route.matches(scope)
        if match is not Match.NONE:
            return route, child.get("path_params", {})
    return None, {}


def _is_id(value: Any) -> bool:
    try:
        split_id(value)
    except (NotFoundError, TypeError):
        return False
    return True
