"""What is to answer in this process, kept up with the rows that say so.

Whoever serves a request that asks a model calls `refresh`, which looks at most once a second.
"""

import logging

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from ml.registry.registry import Deployed, Loaded, ModelUnavailableError, Registry, Slot, SlotStatus
from schema.database import Database
from schema.models.alerts import Alert, AlertCause
from schema.models.models import Deployment, Model, ModelVersion
from schema.models.predictions import ModelFamily, ModelProblem
from schema.models.promotions import Trial
from schema.services.alerts import load_key, open_alert
from schema.services.clock import Clock
from schema.services.glancing import Glance
from schema.services.models import deployed

LONGEST_FAULT = 500

log = logging.getLogger(__name__)


class NoAnswerError(Exception):
    """No model answers; `problem` says why."""

    def __init__(self, problem: ModelProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class Deployments:
    """The models of this process, as the rows deploy them.

    Parameters
    ----------
    registry
        What loads them.
    """

    def __init__(self, database: Database, registry: Registry) -> None:
        self._registry = registry
        self._trials: dict[str, Trial] = {}
        self._glance = Glance(database, self._take_up, log, "the deployments")

    def refresh(self, *, at_once: bool = False) -> None:
        """Take up what the rows say, if they were looked at more than a second ago.

        While the database is away, what was loaded goes on answering.
        """
        self._glance.refresh(at_once=at_once)

    def serving(self, family: ModelFamily, alias: str, patience: float) -> Loaded:
        """Return what answers, having waited this many seconds for it to be loaded at most.

        Raises
        ------
        NoAnswerError
            When nothing does.
        """
        self.refresh()
        try:
            return self._registry.serving(family.value, alias, patience)
        except ModelUnavailableError:
            raise NoAnswerError(self._why_not((family.value, alias))) from None

    def trial(self, family: ModelFamily) -> Trial | None:
        """Return the A/B test of a family that is under way."""
        self.refresh()
        return self._trials.get(family.value)

    def status(self) -> list[SlotStatus]:
        """Return how everything that is deployed stands in this process."""
        self.refresh()
        return self._registry.status()

    def _take_up(self, session: Session) -> None:
        running = select(Model.family, Trial).join(Trial, col(Trial.model_id) == Model.id)
        self._trials = dict(session.exec(running.where(col(Trial.stopped_at).is_(None))).all())
        rows = deployed(session)
        self._registry.deploy({(row.family, row.alias): Deployed(row.number, row.digest) for row in rows})

    def _why_not(self, slot: Slot) -> ModelProblem:
        for status in self._registry.status():
            if status.slot == slot:
                return ModelProblem.LOAD_FAILED if status.fault else ModelProblem.LOADING
        return ModelProblem.NOT_DEPLOYED


class FaultBook:
    """Puts down why what is deployed could not be loaded, and tells administrators' addresses once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def __call__(self, slot: Slot, wanted: Deployed, reason: str) -> None:
        """Put it down; the registry calls this in the thread that loads."""
        log.error("version %s of %s (%s) could not be loaded: %s", wanted.version, *slot, reason)
        try:
            with self._database.write() as session:
                self._note(session, slot, wanted, reason)
        except SQLAlchemyError as error:
            log.warning("that could not be put down: %s", type(error).__name__)

    def _note(self, session: Session, slot: Slot, wanted: Deployed, reason: str) -> None:
        family, alias = slot
        row = (
            select(Deployment, Model.id)
            .join(Model, col(Model.id) == Deployment.model_id)
            .join(ModelVersion, col(ModelVersion.id) == Deployment.version_id)
            .where(Model.family == family, Deployment.alias == alias, ModelVersion.digest == wanted.digest)
        )
        found = session.exec(row.with_for_update(of=Deployment)).first()
        if found is None:
            return
        deployment, model_id = found
        known, deployment.fault = deployment.fault is not None, reason[:LONGEST_FAULT]
        session.flush()
        if not known:
            alert = Alert(
                key=load_key(family, alias),
                cause=AlertCause.LOAD_FAILED.value,
                family=family,
                version_id=deployment.version_id,
                alias=alias,
                opened_at=self._clock(),
            )
            open_alert(session, self._clock, alert, Model=model_id, ModelVersion=deployment.version_id)
