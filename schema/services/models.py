"""Clinical models: which versions there are, and which one answers under which alias.

The rows decide who answers here; the store is told of it afterwards, and what others change there is taken up
(`schema.services.model_sync`).
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from schema.errors import (
    ConflictError,
    FieldProblem,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.models.predictions import ModelFamily
from schema.models.promotions import Obstacle
from schema.models.webhooks import WebhookEvent
from schema.pagination import Page, PageRequest
from schema.policy import Actor
from schema.services import jobs
from schema.services.alerts import load_key, settle
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.duels import follow, obstacles
from schema.services.paging import Sort, page_of
from schema.services.text import prose
from schema.services.webhooks import emit

T = TypeVar("T")
SYNC_JOB = "sync_models"
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class VersionFilter:
    """Which versions to list; what is None does not narrow."""

    model_id: int | None = None
    loadable: bool | None = None


class Models:
    """One actor's way to the models: those who may, see all of them; administrators decide which answers."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, model_id: int) -> Model:
        """Return a model; raises NotFoundError."""
        return _found(self._session.get(Model, model_id))

    def of(self, family: ModelFamily) -> Model:
        """Return the model of a family; raises NotFoundError."""
        return _found(self._session.exec(select(Model).where(Model.family == family.value)).first())

    def version(self, version_id: int) -> ModelVersion:
        """Return a version; raises NotFoundError."""
        return _found(self._session.get(ModelVersion, version_id))

    def page(self, request: PageRequest) -> Page[Model]:
        """Return a page of the models by family."""
        return page_of(self._session, select(Model), [Sort(col(Model.family)), Sort(col(Model.id))], request)

    def versions(self, chosen: VersionFilter, request: PageRequest) -> Page[ModelVersion]:
        """Return a page of versions, newest first."""
        rows = select(ModelVersion)
        if chosen.model_id is not None:
            rows = rows.where(ModelVersion.model_id == chosen.model_id)
        if chosen.loadable is not None:
            there = col(ModelVersion.digest).is_not(None)
            rows = rows.where(there if chosen.loadable else ~there)
        return page_of(self._session, rows, [Sort(col(ModelVersion.id), descending=True)], request)

    def promote(self, version_id: int, alias: ModelAlias, override: str = "") -> Model:
        """Let a version answer under an alias; promoting the one that does changes nothing.

        In a champion's place it must have earned it (`duels.obstacles`), unless whoever decides says why it
        is to be all the same: their words go on the trail, with what stood in the way.

        Raises
        ------
        NotAllowedError
            When the version cannot be loaded, or the store has it no more; when the champion is to be its own
            challenger or shadow.
        ValidationFailedError
            When something stands in the way and no reason is given, or one that is too long.
        """
        version = self.version(version_id)
        if version.digest is None or version.withdrawn_at is not None:
            raise NotAllowedError("version_unusable")
        model = self._to_change(version.model_id)
        self._check_beside(version.model_id, alias, version_id)
        deployment = self._deployment(version.model_id, alias)
        if deployment is not None and deployment.version_id == version_id:
            return model
        said: dict[str, object] = {}
        if alias is ModelAlias.CHAMPION and deployment is not None:
            said = _overridden(obstacles(self._session, deployment.version_id, version_id), override)
        self._switch(model, alias, deployment, version_id, "promoted", **said)
        return model

    def roll_back(self, model_id: int, alias: ModelAlias) -> Model:
        """Let the version answer again that did before; doing so twice undoes the first.

        Raises
        ------
        ConflictError
            When none did before.
        NotAllowedError
            When that one is the champion by now, and is to be its own challenger or shadow.
        """
        model = self._to_change(model_id)
        deployment = self._deployment(model_id, alias)
        if deployment is None or deployment.previous_id is None:
            raise ConflictError("no_previous_version")
        self._check_beside(model_id, alias, deployment.previous_id)
        self._switch(model, alias, deployment, deployment.previous_id, "rolled_back")
        return model

    def look(self, model_id: int) -> Model:
        """Have the store looked at soon."""
        model = self._to_change(model_id)
        wake(self._session, self._clock)
        return model

    def _to_change(self, model_id: int) -> Model:
        """Return a model whose deployments nobody else changes until the transaction ends."""
        return _found(self._session.exec(select(Model).where(Model.id == model_id).with_for_update()).first())

    def _check_beside(self, model_id: int, alias: ModelAlias, version_id: int) -> None:
        """Refuse to try the champion beside itself: nothing could be learnt from it."""
        if alias is ModelAlias.CHAMPION:
            return
        champion = self._deployment(model_id, ModelAlias.CHAMPION)
        if champion is not None and champion.version_id == version_id:
            raise NotAllowedError("champion_beside_itself")

    def _deployment(self, model_id: int, alias: ModelAlias) -> Deployment | None:
        return deployment_of(self._session, model_id, alias.value)

    def _switch(
        self,
        model: Model,
        alias: ModelAlias,
        present: Deployment | None,
        version_id: int,
        cause: str,
        **said: object,
    ) -> None:
        session, clock, actor = self._session, self._clock, self._actor
        deploy(session, clock, model, alias.value, present, version_id, actor, cause, **said)


def deploy(  # noqa: PLR0913, PLR0917 - one deployment, whoever decides it
    session: Session,
    clock: Clock,
    model: Model,
    alias: str,
    present: Deployment | None,
    version_id: int,
    actor: Actor | None,
    cause: str,
    **said: object,
) -> Deployment:
    """Let a version answer under an alias from now on, tell outside systems and put it on record.

    One transaction has all of it: whoever is killed meanwhile has done everything or nothing.

    Parameters
    ----------
    actor
        None where a policy promoted it, or it was taken up from the store.
    cause
        `promoted` or `rolled_back`, or `adopted` from the store.
    said
        What else goes on the trail.
    """
    made = present or Deployment(
        model_id=model.id or 0, alias=alias, version_id=version_id, changed_at=clock()
    )
    if present is not None:
        made.previous_id, made.version_id = made.version_id, version_id
    made.fault, made.changed_at = None, clock()
    made.changed_by = actor.account_id if actor else None
    adopted = cause == "adopted"
    if adopted:
        made.mirrored_id = version_id
    session.add(made)
    session.flush()
    if not adopted:
        wake(session, clock)
    follow(session, clock, model, made.changed_by)
    settle(session, clock, load_key(model.family, alias))
    objects = {"Model": model.id, "ModelVersion": version_id}
    emit(session, clock, WebhookEvent.MODEL_PROMOTED, objects, cause=cause, alias=alias)
    version = session.get_one(ModelVersion, version_id)
    said |= {"family": model.family, "alias": alias, "version": version.number, "digest": version.digest}
    before = session.get(ModelVersion, made.previous_id) if present is not None else None
    Audit(session, clock, actor).record(
        f"model.{cause}", "Model", model.id, **said, replaced=before.number if before else None
    )
    return made


def deployment_of(session: Session, model_id: int, alias: str) -> Deployment | None:
    """Return what answers under an alias of a model."""
    wanted = select(Deployment).where(Deployment.model_id == model_id, Deployment.alias == alias)
    return session.exec(wanted).first()


def deployed(session: Session) -> list[Row[Any]]:
    """Return (family, alias, number, digest) of everything that is to answer."""
    rows = (
        columns(Model.family, Deployment.alias, ModelVersion.number, ModelVersion.digest)  # type: ignore[call-overload]
        .join(Deployment, col(Deployment.model_id) == Model.id)
        .join(ModelVersion, col(ModelVersion.id) == Deployment.version_id)
        .where(col(ModelVersion.digest).is_not(None))
    )
    return list(session.execute(rows).all())


def has_champion(session: Session, family: ModelFamily) -> bool:
    """Return whether a family has a version that is to answer."""
    champion = (family.value, ModelAlias.CHAMPION.value)
    return any((row.family, row.alias) == champion for row in deployed(session))


def deployed_version(session: Session, family: ModelFamily, digest: str) -> int | None:
    """Return the newest row of a version by its digest."""
    wanted = (
        select(ModelVersion.id)
        .join(Model, col(Model.id) == ModelVersion.model_id)
        .where(Model.family == family.value, ModelVersion.digest == digest)
        .order_by(col(ModelVersion.id).desc())
    )
    return session.exec(wanted.limit(1)).first()


def wake(session: Session, clock: Clock) -> None:
    """Have the store looked at soon; call it before anything is appended to the trail or to the events."""
    jobs.wake(session, clock, SYNC_JOB, {}, SYNC_JOB)


def _overridden(found: list[Obstacle], override: str) -> dict[str, object]:
    """Return what goes on the trail of a promotion that something stands in the way of."""
    if not found:
        return {}
    reason, problems = prose(override.strip(), "overrideReason", LONGEST_REASON)
    if not reason:
        problems = [FieldProblem(("overrideReason",), "promotion_unearned")]
    if problems:
        raise ValidationFailedError(problems)
    return {"override": reason, "obstacles": [each.value for each in found]}


def _found(row: T | None) -> T:
    if row is None:
        raise NotFoundError
    return row
