"""Challengers beside champions: everybody who may sees how they stand, administrators decide."""

from dataclasses import dataclass

from sqlmodel import Session, select

from schema.errors import ConflictError, NotFoundError, ValidationFailedError
from schema.models.models import Model, ModelAlias
from schema.models.promotions import Comparison, Obstacle, Trial
from schema.policy import Actor
from schema.services import jobs
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.duels import (
    JUDGE_JOB,
    ShadowRuns,
    TrialFigures,
    ask_comparison,
    deployed_as,
    end_trial,
    latest_comparison,
    latest_trial,
    obstacles,
    pair_of,
    running_trial,
    shadow_runs,
    trial_figures,
)

MIN_SHARE, MAX_SHARE = 1, 50
"""Per cent of subjects that an A/B test may give to a challenger, of which less is known."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a challenger stands.

    Parameters
    ----------
    champion_id, challenger_id
        The versions; None where none is deployed.
    obstacles
        Why the rule does not let it be promoted; None where there is no pair to ask it about.
    """

    champion_id: int | None
    challenger_id: int | None
    obstacles: list[Obstacle] | None = None
    comparison: Comparison | None = None
    shadow: ShadowRuns | None = None
    trial: Trial | None = None
    figures: TrialFigures | None = None


class Promotions:
    """One actor's way to how challengers stand."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def compare(self, model_id: int) -> Model:
        """Have champion and challenger compared on held-out data, anew if they were; once at a time.

        Raises
        ------
        NotFoundError, ConflictError
            When there is no such model, or nothing to compare.
        """
        model, pair = self._to_change(model_id)
        ask_comparison(self._session, self._clock, model_id, pair, self._actor.account_id)
        self._record(model, "model.comparison_asked")
        return model

    def start_trial(self, model_id: int, share: int) -> Model:
        """Give a share of subjects to the challenger, in per cent; one under way ends, and another begins.

        Raises
        ------
        NotFoundError, ConflictError
            When there is no such model, or nothing to compare.
        ValidationFailedError
            When the share is out of range.
        """
        model, pair = self._to_change(model_id)
        if not MIN_SHARE <= share <= MAX_SHARE:
            raise ValidationFailedError.of("share", "out_of_range", minimum=MIN_SHARE, maximum=MAX_SHARE)
        self._end(model_id)
        champion_id, challenger_id = pair
        self._session.add(
            Trial(
                model_id=model_id,
                champion_id=champion_id,
                challenger_id=challenger_id,
                share=share,
                started_by=self._actor.account_id,
                started_at=self._clock(),
            )
        )
        self._session.flush()
        self._record(model, "model.trial_started", share=share)
        return model

    def stop_trial(self, model_id: int) -> Model:
        """Have the champion answer all again; where no test is under way, nothing changes."""
        model = self._locked(model_id)
        if self._end(model_id):
            self._record(model, "model.trial_stopped")
        return model

    def set_policy(self, model_id: int, *, automatic: bool) -> Model:
        """Say whether a challenger that the rule lets pass is promoted by itself."""
        model = self._locked(model_id)
        if model.promotes_itself is not automatic:
            model.promotes_itself = automatic
            self._session.flush()
            jobs.wake(self._session, self._clock, JUDGE_JOB, {}, JUDGE_JOB)
            self._record(model, "model.policy_set", automatic=automatic)
        return model

    def _end(self, model_id: int) -> bool:
        trial = running_trial(self._session, model_id)
        if trial is not None:
            end_trial(self._session, self._clock, trial, self._actor.account_id)
        return trial is not None

    def _to_change(self, model_id: int) -> tuple[Model, tuple[int, int]]:
        model, pair = self._locked(model_id), pair_of(self._session, model_id)
        if pair is None:
            raise ConflictError("no_challenger")
        return model, pair

    def _locked(self, model_id: int) -> Model:
        """Return a model about which nobody else decides until the transaction ends."""
        found = self._session.exec(select(Model).where(Model.id == model_id).with_for_update()).first()
        if found is None:
            raise NotFoundError
        return found

    def _record(self, model: Model, action: str, **said: object) -> None:
        audit = Audit(self._session, self._clock, self._actor)
        audit.record(action, "Model", model.id, family=model.family, **said)


def standing(session: Session, model_id: int) -> Standing:
    """Return how the challenger of a model stands."""
    deployed, pair = deployed_as(session, model_id), pair_of(session, model_id)
    champion_id, challenger_id = deployed.get(ModelAlias.CHAMPION), deployed.get(ModelAlias.CHALLENGER)
    if pair is None:
        return Standing(champion_id, challenger_id)
    trial = latest_trial(session, *pair)
    return Standing(
        champion_id,
        challenger_id,
        obstacles(session, *pair),
        latest_comparison(session, *pair),
        shadow_runs(session, pair[1]),
        trial,
        None if trial is None else trial_figures(session, trial),
    )
