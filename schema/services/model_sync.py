"""Keeping the rows and the store of models up with each other; the store is asked in a process of its own."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import Session, col, select

from ml.registry.helper import Synced, SyncedVersion
from ml.registry.store import (
    StoreClosedError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    VersionMissingError,
)
from ml.registry.store import StoreUnavailableError as UnavailableError
from ml.segmentation.segments import Segment
from ml.triage.levels import CLASSES
from schema.database import Database
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion, StoreFault
from schema.models.predictions import BeatClass, ModelFamily
from schema.services.clock import Clock
from schema.services.jobs import Again, Claim
from schema.services.models import deploy, deployment_of

LONGEST_FAULT = 500
KNOWN_CLASSES: Mapping[str, frozenset[str]] = {
    ModelFamily.BEATS: frozenset(BeatClass),
    ModelFamily.TRIAGE: frozenset(CLASSES),
    ModelFamily.SEGMENTATION: frozenset(Segment),
}
"""What a version of each family may tell apart."""
FAULTS: tuple[tuple[type[StoreError], StoreFault], ...] = (
    (StoreLockedError, StoreFault.LOCKED),
    (UnavailableError, StoreFault.UNAVAILABLE),
    (StoreDamagedError, StoreFault.DAMAGED),
    (VersionMissingError, StoreFault.MISSING),
)

log = logging.getLogger(__name__)


class Store(Protocol):
    """How the store is asked: `ml.registry.helper.StoreProcess`."""

    def sync(self) -> Synced:
        """Return what the store has, every version brought into the cache."""

    def set_alias(self, family: str, alias: str, version: int) -> None:
        """Let an alias mean a version in the store."""

    def close(self) -> None:
        """End what is being asked."""


@dataclass(frozen=True, slots=True)
class _Untold:
    """An alias that the store is still to be told of."""

    deployment_id: int
    version_id: int
    family: str
    alias: str
    number: int


@dataclass(frozen=True, slots=True)
class _Offer:
    """What an alias means in the store."""

    model_id: int
    alias: ModelAlias
    version_id: int


class ModelSync:
    """The standing job; it keeps its own transactions, and none is open while the store is waited for.

    Parameters
    ----------
    every
        How long the store is left alone that nobody has the job woken for.
    """

    def __init__(self, database: Database, clock: Clock, store: Store, every: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._store = store
        self._every = every

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Tell the store what was decided here, then take up what it has."""
        begun = self._clock()
        try:
            fault = self._told() or self._taken_up()
        except StoreClosedError:
            return Again(lambda _session: self._clock())
        with self._database.write() as session:
            for model in _models(session, self._clock):
                model.fault, model.looked_at = fault and fault.value, self._clock()
        return Again(lambda session: self._due(session, begun))

    def close(self) -> None:
        """End what the store is being asked; another process goes on with the job."""
        self._store.close()

    def _due(self, session: Session, begun: datetime) -> datetime:
        """Return when to look next: at once where something was decided meanwhile."""
        later = select(Deployment.id).where(_UNTOLD, col(Deployment.changed_at) > begun)
        again = session.exec(later.limit(1)).first() is not None
        return self._clock() if again else self._clock() + self._every

    def _told(self) -> StoreFault | None:
        with self._database.read() as session:
            untold = _untold(session)
        fault = None
        for each in untold:
            try:
                self._store.set_alias(each.family, each.alias, each.number)
            except OSError as error:
                fault = _fault(error)
                continue
            with self._database.write() as session:
                deployment = session.get_one(Deployment, each.deployment_id)
                deployment.mirrored_id = each.version_id
        return fault

    def _taken_up(self) -> StoreFault | None:
        try:
            synced = self._store.sync()
        except OSError as error:
            return _fault(error)
        with self._database.write() as session:
            offers = [
                offer
                for model in _models(session, self._clock)
                for offer in self._offers(session, model, synced)
            ]
        for offer in offers:
            with self._database.write() as session:
                self._adopt(session, offer)
        return None

    def _offers(self, session: Session, model: Model, synced: Synced) -> list[_Offer]:
        """Keep what the store has of a model, and return what its aliases mean."""
        offered = [_usable(each) for each in synced.versions if each.family == model.family]
        versions, aliases = self._kept(session, model, offered), synced.aliases.get(model.family, {})
        meant = [(alias, versions.get(aliases.get(alias.value, 0))) for alias in ModelAlias]
        return [
            _Offer(model.id or 0, alias, row.id or 0)
            for alias, row in meant
            if row is not None and row.digest is not None
        ]

    def _kept(
        self, session: Session, model: Model, offered: list[SyncedVersion]
    ) -> Mapping[int, ModelVersion]:
        """Keep what the store has of a model, and return its versions by their numbers."""
        present = select(ModelVersion).where(
            ModelVersion.model_id == model.id, col(ModelVersion.withdrawn_at).is_(None)
        )
        known = {row.number: row for row in session.exec(present)}
        kept: dict[int, ModelVersion] = {}
        for each in offered:
            row = known.get(each.version)
            if row is None or (row.digest and each.digest and row.digest != each.digest):
                row = ModelVersion(
                    model_id=model.id or 0, number=each.version, digest=each.digest, created_at=self._clock()
                )
            _describe(row, each)
            session.add(row)
            kept[each.version] = row
        for row in known.values():
            if kept.get(row.number) is not row:
                row.withdrawn_at = self._clock()
        session.flush()
        return kept

    def _adopt(self, session: Session, offer: _Offer) -> None:
        """Let the version answer that others have given an alias in the store, unless it is no news."""
        locked = select(Model).where(Model.id == offer.model_id).with_for_update()
        model = session.exec(locked).one()
        present = deployment_of(session, offer.model_id, offer.alias.value)
        if present is None or offer.version_id not in {present.version_id, present.mirrored_id}:
            deploy(session, self._clock, model, offer.alias.value, present, offer.version_id, None, "adopted")


_UNTOLD = (col(Deployment.mirrored_id).is_(None)) | (
    col(Deployment.mirrored_id) != col(Deployment.version_id)
)


def _untold(session: Session) -> list[_Untold]:
    rows = (
        select(Deployment, Model.family, ModelVersion.number)
        .join(Model, col(Model.id) == Deployment.model_id)
        .join(ModelVersion, col(ModelVersion.id) == Deployment.version_id)
        .where(_UNTOLD)
    )
    return [
        _Untold(deployment.id or 0, deployment.version_id, family, deployment.alias, number)
        for deployment, family, number in session.exec(rows)
    ]


def _models(session: Session, clock: Clock) -> list[Model]:
    """Return the row of each family, made where there is none yet."""
    present = {row.family: row for row in session.exec(select(Model))}
    for family in ModelFamily:
        if family.value not in present:
            present[family.value] = Model(family=family.value, created_at=clock())
            session.add(present[family.value])
    session.flush()
    return list(present.values())


def _usable(each: SyncedVersion) -> SyncedVersion:
    """Return a version, without its artefact where that tells apart what the product does not know."""
    unknown = sorted(set(each.classes) - KNOWN_CLASSES[each.family])
    if each.digest is None or not unknown:
        return each
    return replace(each, digest=None, fault=f"it tells apart what is not known here: {', '.join(unknown)}")


def _describe(row: ModelVersion, each: SyncedVersion) -> None:
    """Put down what the store says of a version; what was said of one that can be loaded stays."""
    row.fault = each.fault and each.fault[:LONGEST_FAULT]
    if each.digest is None:
        return
    if row.reference is None:  # rows that are older than the column have none yet
        row.reference = each.reference
    if row.architecture:
        return
    row.digest = each.digest
    row.architecture, row.classes = each.architecture, list(each.classes)
    row.metrics, row.card = dict(each.metrics or {}), each.card
    row.data_hash, row.code_version = each.data_hash, each.code_version
    row.registered_at = datetime.fromisoformat(each.created)


def _fault(error: OSError) -> StoreFault:
    log.error("the store of models: %s", error)
    return next((fault for kind, fault in FAULTS if isinstance(error, kind)), StoreFault.FAILED)
