"""What whoever runs the site watches: counts over all processes, read from their rows."""

from typing import NamedTuple

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col

from schema.models.models import Deployment, Model, ModelVersion
from schema.models.monitoring import PredictionDay
from schema.models.work import Job, JobState
from schema.services.clock import Clock


class PredictionCount(NamedTuple):
    """Predictions of one version under one alias, ever.

    Parameters
    ----------
    version
        Its number; None of those that no model had a part in.
    """

    family: str
    version: int | None
    alias: str
    total: int
    answered: int


def prediction_counts(session: Session) -> list[PredictionCount]:
    """Return how many predictions each version has made."""
    keys = (col(PredictionDay.family), col(ModelVersion.number), col(PredictionDay.alias))
    sums = (func.sum(PredictionDay.total), func.sum(PredictionDay.answered))
    rows = (
        columns(*keys, *sums)
        .select_from(PredictionDay)
        .outerjoin(ModelVersion, col(ModelVersion.id) == PredictionDay.version_id)
        .group_by(*keys)
        .order_by(*keys)
    )
    return [PredictionCount(*row) for row in session.execute(rows)]


def job_counts(session: Session) -> list[tuple[str, str, int]]:
    """Return how many jobs there are of each kind and state; finished ones are kept for a while only."""
    keys = (col(Job.kind), col(Job.state))
    rows = columns(*keys, func.count()).group_by(*keys).order_by(*keys)
    return [(kind, state, count) for kind, state, count in session.execute(rows)]


def oldest_due(session: Session, clock: Clock) -> float:
    """Return for how many seconds the oldest job that is due has waited; 0 where none is."""
    now = clock()
    waiting = (col(Job.state) == JobState.QUEUED.value) & (col(Job.run_after) <= now)
    oldest = session.execute(columns(col(Job.run_after)).where(waiting).order_by(col(Job.run_after)).limit(1))
    since = oldest.scalar()
    return (now - since).total_seconds() if since is not None else 0.0


def deployed_faults(session: Session) -> list[tuple[str, str, int, bool]]:
    """Return (family, alias, number of the version, whether a process could not load it)."""
    rows = (
        columns(col(Model.family), col(Deployment.alias), col(ModelVersion.number), col(Deployment.fault))
        .join(Deployment, col(Deployment.model_id) == Model.id)
        .join(ModelVersion, col(ModelVersion.id) == Deployment.version_id)
        .order_by(col(Model.family), col(Deployment.alias))
    )
    return [
        (family, alias, number, fault is not None) for family, alias, number, fault in session.execute(rows)
    ]
