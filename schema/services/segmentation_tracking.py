"""Segmentations logged to the store of models, after they were answered: the store may be away meanwhile."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from ml.registry.store import StoreClosedError
from schema.database import Database
from schema.models.predictions import ModelFamily, Prediction
from schema.models.segmentations import Segmentation, SegmentationStatus
from schema.services.clock import Clock
from schema.services.jobs import NEVER, Again, Claim
from schema.services.passwords import Passwords

AT_ONCE = 50
RETRY = timedelta(minutes=2)

log = logging.getLogger(__name__)


class RunStore(Protocol):
    """How the store is asked: `ml.registry.helper.StoreProcess`."""

    def record(self, family: str, runs: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Put runs down, each once for its key, and return MLflow's name of each by its key."""


class SegmentationTracking:
    """The standing job; it keeps its own transactions, and none is open while the store is waited for.

    Parameters
    ----------
    passwords
        Whose key makes the keys of runs this site's own, where several share a store.
    """

    def __init__(self, database: Database, clock: Clock, store: RunStore, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._store = store
        self._passwords = passwords

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Log those that are not yet; what the store refuses is tried again, none is left out."""
        with self._database.read() as session:
            runs = {key: self._run(session, key) for key in _unlogged(session, AT_ONCE)}
        if not runs:
            return Again(self._due)
        try:
            named = self._store.record(ModelFamily.SEGMENTATION.value, list(runs.values()))
        except StoreClosedError:
            return Again(lambda _session: self._clock())
        except OSError as error:
            log.warning("segmentations could not be logged: %s", error)
            return Again(lambda _session: self._clock() + RETRY)
        with self._database.write() as session:
            for key, run in runs.items():
                session.get_one(Segmentation, key).run = named.get(run["key"])
        return Again(self._due)

    def _due(self, session: Session) -> datetime:
        return self._clock() if _unlogged(session, 1) else NEVER

    def _run(self, session: Session, key: int) -> dict[str, Any]:
        """Return what is logged of one: figures and which model, nothing of the patient."""
        row, prediction = session.get_one(Segmentation, key), session.get_one(Prediction, key)
        return {
            "key": self._passwords.keyed("segmentation", str(key)),
            "name": f"{row.model_name} {row.model_version}",
            "at": prediction.created_at.timestamp(),
            "parameters": {"model_name": row.model_name, "model_version": row.model_version},
            "metrics": _metrics(row) | _shares(session, prediction),
        }


def _unlogged(session: Session, most: int) -> list[int]:
    wanted = select(Segmentation.prediction_id).where(col(Segmentation.run).is_(None))
    return list(session.exec(wanted.order_by(col(Segmentation.prediction_id)).limit(most)))


def _metrics(row: Segmentation) -> dict[str, float]:
    """Return the figures of a segmentation; what is not known is left out."""
    succeeded = row.status == SegmentationStatus.SUCCEEDED.value
    told: dict[str, float | None] = {
        "processing_time_seconds": row.processing_s,
        "segmentation_status": float(succeeded),
    }
    figures = row.figures
    if figures is not None:
        told |= {
            "confidence_score": figures["confidence"],
            "average_segment_confidence": figures["segment_confidence"],
            "total_tumor_volume_cm3": figures["volume_cm3"],
            "number_of_segments": figures["components"],
        }
        told |= {f"{each['segment']}_volume_cm3": each["volume_cm3"] for each in figures["segments"]}
    return {name: float(value) for name, value in told.items() if value is not None}


def _shares(session: Session, prediction: Prediction) -> dict[str, float]:
    """Return how many succeeded of all up to this one, and which of its day (UTC) it is."""
    ours = and_(
        col(Prediction.family) == ModelFamily.SEGMENTATION.value,
        col(Prediction.shadow_of).is_(None),
        col(Prediction.id) <= prediction.id,
    )
    day = prediction.created_at.replace(hour=0, minute=0, second=0, microsecond=0)
    counted = select(func.count()).select_from(Prediction).where(ours)
    every = session.exec(counted).one()
    succeeded = session.exec(counted.where(col(Prediction.ml_available))).one()
    daily = session.exec(counted.where(col(Prediction.created_at) >= day)).one()
    return {"success_rate": succeeded / every, "daily_segmentations": float(daily)}
