"""Named domain errors: they carry no HTTP and no GraphQL."""

from dataclasses import dataclass


class DomainError(Exception):
    """A refusal the caller can understand; anything else is a fault of ours and is masked."""


class AuthenticationRequiredError(DomainError):
    """Nobody is signed in."""


class NotFoundError(DomainError):
    """The object does not exist, or the actor may not know that it does."""


class NotAllowedError(DomainError):
    """The actor may see the object but not do this to it."""

    def __init__(self, code: str = "not_allowed") -> None:
        super().__init__(code)
        self.code = code


class ConflictError(DomainError):
    """Someone else was faster; `current` is the revision that won."""

    def __init__(self, code: str = "stale_revision", current: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.current = current


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault in an input.

    Parameters
    ----------
    path
        The input's own path, e.g. `("recordings", "0", "label")`.
    code
        Stable, machine-readable; `schema.messages` words it for people.
    values
        What the wording needs, e.g. `{"limit": 180}`.
    """

    path: tuple[str, ...]
    code: str
    values: tuple[tuple[str, str], ...] = ()


class ValidationFailedError(DomainError):
    """One or more fields of the input cannot be accepted; nothing was changed."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        super().__init__(", ".join(f"{'.'.join(p.path)}:{p.code}" for p in problems))
        self.problems = problems

    @classmethod
    def of(cls, path: str, code: str, **values: object) -> "ValidationFailedError":
        """Return the error for a single field, its dotted path split."""
        named = tuple((key, str(value)) for key, value in values.items())
        return cls([FieldProblem(tuple(path.split(".")), code, named)])
