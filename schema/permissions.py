"""Strawberry adapters over `schema.policy`: every root field declares the scope it needs.

`query_field` and `mutation_field` also turn named domain errors into what a client can read: result-union
members for mutations; null for a missing object, or an error with a stable code, for queries.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from schema.context import Context, Info
from schema.errors import (
    AuthenticationRequiredError,
    ConflictError,
    DomainError,
    FieldProblem,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.messages import MESSAGES, text_of
from schema.policy import Scope
from schema.types.base import Conflict, FieldError, NotAllowed, NotFound, ValidationErrors

Refusal = ValidationErrors | NotFound | NotAllowed | Conflict
CODES: dict[type[DomainError], str] = {
    AuthenticationRequiredError: "UNAUTHENTICATED",
    NotAllowedError: "FORBIDDEN",
    NotFoundError: "NOT_FOUND",
    ConflictError: "CONFLICT",
    ValidationFailedError: "BAD_REQUEST",
}


class Guard(FieldExtension):
    """Checks the scope before the resolver runs. `scope=None` marks a field anyone may ask.

    `temporary_too` marks one that is open to who signed in with a temporary password, whatever the scope.
    """

    def __init__(self, scope: Scope | None, *, temporary_too: bool = False) -> None:
        self.scope = scope
        self.temporary_too = temporary_too

    def check(self, context: Context) -> None:
        """Raise when the viewer lacks the scope, or has to change their password first."""
        if context.actor is not None and context.actor.temporary:
            if self.temporary_too:
                return
            raise NotAllowedError("temporary_password")
        if self.scope is not None and not context.viewer.may(self.scope):
            raise NotAllowedError("missing_scope")


class QueryGuard(Guard):
    """A guarded query field."""

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        """Resolve, or answer null for what is missing and a coded error for what is refused."""
        try:
            self.check(info.context)
            return await next_(source, info, **kwargs)
        except NotFoundError:
            return None
        except DomainError as error:
            raise coded(error, info.context) from None


class MutationGuard(Guard):
    """A guarded mutation field."""

    def apply(self, field: StrawberryField) -> None:
        """Describe the input as its type does."""
        for argument in field.arguments:
            argument.description = argument.description or _description_of(argument.type)

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        """Resolve, or answer with the member of the result union that says why not."""
        try:
            self.check(info.context)
            return await next_(source, info, **kwargs)
        except AuthenticationRequiredError as error:
            raise coded(error, info.context) from None
        except DomainError as error:
            return refusal(error, info.context)


def _description_of(input_type: Any) -> str | None:
    definition = getattr(input_type, "__strawberry_definition__", None)
    return definition.description if definition else None


def scoped(scope: Scope | None, description: str) -> str:
    """Return a root field's description with the scope that a token needs."""
    return description if scope is None else f"{description} Scope: `{scope}`."


def query_field(scope: Scope | None, description: str) -> Callable[[Any], Any]:
    """Return the decorator of a root query field."""
    made: Callable[[Any], Any] = strawberry.field(
        description=scoped(scope, description), extensions=[QueryGuard(scope)]
    )
    return made


def mutation_field(
    scope: Scope | None, description: str, *, temporary_too: bool = False
) -> Callable[[Any], Any]:
    """Return the decorator of a mutation."""
    guard = MutationGuard(scope, temporary_too=temporary_too)
    made: Callable[[Any], Any] = strawberry.mutation(
        description=scoped(scope, description), extensions=[guard]
    )
    return made


def guarded_events(scope: Scope | None, context: Context) -> None:
    """Check a subscription's scope as it starts, with a coded error."""
    try:
        Guard(scope).check(context)
    except DomainError as error:
        raise coded(error, context) from None


def refusal(error: DomainError, context: Context) -> Refusal:
    """Return the result-union member that words a domain error."""
    say = context.translate
    match error:
        case ValidationFailedError(problems=problems):
            faults = [_worded(problem, say) for problem in problems]
            return ValidationErrors(message=say(MESSAGES["invalid"]), code="invalid", fields=faults)
        case ConflictError(code=code, current=current):
            return Conflict(message=say(MESSAGES[code]), code=code, current=current)
        case NotAllowedError(code=code):
            return NotAllowed(message=say(MESSAGES[code]), code=code)
        case NotFoundError():
            return NotFound(message=say(MESSAGES["not_found"]), code="not_found")
        case _:  # nothing a client could act on: masked and logged like any fault
            raise error


def _worded(problem: FieldProblem, say: Callable[[str], str]) -> FieldError:
    sentence, values = text_of(problem)
    return FieldError(path=list(problem.path), message=say(sentence).format(**values), code=problem.code)


def coded(error: DomainError, context: Context) -> GraphQLError:
    """Return the GraphQL error of a domain error, with its stable code."""
    code = CODES[type(error)]
    if isinstance(error, AuthenticationRequiredError):
        return GraphQLError(context.translate(MESSAGES["sign_in_first"]), extensions={"code": code})
    worded = refusal(error, context)
    if isinstance(worded, ValidationErrors):
        faults = [{"path": f.path, "message": f.message, "code": f.code} for f in worded.fields]
        return GraphQLError(worded.fields[0].message, extensions={"code": code, "fields": faults})
    return GraphQLError(worded.message, extensions={"code": code})
