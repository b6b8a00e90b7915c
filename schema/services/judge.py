"""Comparing challengers with champions, in a process of its own, and promoting where a policy says so."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlmodel import Session, col, select

from ml.registry.store import StoreClosedError
from schema.database import Database
from schema.models.models import Model, ModelAlias, ModelVersion
from schema.models.promotions import Comparison
from schema.services.clock import Clock
from schema.services.duels import obstacles, pair_of
from schema.services.jobs import NEVER, Again, Claim
from schema.services.models import deploy, deployment_of

LONGEST_FAULT = 500
EVERY = timedelta(minutes=15)
"""How often it is looked whether a challenger may by now promote itself."""

log = logging.getLogger(__name__)


class Comparer(Protocol):
    """What compares two versions: `ml.registry.helper.StoreProcess`."""

    def compare(self, family: str, champion: str, challenger: str) -> dict[str, Any]:
        """Return the verdict on two versions, by their digests."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A comparison to be made."""

    id: int
    family: str
    champion: str | None
    challenger: str | None


class Judge:
    """The standing job; it keeps its own transactions, and none is open while versions are compared.

    A comparison that a worker died of is still to be made, and so is made again.
    """

    def __init__(self, database: Database, clock: Clock, comparer: Comparer) -> None:
        self._database = database
        self._clock = clock
        self._comparer = comparer

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Compare what is to be compared, then promote what may be and is to promote itself."""
        try:
            for each in self._pending():
                self._finish(each)
        except StoreClosedError:
            return Again(lambda _session: self._clock())
        self._promote()
        return Again(self._due)

    def _due(self, session: Session) -> datetime:
        if session.exec(select(Comparison.id).where(_PENDING).limit(1)).first() is not None:
            return self._clock()
        automatic = select(Model.id).where(col(Model.promotes_itself)).limit(1)
        return NEVER if session.exec(automatic).first() is None else self._clock() + EVERY

    def _pending(self) -> list[_Pending]:
        with self._database.read() as session:
            rows = session.exec(
                select(Comparison, Model.family)
                .join(Model, col(Model.id) == Comparison.model_id)
                .where(_PENDING)
                .order_by(col(Comparison.id))
            ).all()
            return [
                _Pending(
                    row.id or 0,
                    family,
                    session.get_one(ModelVersion, row.champion_id).digest,
                    session.get_one(ModelVersion, row.challenger_id).digest,
                )
                for row, family in rows
            ]

    def _finish(self, pending: _Pending) -> None:
        verdict, fault = None, None
        try:
            verdict = self._verdict(pending)
        except OSError as error:
            log.exception("comparison %s failed", pending.id)
            fault = str(error)[:LONGEST_FAULT]
        with self._database.write() as session:
            row = session.get_one(Comparison, pending.id)
            row.verdict, row.fault, row.finished_at = verdict, fault, self._clock()

    def _verdict(self, pending: _Pending) -> dict[str, Any]:
        if pending.champion is None or pending.challenger is None:
            raise FileNotFoundError("one of the versions cannot be loaded")
        verdict = self._comparer.compare(pending.family, pending.champion, pending.challenger)
        if (verdict.get("champion"), verdict.get("challenger")) != (pending.champion, pending.challenger):
            raise OSError("the verdict is on other versions: the cache of models was tampered with")
        return verdict

    def _promote(self) -> None:
        with self._database.read() as session:
            automatic = session.exec(select(Model.id).where(col(Model.promotes_itself))).all()
        for model_id in automatic:
            with self._database.write() as session:
                self._promote_one(session, model_id or 0)

    def _promote_one(self, session: Session, model_id: int) -> None:
        """Promote a challenger by itself: its policy and the rule are asked with the model locked."""
        locked = select(Model).where(Model.id == model_id, col(Model.promotes_itself)).with_for_update()
        model, pair = session.exec(locked).first(), pair_of(session, model_id)
        if model is None or pair is None or obstacles(session, *pair):
            return
        version = session.get_one(ModelVersion, pair[1])
        if version.digest is None or version.withdrawn_at is not None:
            return
        champion = ModelAlias.CHAMPION.value
        present = deployment_of(session, model_id, champion)
        deploy(session, self._clock, model, champion, present, pair[1], None, "promoted")


_PENDING = col(Comparison.finished_at).is_(None)
