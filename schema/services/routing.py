"""Which version answers a subject: the champion, or in an A/B test, for a share of them, the challenger.

A subject falls into an arm by a keyed hash of what names it, so that it stays there, nobody can choose, and
the next test divides them anew. Where the challenger does not answer the champion does, outside the test: the
check of the arms then notices that subjects are lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily, ModelProblem
from schema.services.deployments import Deployments
from schema.services.passwords import Passwords

BITS = 32


class HasProblem(Protocol):
    """What came of asking a model."""

    @property
    def problem(self) -> ModelProblem | None:
        """Why it did not answer."""


Outcome = TypeVar("Outcome", bound=HasProblem)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a subject stands in an A/B test; the hash names it without telling what it is."""

    trial_id: int
    subject: str


@dataclass(frozen=True, slots=True)
class Routed(Generic[Outcome]):
    """Which alias answered, and as part of which A/B test."""

    alias: ModelAlias
    outcome: Outcome
    placement: Placement | None = None


class Router:
    """Has the right version asked. In a thread."""

    def __init__(self, deployments: Deployments, passwords: Passwords) -> None:
        self._deployments = deployments
        self._passwords = passwords

    def ask(
        self, family: ModelFamily, alias: ModelAlias, subject: str, ask: Callable[[ModelAlias], Outcome]
    ) -> Routed[Outcome]:
        """Return what is said of a subject.

        Parameters
        ----------
        alias
            What whoever asks wants; only the champion takes part in tests.
        subject
            What names it, the same each time it is asked about.
        """
        trial = self._deployments.trial(family) if alias is ModelAlias.CHAMPION else None
        if trial is None:
            return Routed(alias, ask(alias))
        named = self._passwords.keyed(f"trial {trial.id}", subject)
        arm = arm_of(named, trial.share)
        outcome = ask(arm)
        if outcome.problem is not None:
            return Routed(alias, outcome if arm is alias else ask(alias))
        return Routed(arm, outcome, Placement(trial.id or 0, named))


def arm_of(named: str, share: int) -> ModelAlias:
    """Return the arm of a subject by its hash, where so many per cent are the challenger's."""
    place = int(named[: BITS // 4], 16) / 2**BITS
    return ModelAlias.CHALLENGER if place < share / 100 else ModelAlias.CHAMPION
