"""What is known of a challenger beside the champion, and whether that lets it take the champion's place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from ml.judging.sequential import ALPHA, RATIO_ALPHA, USUAL_RATE, Arm, needed_in_all, ratio_p_value
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.models.predictions import Feedback, FeedbackType, ModelFamily, Prediction
from schema.models.promotions import Comparison, Obstacle, Trial, TrialFinding
from schema.models.segmentations import Segmentation
from schema.services import jobs
from schema.services.clock import Clock

MIN_SHADOW_RUNS = 50
"""How often a challenger must have answered in the shadow before it may answer anybody."""
ENOUGH_FOR_A_RATE = 100
"""Judged subjects from which on the need is told by their own error rate."""
JUDGE_JOB = "judge_models"
SHADOW_JOB = "shadow_models"


@dataclass(frozen=True, slots=True)
class ShadowRuns:
    """How a version answered in the shadow.

    Parameters
    ----------
    agreement
        The mean share of what it said alike; None before the first run.
    """

    answered: int
    failed: int
    agreement: float | None


@dataclass(frozen=True, slots=True)
class TrialFigures:
    """How an A/B test stands.

    Parameters
    ----------
    p_value, ratio_p_value
        Of no difference, and of arms as they were to be; both bear being looked at all the time.
    needed
        Judged subjects, in both arms, by which three points are found in four of five tests.
    """

    champion: Arm
    challenger: Arm
    p_value: float
    ratio_p_value: float
    needed: int

    @property
    def difference(self) -> float | None:
        """Return by how much more often the challenger errs; None before both were judged."""
        if self.champion.rate is None or self.challenger.rate is None:
            return None
        return self.challenger.rate - self.champion.rate

    @property
    def finding(self) -> TrialFinding:
        """Return what can be said."""
        if self.ratio_p_value <= RATIO_ALPHA:
            return TrialFinding.UNEVEN
        difference = self.difference
        if difference is not None and self.p_value <= ALPHA:
            return TrialFinding.CHALLENGER_WORSE if difference > 0 else TrialFinding.CHALLENGER_BETTER
        enough = self.champion.judged + self.challenger.judged >= self.needed
        return TrialFinding.NO_DIFFERENCE if enough else TrialFinding.TOO_SMALL


def deployed_as(session: Session, model_id: int) -> dict[ModelAlias, int]:
    """Return the version that each alias of a model means."""
    rows = select(Deployment.alias, Deployment.version_id).where(Deployment.model_id == model_id)
    return {ModelAlias(alias): version_id for alias, version_id in session.exec(rows)}


def pair_of(session: Session, model_id: int) -> tuple[int, int] | None:
    """Return champion and challenger of a model; None where there are not two."""
    deployed = deployed_as(session, model_id)
    champion, challenger = deployed.get(ModelAlias.CHAMPION), deployed.get(ModelAlias.CHALLENGER)
    return None if champion is None or challenger in {None, champion} else (champion, challenger or 0)


def latest_comparison(session: Session, champion_id: int, challenger_id: int) -> Comparison | None:
    """Return the newest comparison of a pair."""
    wanted = select(Comparison).where(
        Comparison.champion_id == champion_id, Comparison.challenger_id == challenger_id
    )
    return session.exec(wanted.order_by(col(Comparison.id).desc()).limit(1)).first()


def latest_trial(session: Session, champion_id: int, challenger_id: int) -> Trial | None:
    """Return the newest A/B test of a pair."""
    wanted = select(Trial).where(Trial.champion_id == champion_id, Trial.challenger_id == challenger_id)
    return session.exec(wanted.order_by(col(Trial.id).desc()).limit(1)).first()


def running_trial(session: Session, model_id: int) -> Trial | None:
    """Return the A/B test of a model that is under way."""
    wanted = select(Trial).where(Trial.model_id == model_id, col(Trial.stopped_at).is_(None))
    return session.exec(wanted).first()


def shadow_runs(session: Session, version_id: int) -> ShadowRuns:
    """Return how a version answered in the shadow."""
    answered = func.sum(case((col(Prediction.ml_available), 1), else_=0))
    rows = columns(func.count(col(Prediction.id)), answered, func.avg(Prediction.agreement)).where(
        col(Prediction.version_id) == version_id, col(Prediction.shadow_of).is_not(None)
    )
    asked, done, agreement = session.execute(rows).one()
    return ShadowRuns(done or 0, asked - (done or 0), None if agreement is None else float(agreement))


def trial_figures(session: Session, trial: Trial) -> TrialFigures:
    """Count subjects, those somebody gave an opinion on, and errors: subjects with any that is not `correct`.

    Opinions are taken in the order in which subjects were first judged, each as it is in force.
    """
    wrong = case((col(Feedback.type) != FeedbackType.CORRECT.value, 1), else_=0)
    first = func.min(Feedback.id)
    current = (col(Feedback.prediction_id) == Prediction.id) & col(Feedback.current)
    rows = (
        columns(col(Prediction.alias), first, func.max(wrong))
        .join(Feedback, current, isouter=True)
        .where(col(Prediction.trial_id) == trial.id)
        .group_by(col(Prediction.alias), col(Prediction.trial_subject))
        .order_by(first)
    )
    subjects = [(alias, first is not None, bool(bad)) for alias, first, bad in session.execute(rows)]
    champion, challenger = (_arm(subjects, each) for each in (ModelAlias.CHAMPION, ModelAlias.CHALLENGER))
    judged = champion.judged + challenger.judged
    enough = judged >= ENOUGH_FOR_A_RATE
    # One error and one success more, so that no rate of 0 or 1 has nothing be needed.
    rate = (champion.errors + challenger.errors + 1) / (judged + 2) if enough else USUAL_RATE
    share = trial.share / 100
    return TrialFigures(
        champion,
        challenger,
        _p_value(subjects),
        ratio_p_value(challenger.subjects, champion.subjects, share),
        needed_in_all(rate, share),
    )


def obstacles(session: Session, champion_id: int, challenger_id: int) -> list[Obstacle]:
    """Return why the rule does not let a version take the champion's place; nothing where it does."""
    return [
        *_by_figures(latest_comparison(session, champion_id, challenger_id)),
        *_by_shadow(session, challenger_id),
        *_by_trial(session, latest_trial(session, champion_id, challenger_id)),
    ]


def ask_comparison(
    session: Session, clock: Clock, model_id: int, pair: tuple[int, int], asked_by: int | None
) -> None:
    """Have a pair compared soon, unless it is to be already; before anything is appended to the trail."""
    latest = latest_comparison(session, *pair)
    if latest is None or latest.finished_at is not None:
        champion_id, challenger_id = pair
        session.add(
            Comparison(
                model_id=model_id,
                champion_id=champion_id,
                challenger_id=challenger_id,
                asked_by=asked_by,
                asked_at=clock(),
            )
        )
        session.flush()
    jobs.wake(session, clock, JUDGE_JOB, {}, JUDGE_JOB)


def follow(session: Session, clock: Clock, model: Model, actor_id: int | None) -> None:
    """Do what a change of deployments asks for; before anything is appended to the trail.

    An A/B test of versions that are deployed no more ends, a new pair is compared, and the shadow's work
    begins.
    """
    model_id = model.id or 0
    pair, trial = pair_of(session, model_id), running_trial(session, model_id)
    if trial is not None and pair != (trial.champion_id, trial.challenger_id):
        end_trial(session, clock, trial, actor_id)
    if pair is not None and latest_comparison(session, *pair) is None:
        ask_comparison(session, clock, model_id, pair, actor_id)
    if ModelAlias.SHADOW in deployed_as(session, model_id):
        jobs.wake(session, clock, SHADOW_JOB, {}, SHADOW_JOB)


def end_trial(session: Session, clock: Clock, trial: Trial, actor_id: int | None) -> None:
    """End an A/B test."""
    trial.stopped_at, trial.stopped_by = clock(), actor_id
    session.flush()


def _arm(subjects: Sequence[tuple[str, bool, bool]], alias: ModelAlias) -> Arm:
    own = [(judged, bad) for name, judged, bad in subjects if name == alias.value]
    return Arm(len(own), sum(judged for judged, _ in own), sum(judged and bad for judged, bad in own))


def _p_value(subjects: Sequence[tuple[str, bool, bool]]) -> float:
    judged = [(alias, bad) for alias, was_judged, bad in subjects if was_judged]
    if not judged:
        return 1.0
    import numpy as np  # noqa: PLC0415 - with the first opinion

    from ml.judging.sequential import p_values  # noqa: PLC0415 - the same

    challenger = np.array([alias == ModelAlias.CHALLENGER.value for alias, _ in judged], np.float64)
    errors = np.array([bad for _, bad in judged], np.float64)
    return float(p_values(challenger, 1 - challenger, errors)[-1])


def _by_figures(comparison: Comparison | None) -> list[Obstacle]:
    if comparison is None or comparison.finished_at is None:
        return [Obstacle.NOT_COMPARED]
    verdict: dict[str, Any] | None = comparison.verdict
    if verdict is None:
        return [Obstacle.COMPARISON_FAILED]
    if verdict["incomparable"] is not None:
        return [Obstacle.NOT_COMPARABLE]
    return [] if verdict["passed"] else [Obstacle.FIGURES_WORSE]


def _by_shadow(session: Session, version_id: int) -> list[Obstacle]:
    if shadow_runs(session, version_id).answered >= MIN_SHADOW_RUNS:
        return []
    family = select(Model.family).join(ModelVersion).where(ModelVersion.id == version_id)
    if session.exec(family).one() == ModelFamily.SEGMENTATION.value:
        kept = select(Segmentation.prediction_id).where(col(Segmentation.images).is_not(None)).limit(1)
        if session.exec(kept).first() is None:
            return [Obstacle.NO_IMAGES_KEPT]
    return [Obstacle.TOO_FEW_SHADOW_RUNS]


def _by_trial(session: Session, trial: Trial | None) -> list[Obstacle]:
    finding = None if trial is None else trial_figures(session, trial).finding
    if finding is TrialFinding.UNEVEN:
        return [Obstacle.TRIAL_UNEVEN]
    return [Obstacle.TRIAL_WORSE] if finding is TrialFinding.CHALLENGER_WORSE else []
