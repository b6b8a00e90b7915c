"""The rows and the store of models: what is decided here is told there, what is changed there is taken up."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlmodel import col, select

from ml.registry.helper import Synced, SyncedVersion
from ml.registry.registry import Deployed
from ml.registry.store import (
    StoreClosedError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    VersionMissingError,
)
from schema.database import Database
from schema.models.accounts import AuditEvent
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.models.webhooks import Webhook, WebhookDelivery
from schema.policy import Role
from schema.services.deployments import FaultBook
from schema.services.jobs import run_due
from schema.services.model_sync import ModelSync
from schema.services.models import SYNC_JOB, Models, deployed, wake
from tests.schema.people import StoppedClock, actor_of, person
from tests.schema.toys import offered, synced_version

EVERY = timedelta(minutes=15)
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@dataclass
class Shop:
    """A store that answers at once, or fails as it is told to."""

    versions: list[SyncedVersion] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    told: list[tuple[str, int]] = field(default_factory=list)
    fails: Exception | None = None
    fails_to_be_told: StoreError | None = None

    def sync(self) -> Synced:
        if self.fails is not None:
            raise self.fails
        return offered(self.versions, **self.aliases)

    def close(self) -> None:
        """Do nothing: nothing is on its way."""

    def set_alias(self, _family: str, alias: str, version: int) -> None:
        if self.fails_to_be_told is not None:
            raise self.fails_to_be_told
        self.told.append((alias, version))
        self.aliases[alias] = version


class Desk:
    """The standing job with its store, worked off when a test says so."""

    def __init__(self, database: Database, clock: StoppedClock) -> None:
        self.database, self.clock, self.shop = database, clock, Shop()
        self.sync = ModelSync(database, clock, self.shop, EVERY)
        self.admin = actor_of(person(database, clock, Role.ADMIN))

    def look(self) -> None:
        """Have the store looked at now."""
        with self.database.write() as session:
            wake(session, self.clock)
        assert self.work() == 1

    def work(self) -> int:
        return run_due(self.database, {SYNC_JOB: self.sync.work}, self.clock, 1)

    def promote(self, number: int, alias: ModelAlias = ModelAlias.CHAMPION) -> None:
        with self.database.write() as session:
            version = session.exec(select(ModelVersion).where(ModelVersion.number == number)).first()
            assert version is not None
            Models(session, self.admin, self.clock).promote(version.id or 0, alias, "Essai.")

    def answering(self) -> dict[str, int]:
        with self.database.read() as session:
            return {row.alias: row.number for row in deployed(session)}

    def deployment(self) -> Deployment:
        with self.database.read() as session:
            return session.exec(select(Deployment)).one()

    def model(self) -> Model:
        with self.database.read() as session:
            return session.exec(select(Model).where(Model.family == "beats")).one()

    def rows(self) -> list[ModelVersion]:
        with self.database.read() as session:
            return list(session.exec(select(ModelVersion).order_by(col(ModelVersion.id))))


@pytest.fixture
def desk(database: Database, clock: StoppedClock) -> Desk:
    made = Desk(database, clock)
    made.shop.versions = [synced_version(1, A), synced_version(2, B)]
    made.shop.aliases = {"champion": 1}
    return made


def test_what_a_version_learnt_from_comes_with_it_also_later(desk: Desk) -> None:
    desk.shop.versions[0] = replace(desk.shop.versions[0], reference="{1}")
    desk.look()
    assert [row.reference for row in desk.rows()] == ["{1}", None]
    desk.shop.versions = [replace(each, reference="{2}") for each in desk.shop.versions]
    desk.look()
    assert [row.reference for row in desk.rows()] == ["{1}", "{2}"]


def test_what_the_store_has_is_taken_up_with_what_its_aliases_mean(desk: Desk) -> None:
    desk.look()
    assert [(row.number, row.digest, row.architecture) for row in desk.rows()] == [
        (1, A, "toy"),
        (2, B, "toy"),
    ]
    assert desk.answering() == {"champion": 1}
    assert desk.model().fault is None
    assert desk.model().looked_at == desk.clock()
    with desk.database.read() as session:
        [event] = session.exec(select(AuditEvent).where(AuditEvent.target_type == "Model")).all()
    assert (event.action, event.actor_id) == ("model.adopted", None)


def test_looking_again_changes_nothing_and_comes_back_in_its_time(desk: Desk) -> None:
    desk.look()
    before = (desk.rows(), desk.deployment())
    assert desk.work() == 0
    desk.clock.pass_(minutes=15)
    assert desk.work() == 1
    assert (desk.rows(), desk.deployment()) == before


def test_a_decision_is_told_to_the_store_and_not_taken_back_by_it(desk: Desk) -> None:
    desk.look()
    desk.promote(2)
    assert desk.answering() == {"champion": 2}
    assert desk.work() == 1
    assert desk.shop.told == [("champion", 2)]
    assert desk.answering() == {"champion": 2}
    assert desk.deployment().mirrored_id == desk.deployment().version_id


def test_an_alias_that_others_changed_in_the_store_is_taken_up(desk: Desk) -> None:
    desk.look()
    desk.shop.aliases["champion"] = 2
    desk.shop.aliases["shadow"] = 1
    desk.look()
    assert desk.answering() == {"champion": 2, "shadow": 1}
    assert desk.shop.told == []


def test_a_store_that_does_not_take_a_decision_does_not_undo_it(desk: Desk) -> None:
    desk.look()
    desk.promote(2)
    desk.shop.fails_to_be_told = StoreLockedError("locked")
    desk.look()
    assert desk.answering() == {"champion": 2}
    assert desk.model().fault == "locked"
    desk.shop.fails_to_be_told = None
    desk.look()
    assert desk.shop.told == [("champion", 2)]
    assert desk.model().fault is None


@pytest.mark.parametrize(
    "error, fault",
    [
        (StoreUnavailableError, "unavailable"),
        (StoreLockedError, "locked"),
        (StoreDamagedError, "damaged"),
        (VersionMissingError, "missing"),
        (StoreError, "failed"),
        (PermissionError, "failed"),
    ],
)
def test_a_store_that_fails_is_reported_and_what_answers_goes_on(
    desk: Desk, error: type[OSError], fault: str
) -> None:
    desk.look()
    desk.shop.fails = error("it fails")
    desk.look()
    assert desk.model().fault == fault
    assert desk.answering() == {"champion": 1}
    desk.shop.fails = None
    desk.clock.pass_(minutes=15)
    assert desk.work() == 1
    assert desk.model().fault is None


def test_a_store_that_fails_at_once_leaves_a_place_to_say_so(desk: Desk) -> None:
    desk.shop.fails = StoreUnavailableError("down")
    desk.look()
    assert desk.model().fault == "unavailable"
    assert desk.rows() == []


def test_a_version_that_cannot_be_loaded_is_kept_with_the_reason_and_deployed_nowhere(desk: Desk) -> None:
    desk.shop.versions = [synced_version(1, None, "tampered with"), synced_version(2, B)]
    desk.look()
    assert [(row.number, row.digest, row.fault) for row in desk.rows()] == [
        (1, None, "tampered with"),
        (2, B, None),
    ]
    assert desk.answering() == {}


def test_a_version_of_other_classes_is_deployed_nowhere(desk: Desk) -> None:
    desk.shop.versions[0] = replace(desk.shop.versions[0], classes=("N", "S", "V", "F", "Q"))
    desk.look()
    assert desk.answering() == {}
    assert desk.rows()[0].fault == "it tells apart what is not known here: F, N, Q, S, V"


def test_a_version_tampered_with_after_it_was_deployed_goes_on_answering_here(desk: Desk) -> None:
    desk.look()
    desk.shop.versions[0] = synced_version(1, None, "tampered with")
    desk.look()
    assert desk.answering() == {"champion": 1}
    assert [(row.digest, row.fault) for row in desk.rows()] == [(A, "tampered with"), (B, None)]


def test_another_store_with_the_same_numbers_does_not_rewrite_what_answered(desk: Desk) -> None:
    desk.look()
    desk.shop.versions = [synced_version(1, C)]
    desk.look()
    rows = desk.rows()
    assert [(row.number, row.digest, row.withdrawn_at is None) for row in rows] == [
        (1, A, False),
        (2, B, False),
        (1, C, True),
    ]
    with desk.database.read() as session:
        assert [row.digest for row in deployed(session)] == [C]


def test_what_cannot_be_loaded_is_put_down_once_and_told_to_administrators(desk: Desk) -> None:
    desk.look()
    with desk.database.write() as session:
        session.add(
            Webhook(
                account_id=desk.admin.account_id,
                url="https://example.org/",
                events=["alert.opened"],
                salt="salt",
                created_at=desk.clock(),
            )
        )
    book = FaultBook(desk.database, desk.clock)
    for reason in ("not sealed by this site's key", "x" * 2_000):
        book(("beats", "champion"), Deployed(1, A), reason)
    book(("beats", "champion"), Deployed(2, B), "it is not what is deployed")
    assert desk.deployment().fault == "x" * 500
    with desk.database.read() as session:
        [message] = session.exec(select(WebhookDelivery)).all()
    assert message.event == "alert.opened"
    desk.promote(2)
    assert desk.deployment().fault is None


def test_a_decision_made_meanwhile_is_told_without_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.look()
    ask = desk.shop.sync

    def decided_meanwhile() -> Synced:
        if desk.answering() == {"champion": 1}:
            desk.clock.pass_(seconds=1)
            desk.promote(2)
        return ask()

    monkeypatch.setattr(desk.shop, "sync", decided_meanwhile)
    desk.look()
    assert desk.answering() == {"champion": 2}
    assert desk.work() == 1
    assert desk.shop.told == [("champion", 2)]


def test_a_worker_that_ends_while_the_store_is_asked_leaves_the_job_for_the_next(desk: Desk) -> None:
    desk.shop.fails = StoreClosedError("about to end")
    desk.look()
    with desk.database.read() as session:
        assert not any(model.fault for model in session.exec(select(Model)))
    desk.shop.fails = None
    assert desk.work() == 1
    assert desk.answering() == {"champion": 1}
