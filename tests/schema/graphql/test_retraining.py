"""Training a model anew: one of a family at a time, from enough feedback, never promoted by itself."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from ml.retraining import Order
from ml.training_process import Trained, TrainingClosedError, TrainingFailedError
from schema.models.alerts import Alert
from schema.models.models import Deployment, Model, Retraining
from schema.models.predictions import Feedback, FeedbackType, ModelFamily
from schema.models.webhooks import Webhook, WebhookDelivery, WebhookEvent
from schema.models.work import Job, JobState
from schema.policy import Actor, Role
from schema.services.jobs import Again, Claim, run_due
from schema.services.retraining import (
    ABANDONED,
    RETRAIN_JOB,
    WATCH_JOB,
    RetrainingJobs,
    TrainingRules,
    wake_watch,
)
from tests.schema.conftest import World
from tests.schema.graphql.test_feedback_statistics import give
from tests.schema.ward import REFUSALS

RETRAIN = f"""mutation M($input: RetrainInput!) {{ retrain(input: $input) {{ __typename
  ... on Retraining {{ runName progress finishedAt askedBy {{ id }} }} {REFUSALS} }} }}"""
MODELS = """{ models { edges { node { family retrainable retrainingDue retrainings {
  runName progress opinionCount feedbackHash versionNumber fault finishedAt } } } } }"""


@dataclass
class Toy:
    """Trains nothing: answers, fails or is closed."""

    outcome: Trained | Exception = field(default_factory=lambda: Trained(7, "run"))
    orders: list[Order] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def train(self, order: Order, tell: Callable[[float], None]) -> Trained:
        """Read what it is to learn from."""
        self.orders.append(order)
        if order.corrections is not None:
            self.read.append(order.corrections.read_text(encoding="utf-8"))
        tell(0.5)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def close(self) -> None:
        """Do nothing."""


@dataclass
class Site:
    """An installation that can train triage."""

    world: World
    admin: Actor
    rules: TrainingRules
    folder: Path
    toy: Toy

    def ask(self, actor: Actor | None = None, **given: Any) -> Any:
        whole = {"family": "TRIAGE", "minFeedbackSamples": 3} | given
        return self.world.ask(RETRAIN, actor or self.admin, input=whole)

    def work(self) -> int:
        services = self.world.services
        jobs = RetrainingJobs(
            services.database, services.clock, services.blobs, self.toy, self.rules, self.folder
        )
        return run_due(services.database, {RETRAIN_JOB: jobs.work}, services.clock, 5)

    def watch(self) -> None:
        services = self.world.services
        with services.database.write() as session:
            wake_watch(session, services.clock)
        run_due(services.database, {WATCH_JOB: services.feedback_watch.work}, services.clock, 1)

    def model(self) -> Any:
        edges = self.world.ask(MODELS, self.admin)["edges"]
        return next((each["node"] for each in edges if each["node"]["family"] == "TRIAGE"), None)

    def alerts(self) -> list[tuple[str, str, str | None]]:
        with self.world.database.read() as session:
            return [(each.cause, each.state, each.ending) for each in session.exec(select(Alert))]

    def rows(self) -> list[Retraining]:
        with self.world.database.read() as session:
            return list(session.exec(select(Retraining).order_by(col(Retraining.id))))


@pytest.fixture
def site(each_world: World, tmp_path: Path) -> Site:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ktas.csv").touch()
    rules = TrainingRules(tmp_path / "data", threshold=40)
    each_world.services.training = rules
    return Site(each_world, each_world.person(Role.ADMIN), rules, tmp_path / "work", Toy())


def spoken(site: Site, times: int = 3, kind: FeedbackType = FeedbackType.UPGRADE) -> None:
    corrected = "2" if kind is FeedbackType.UPGRADE else None
    give(site.world, kind, "3B", corrected, times=times)


def fault(answer: Any) -> tuple[str, str]:
    if answer["__typename"] == "ValidationErrors":
        return answer["fields"][0]["path"][0], answer["fields"][0]["code"]
    return answer["__typename"], answer.get("code", "")


def test_only_an_administrator_has_a_model_trained(site: Site) -> None:
    given = {"family": "TRIAGE"}
    assert site.world.codes(RETRAIN, None, input=given) == ["UNAUTHENTICATED"]
    for role in (Role.TEACHER, Role.ANALYST):
        assert fault(site.ask(site.world.person(role))) == ("NotAllowed", "missing_scope")
    assert site.rows() == []


def test_a_site_without_data_or_packages_refuses_and_shows_no_button(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken(site)
    assert fault(site.ask(family="BEATS")) == ("NotAllowed", "no_training_data")
    monkeypatch.setattr("ml.retraining.find_spec", lambda _name: None)
    assert fault(site.ask()) == ("NotAllowed", "no_training_extra")
    site.world.services.training = replace(site.rules, elsewhere=True)
    assert site.ask()["__typename"] == "Retraining"
    site.world.services.training = TrainingRules()
    assert fault(site.ask()) == ("NotAllowed", "no_training_data")
    assert site.model()["retrainable"] is False


def test_too_little_feedback_is_refused_with_the_numbers(site: Site) -> None:
    spoken(site, 2)
    spoken(site, 5, FeedbackType.DISAGREE)
    assert fault(site.ask()) == ("minFeedbackSamples", "too_little_feedback")
    assert fault(site.ask(minFeedbackSamples=0)) == ("minFeedbackSamples", "out_of_range")
    assert fault(site.ask(minFeedbackSamples=2, runName="x" * 101)) == ("runName", "too_long")
    assert site.ask(includeFeedback=False)["__typename"] == "Retraining"


def test_a_training_started_twice_is_one_training(site: Site) -> None:
    spoken(site)
    first = site.ask(runName="lundi")
    assert (first["runName"], first["progress"], first["finishedAt"]) == ("lundi", 0.0, None)
    assert fault(site.ask()) == ("Conflict", "training_under_way")
    assert len(site.rows()) == 1
    with pytest.raises(IntegrityError), site.world.database.write() as session:
        session.add(Retraining(**site.rows()[0].model_dump(exclude={"id"})))


def test_what_was_trained_is_the_challenger_and_nothing_is_promoted(site: Site) -> None:
    spoken(site)
    site.ask(runName="lundi")
    assert site.work() == 1
    (shown,) = site.model()["retrainings"]
    assert (shown["versionNumber"], shown["opinionCount"], shown["progress"]) == (7, 3, 1.0)
    assert (shown["fault"], len(shown["feedbackHash"])) == (None, 64)
    assert site.toy.orders[0].run_name == "lundi"
    assert site.toy.read[0].count('"label":"2"') == 3
    with site.world.database.read() as session:
        assert session.exec(select(Deployment)).all() == []
        woken = session.exec(select(Job).where(Job.kind == "sync_models")).one()
        assert woken.state == JobState.QUEUED.value
    assert list(site.folder.iterdir()) == []
    assert site.ask()["__typename"] == "Retraining"


def test_a_training_that_fails_says_why_and_leaves_the_way_free(site: Site) -> None:
    spoken(site)
    site.ask()
    site.toy.outcome = TrainingFailedError("no space left")
    site.work()
    (shown,) = site.model()["retrainings"]
    assert (shown["fault"], shown["versionNumber"]) == ("no space left", None)
    assert shown["finishedAt"] is not None
    assert site.ask()["__typename"] == "Retraining"


def test_a_worker_that_ends_leaves_the_training_and_its_snapshot_to_the_next(site: Site) -> None:
    spoken(site)
    site.ask()
    site.toy.outcome = TrainingClosedError()
    site.work()
    assert site.rows()[0].finished_at is None
    spoken(site)
    site.toy.outcome = Trained(8, "run")
    site.world.clock.pass_(seconds=1)
    site.work()
    assert site.toy.read[-1] == site.toy.read[0]
    assert (site.rows()[0].number, site.rows()[0].opinions) == (8, 3)


def test_a_training_whose_workers_all_died_does_not_hold_up_another(site: Site) -> None:
    spoken(site)
    site.ask()
    with site.world.database.write() as session:
        job = session.exec(select(Job).where(Job.kind == RETRAIN_JOB)).one()
        job.state, job.finished_at = JobState.FAILED.value, site.world.clock()
    assert site.ask()["__typename"] == "Retraining"
    assert [each.fault for each in site.rows()] == [ABANDONED, None]


@pytest.mark.parametrize(
    "kind,times,cause",
    [
        (FeedbackType.CORRECT, 40, "FEEDBACK"),
        (FeedbackType.CORRECT, 39, None),
        (FeedbackType.UPGRADE, 30, "ERROR_RATE"),
        (FeedbackType.UPGRADE, 29, None),
    ],
)
def test_enough_feedback_or_enough_errors_raise_an_alert_once(
    site: Site, kind: FeedbackType, times: int, cause: str | None
) -> None:
    with site.world.database.write() as session:
        session.add(
            Webhook(
                account_id=site.admin.account_id,
                url="https://example.org/",
                events=[WebhookEvent.ALERT_OPENED.value],
                salt="s",
                created_at=site.world.clock(),
            )
        )
    spoken(site, times, kind)
    for _ in range(2):
        site.watch()
    model = site.model()
    assert (model["retrainingDue"] if model else None) == cause
    with site.world.database.read() as session:
        told = session.exec(select(WebhookDelivery)).all()
    assert [each.event for each in told] == ["alert.opened"] * (cause is not None)
    assert site.rows() == []


def test_many_errors_on_few_visits_raise_no_alert(site: Site) -> None:
    spoken(site, 29)
    with site.world.database.write() as session:
        first = session.exec(select(Feedback)).first()
        assert first is not None
        session.add(Feedback(**first.model_dump(exclude={"id"}) | {"target": 1}))
    site.watch()
    assert site.alerts() == []
    spoken(site, 1)
    site.watch()
    assert site.alerts() == []  # 31 opinions on 30 visits, two on one: as 31² / 33 of them, which is 29.1
    spoken(site, 1)
    site.watch()
    with site.world.database.read() as session:
        alert = session.exec(select(Alert)).one()
    assert (alert.cause, alert.count, alert.judged, alert.readers) == ("error_rate", 32, 31, 31)
    assert (alert.threshold, alert.value) == (0.15, 1.0)


def test_why_a_site_cannot_train_is_told(site: Site) -> None:
    spoken(site, 40)
    site.watch()
    asked = "{ models { edges { node { retrainingObstacle } } } }"
    site.world.services.training = TrainingRules()
    for role in (Role.ADMIN, Role.ANALYST):
        (edge,) = site.world.ask(asked, site.world.person(role))["edges"]
        assert "CHEVET_TRAINING_DATA" in edge["node"]["retrainingObstacle"]
    site.world.services.training = site.rules
    (edge,) = site.world.ask(asked, site.admin)["edges"]
    assert edge["node"]["retrainingObstacle"] is None


def test_an_alert_starts_a_training_where_the_site_lets_it_and_ends_with_it(site: Site) -> None:
    site.world.services.training = site.rules = replace(site.rules, starts=True)
    spoken(site, 60)
    site.world.clock.pass_(seconds=1)
    site.watch()
    (row,) = site.rows()
    assert (row.asked_by, row.include_feedback, row.min_feedback) == (None, True, 50)
    assert site.alerts() == [("feedback", "open", None)]
    site.work()
    assert site.alerts() == [("feedback", "closed", "settled")]
    assert site.model()["retrainingDue"] is None
    site.world.clock.pass_(minutes=10)
    site.watch()
    assert site.model()["retrainingDue"] is None
    with site.world.database.read() as session:
        families = session.exec(select(Model.family)).all()
    assert list(families) == [ModelFamily.TRIAGE.value]


def test_a_job_of_a_training_that_is_over_does_nothing(site: Site) -> None:
    spoken(site)
    site.ask()
    site.work()
    services = site.world.services
    jobs = RetrainingJobs(
        services.database, services.clock, services.blobs, site.toy, site.rules, site.folder
    )
    claim = Claim(99, RETRAIN_JOB, {"retraining": site.rows()[0].id}, 1)
    assert not isinstance(jobs.work(claim, lambda _: None), Again)
    assert len(site.toy.orders) == 1
