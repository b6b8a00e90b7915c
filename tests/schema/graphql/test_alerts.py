"""Alerts on models: who may, one at most of each rule, and how they end."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import orjson
import pytest
from sqlmodel import col, select, update

from schema.models.accounts import AuditEvent
from schema.models.alerts import Alert, AlertRule
from schema.models.models import ModelVersion
from schema.models.monitoring import PredictionDay
from schema.models.predictions import FeedbackType
from schema.models.webhooks import Webhook, WebhookDelivery
from schema.models.work import Job
from schema.policy import Actor, Role, Scope
from schema.services.alert_rules import ALERT_JOB, MAX_RULES, wake_alerts
from schema.services.alert_watch import CALM_LOOKS, LOOK_EVERY, AlertWatch
from schema.services.audit import verify
from schema.services.day_books import Tally, key_of, total
from schema.services.jobs import Claim, run_due
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.graphql.test_drift import ask_about, champion, opine, rows
from tests.schema.graphql.test_feedback_statistics import give
from tests.schema.graphql.test_monitoring import made
from tests.schema.toys import deployed, registered, toy
from tests.schema.ward import REFUSALS

RULE = """id name family metric comparison threshold days minimum webhooks value count lookedAt quiet revision
  modelVersion { number } readers { displayName } createdBy { id } alert { id }"""
ALERT = """id cause family alias name metric comparison threshold days value count latest state openedAt
  normalSince ending note revision acknowledgedAt closedAt rule { id } modelVersion { number }
  acknowledgedBy { id } closedBy { id } mailing { sent waiting failed fault }"""
CREATE = f"""mutation M($input: CreateAlertRuleInput!) {{ createAlertRule(input: $input) {{ __typename
  ... on AlertRule {{ {RULE} }} {REFUSALS} }} }}"""
UPDATE = f"""mutation M($input: UpdateAlertRuleInput!) {{ updateAlertRule(input: $input) {{ __typename
  ... on AlertRule {{ {RULE} }} {REFUSALS} }} }}"""
DELETE = f"""mutation M($input: DeleteAlertRuleInput!) {{ deleteAlertRule(input: $input) {{ __typename
  ... on DeletedAlertRule {{ alertRuleId }} {REFUSALS} }} }}"""
ACKNOWLEDGE = f"""mutation M($input: AcknowledgeAlertInput!) {{ acknowledgeAlert(input: $input) {{ __typename
  ... on Alert {{ {ALERT} }} {REFUSALS} }} }}"""
CLOSE = f"""mutation M($input: CloseAlertInput!) {{ closeAlert(input: $input) {{ __typename
  ... on Alert {{ {ALERT} }} {REFUSALS} }} }}"""
ALERTS = f"query Q($states: [AlertState!]) {{ alerts(states: $states) {{ edges {{ node {{ {ALERT} }} }} }} }}"
RULES = f"{{ alertRules {{ edges {{ node {{ {RULE} }} }} }} }}"
COUNT = "{ openAlertCount }"
USUAL: dict[str, Any] = {
    "name": "Succès du triage",
    "family": "TRIAGE",
    "metric": "SUCCESS_RATE",
    "comparison": "BELOW",
    "threshold": 0.9,
    "days": 2,
    "minimum": 10,
}


class Watching:
    """An analyst's rules, and the worker that looks after them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.analyst = world.person(Role.ANALYST)
        self.passed = 0.0
        self.watch = self.worker()

    def worker(self) -> AlertWatch:
        """Return another worker's watch."""
        return AlertWatch(self.world.database, self.world.clock, writes=False, passed=lambda: self.passed)

    def create(self, **given: Any) -> Any:
        made = self.world.ask(CREATE, self.analyst, input=USUAL | given)
        assert made["__typename"] == "AlertRule", made
        return made

    def look(self, times: int = 1, *, minutes: float = 5) -> None:
        """Let so much time pass and have the rules looked at, again and again."""
        for _ in range(times):
            self.world.clock.pass_(minutes=minutes)
            self.passed += 60 * minutes
            self.watch.work(Claim(1, ALERT_JOB, {}, 1), lambda _: None)

    def alerts(self, *states: str) -> Any:
        found = self.world.ask(ALERTS, self.analyst, states=list(states) or None)
        return [edge["node"] for edge in found["edges"]]

    def rule(self) -> Any:
        [edge] = self.world.ask(RULES, self.analyst)["edges"]
        return edge["node"]

    def predictions(self, answered: int, failed: int = 0, **given: Any) -> None:
        """Have so many predictions counted today, none of which anybody needs to see."""
        at = self.world.clock()
        failure: dict[str, Any] = {"ml_available": False, "ml_error": "loading", "confidence": None}
        kinds = ((answered, made(at, **given)), (failed, made(at, **failure | given)))
        family, day, version_id, alias = key_of(kinds[0][1])
        with self.world.database.write() as session:
            row = session.exec(select(PredictionDay).where(PredictionDay.day == day)).first()
            row = row or PredictionDay(family=family, day=day, version_id=version_id, alias=alias)
            counted = (Tally.of(one) for times, one in kinds for _ in range(times))
            total([Tally.read(row), *counted]).write(row)
            session.add(row)

    def settle(self, text: str, alert: Any, actor: Actor | None = None, **given: Any) -> Any:
        whole = {"id": alert["id"], "revision": alert["revision"]} | given
        return self.world.ask(text, actor or self.analyst, input=whole)

    def listening(self) -> None:
        """Have an administrator's webhook told of alerts."""
        with self.world.database.write() as session:
            session.add(
                Webhook(
                    account_id=self.world.person(Role.ADMIN).account_id,
                    url="https://example.org/",
                    events=["alert.opened", "alert.closed"],
                    salt="s",
                    created_at=self.world.clock(),
                )
            )

    def told(self) -> Sequence[tuple[str, dict[str, str]]]:
        with self.world.database.read() as session:
            rows = session.exec(select(WebhookDelivery).order_by(col(WebhookDelivery.id))).all()
        return [(each.event, orjson.loads(each.body)["data"]) for each in rows]

    def trail(self) -> list[tuple[str, int | None]]:
        with self.world.database.read() as session:
            assert verify(session).ok
            rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence))).all()
        return [(each.action, each.actor_id) for each in rows if each.action.startswith("alert")]


@pytest.fixture
def watching(each_world: World) -> Watching:
    return Watching(each_world)


@pytest.fixture
def lite(world: World) -> Watching:
    """Return it on SQLite alone, for what the database has no part in."""
    return Watching(world)


def fault(answer: Any) -> tuple[str, str]:
    if answer["__typename"] == "ValidationErrors":
        return answer["fields"][0]["path"][0], answer["fields"][0]["code"]
    return answer["__typename"], answer.get("code", "")


def test_alerts_are_for_analysts_and_administrators(lite: Watching) -> None:
    world = lite.world
    rule = lite.create()
    lite.predictions(0, 20)
    lite.look()
    [alert] = lite.alerts()
    known = {"id": rule["id"], "revision": 1}
    for text in (ALERTS, RULES, COUNT):
        assert world.codes(text, None) == ["UNAUTHENTICATED"]
    assert world.codes(CREATE, None, input=USUAL) == ["UNAUTHENTICATED"]
    for role in (Role.TEACHER, Role.EXPERT, Role.STUDENT, Role.CLINICIAN):
        person = world.person(role)
        for text in (ALERTS, RULES, COUNT):
            assert world.codes(text, person) == ["FORBIDDEN"], role
        for text, given in ((CREATE, USUAL), (UPDATE, known), (DELETE, known)):
            assert fault(world.ask(text, person, input=given)) == ("NotAllowed", "missing_scope")
        for text in (ACKNOWLEDGE, CLOSE):
            assert fault(lite.settle(text, alert, person)) == ("NotAllowed", "missing_scope")
    assert lite.settle(ACKNOWLEDGE, alert, world.person(Role.ADMIN))["state"] == "ACKNOWLEDGED"


def test_what_there_is_not_is_not_found(lite: Watching) -> None:
    for identifier in (global_id("Alert", 99), global_id("AlertRule", 99), "x"):
        given = {"id": identifier, "revision": 1}
        for text in (UPDATE, DELETE, ACKNOWLEDGE, CLOSE):
            assert lite.world.ask(text, lite.analyst, input=given)["__typename"] == "NotFound"


@pytest.mark.parametrize(
    "given,field,code",
    [
        ({"name": " "}, "name", "required"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"threshold": 1.01}, "threshold", "out_of_range"),
        ({"threshold": -0.1}, "threshold", "out_of_range"),
        ({"days": 0}, "days", "out_of_range"),
        ({"days": 91}, "days", "out_of_range"),
        ({"minimum": 0}, "minimum", "out_of_range"),
        ({"metric": "ERROR_RATE", "minimum": 29}, "minimum", "out_of_range"),
        ({"readerIds": [global_id("Account", 99)]}, "readerIds", "unknown_choice"),
        ({"readerIds": ["x"]}, "readerIds", "unknown_choice"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    world: World, given: dict[str, Any], field: str, code: str
) -> None:
    answer = world.ask(CREATE, world.person(Role.ANALYST), input=USUAL | given)
    assert fault(answer) == (field, code)


def test_who_sees_no_alerts_is_written_to_like_nobody(lite: Watching) -> None:
    teacher = global_id("Account", lite.world.person(Role.TEACHER).account_id)
    refused = lite.world.ask(CREATE, lite.analyst, input=USUAL | {"readerIds": [teacher]})
    assert fault(refused) == ("readerIds", "unknown_choice")
    me = global_id("Account", lite.analyst.account_id)
    assert len(lite.create(readerIds=[me, me])["readers"]) == 1


def test_analysts_have_themselves_written_to_and_administrators_anybody_who_sees_alerts(
    lite: Watching,
) -> None:
    world, admin = lite.world, lite.world.person(Role.ADMIN)
    me, them = (global_id("Account", each.account_id) for each in (lite.analyst, admin))
    refused = world.ask(CREATE, lite.analyst, input=USUAL | {"readerIds": [them]})
    assert fault(refused) == ("readerIds", "unknown_choice")
    made = world.ask(CREATE, admin, input=USUAL | {"readerIds": [me, them]})
    given = {"id": made["id"], "revision": 1, "readerIds": [them], "name": "Sans moi"}
    kept = world.ask(UPDATE, lite.analyst, input=given)
    assert [each["displayName"] for each in kept["readers"]] == [admin.display_name]


def test_a_rule_is_about_a_version_of_its_family_that_there_is(lite: Watching) -> None:
    world = lite.world
    with world.database.write() as session:
        beats = registered(session, world.clock, toy(world.home))
        triage = registered(session, world.clock, "a" * 64, "triage")
    for missing in (global_id("ModelVersion", 99), "x"):
        answer = world.ask(CREATE, lite.analyst, input=USUAL | {"modelVersionId": missing})
        assert answer["__typename"] == "NotFound"
    other = USUAL | {"modelVersionId": global_id("ModelVersion", beats.id or 0)}
    refused = world.ask(CREATE, lite.analyst, input=other)
    assert fault(refused) == ("modelVersionId", "version_of_another_family")
    ours = {"modelVersionId": global_id("ModelVersion", triage.id or 0)}
    token = Actor(lite.analyst.account_id, Role.ANALYST, scopes=frozenset({Scope.ALERTS}), token_id=1)
    assert world.ask(CREATE, token, input=USUAL | ours)["__typename"] == "NotFound"
    assert lite.create(**ours)["modelVersion"] == {"number": 1}


def test_a_site_has_so_many_rules_and_no_more(world: World) -> None:
    watching = Watching(world)
    watching.create()
    with world.database.write() as session:
        one = session.exec(select(AlertRule)).one().model_dump(exclude={"id"})
        session.add_all(AlertRule(**one) for _ in range(MAX_RULES - 1))
    assert fault(world.ask(CREATE, watching.analyst, input=USUAL)) == ("name", "too_many_rules")


def test_of_two_who_change_a_rule_the_second_is_told(watching: Watching) -> None:
    rule = watching.create()
    changed = {"id": rule["id"], "revision": 1, "threshold": 0.8}
    assert watching.world.ask(UPDATE, watching.analyst, input=changed)["revision"] == 2
    stale = watching.world.ask(UPDATE, watching.analyst, input=changed | {"threshold": 0.5})
    assert (fault(stale), stale["current"]) == (("Conflict", "stale_revision"), 2)
    deleted = watching.world.ask(DELETE, watching.analyst, input={"id": rule["id"], "revision": 1})
    assert fault(deleted) == ("Conflict", "stale_revision")
    assert watching.rule()["threshold"] == 0.8


def test_a_condition_opens_one_alert_however_often_it_is_looked_at(watching: Watching) -> None:
    watching.listening()
    rule = watching.create(webhooks=True)
    watching.predictions(15, 5)
    watching.look(3)
    [alert] = watching.alerts()
    assert (alert["cause"], alert["state"], alert["family"]) == ("RULE", "OPEN", "TRIAGE")
    assert (alert["value"], alert["count"], alert["rule"]) == (0.75, 20, {"id": rule["id"]})
    assert watching.world.ask(COUNT, watching.analyst) == 1
    assert watching.rule()["alert"] == {"id": alert["id"]}
    data = {
        "alertId": alert["id"],
        "alertRuleId": rule["id"],
        "cause": "rule",
        "family": "triage",
        "metric": "success_rate",
    }
    assert watching.told() == [("alert.opened", data)]


def test_two_workers_at_once_open_one_alert(watching: Watching) -> None:
    watching.listening()
    watching.create(webhooks=True)
    watching.predictions(0, 20)
    watches, together = [watching.worker() for _ in range(4)], Barrier(4)

    def look(watch: AlertWatch) -> None:
        together.wait()
        watch.work(Claim(1, ALERT_JOB, {}, 1), lambda _: None)

    threads = [Thread(target=look, args=(each,)) for each in watches]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(watching.alerts()) == 1
    assert [event for event, _ in watching.told()] == ["alert.opened"]


def test_the_job_is_woken_as_a_rule_is_made_and_waits_for_the_next_time(watching: Watching) -> None:
    world = watching.world
    watching.create()
    watching.predictions(0, 20)
    handlers = {ALERT_JOB: world.services.alert_watch.work}
    assert run_due(world.database, handlers, world.clock, 5) == 1
    assert len(watching.alerts()) == 1
    world.clock.pass_(days=400)
    assert run_due(world.database, handlers, world.clock, 5) == 0
    world.clock.pass_(days=-800)
    with world.database.write() as session:
        wake_alerts(session, world.clock)
    assert run_due(world.database, handlers, world.clock, 5) == 1
    with world.database.read() as session:
        assert len(session.exec(select(Job).where(Job.kind == ALERT_JOB)).all()) == 1


def test_what_is_well_again_says_so_and_closes_after_an_hour_of_looks(watching: Watching) -> None:
    watching.listening()
    watching.create(webhooks=True)
    watching.predictions(0, 20)
    watching.look()
    watching.predictions(1_000)
    watching.look()
    [alert] = watching.alerts()
    assert (alert["state"], alert["latest"]) == ("OPEN", pytest.approx(1_000 / 1_020))
    assert alert["normalSince"] == watching.world.clock().isoformat()
    watching.look(CALM_LOOKS - 1)
    assert watching.alerts("OPEN") != []
    watching.look()
    [alert] = watching.alerts()
    assert (alert["state"], alert["ending"], alert["closedBy"]) == ("CLOSED", "NORMAL", None)
    assert watching.told()[-1][0] == "alert.closed"
    assert watching.told()[-1][1]["ending"] == "normal"


def test_what_is_wrong_again_before_that_goes_on_and_afterwards_opens_another(lite: Watching) -> None:
    lite.create(metric="LATENCY_P95", comparison="ABOVE", threshold=100, days=1)
    lite.predictions(20, latency_ms=500)
    lite.look()
    lite.predictions(1_000, latency_ms=20)
    lite.look(CALM_LOOKS)
    lite.predictions(1_000, latency_ms=500)
    lite.look()
    [alert] = lite.alerts()
    assert (alert["state"], alert["normalSince"]) == ("OPEN", None)
    lite.predictions(1_000, latency_ms=20)
    for _ in range(2):
        lite.world.clock.pass_(days=1)
        lite.predictions(20, latency_ms=20)
    lite.look(2 * CALM_LOOKS)
    assert lite.alerts("OPEN") == []
    lite.predictions(20, latency_ms=500)
    lite.look()
    assert [each["state"] for each in lite.alerts()] == ["OPEN", "CLOSED"]


def test_looks_that_follow_at_once_count_as_one(lite: Watching) -> None:
    lite.create()
    lite.predictions(0, 20)
    lite.look()
    lite.predictions(1_000)
    lite.look(CALM_LOOKS + 1, minutes=0.1)
    assert len(lite.alerts("OPEN")) == 1


def test_of_too_few_nothing_is_said(lite: Watching) -> None:
    lite.create()
    lite.predictions(0, 9)
    lite.look()
    assert (lite.alerts(), lite.rule()["value"], lite.rule()["count"]) == ([], None, 9)
    lite.predictions(0, 1)
    lite.look()
    [alert] = lite.alerts()
    lite.world.clock.pass_(days=3)
    lite.passed += 3 * 86_400
    lite.look(2 * CALM_LOOKS)
    assert lite.alerts("OPEN")[0]["id"] == alert["id"]


@pytest.mark.parametrize(
    "metric,comparison,threshold,good,bad",
    [
        ("LATENCY_P95", "ABOVE", 100, {"latency_ms": 99}, {"latency_ms": 150}),
        ("CONFIDENCE", "BELOW", 0.7, {"confidence": 0.75}, {"confidence": 0.6}),
        ("POOR_QUALITY", "ABOVE", 0.5, {"quality": "medium"}, {"quality": "insufficient"}),
    ],
)
def test_each_metric_is_held_against_its_threshold(  # noqa: PLR0917 - a row of a table
    world: World, metric: str, comparison: str, threshold: float, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    watching = Watching(world)
    watching.create(metric=metric, comparison=comparison, threshold=threshold)
    watching.predictions(20, **good)
    watching.look()
    assert watching.alerts() == []
    watching.predictions(80, **bad)
    watching.look()
    assert len(watching.alerts()) == 1


def test_drift_beyond_a_threshold_opens_an_alert_and_chance_does_not(world: World) -> None:
    watching = Watching(world)
    low = USUAL | {"metric": "DRIFT", "threshold": 0.25, "minimum": 50}
    assert fault(world.ask(CREATE, watching.analyst, input=low)) == ("comparison", "unknown_choice")
    few = low | {"comparison": "ABOVE", "minimum": 49}
    assert fault(world.ask(CREATE, watching.analyst, input=few)) == ("minimum", "out_of_range")
    watching.create(metric="DRIFT", comparison="ABOVE", threshold=0.25, minimum=50, days=1)
    version = champion(world)
    ask_about(world, version, rows(49, 3), days_ago=1)
    watching.look()
    assert (watching.rule()["value"], watching.rule()["count"]) == (None, 49)
    ask_about(world, version, rows(151, 4), days_ago=1)
    watching.look()
    assert (watching.rule()["value"], watching.alerts()) == (0, [])
    ask_about(world, version, rows(400, 5, age=90.0))
    watching.look()
    assert (watching.rule()["count"], watching.alerts()) == (200, [])  # today is not over
    watching.look(minutes=24 * 60)
    assert watching.rule()["count"] == 400
    assert watching.alerts()[0]["value"] > 0.25


def test_a_volume_is_of_days_that_are_over(lite: Watching) -> None:
    lite.create(metric="VOLUME", comparison="BELOW", threshold=10, days=2)
    lite.predictions(40)
    lite.look()
    assert (len(lite.alerts()), lite.rule()["value"]) == (1, 0)
    lite.world.clock.pass_(days=1)
    lite.passed += 86_400
    lite.look()
    assert lite.rule()["value"] == 20


def test_readers_who_find_a_model_wrong_open_an_alert(lite: Watching) -> None:
    lite.create(metric="ERROR_RATE", comparison="ABOVE", threshold=0.2, minimum=30)
    give(lite.world, FeedbackType.UPGRADE, "3B", "2", times=29)
    lite.look()
    assert lite.alerts() == []
    give(lite.world, FeedbackType.UPGRADE, "3B", "2", times=1)
    lite.look()
    assert lite.alerts()[0]["value"] == 1


def test_many_opinions_of_errors_on_one_recording_open_no_alert(watching: Watching) -> None:
    watching.create(metric="ERROR_RATE", comparison="ABOVE", threshold=0.2, minimum=30)
    opine(watching.world, champion(watching.world), [True] * 60)
    watching.look()
    assert (watching.rule()["value"], watching.rule()["count"], watching.alerts()) == (None, 60, [])
    give(watching.world, FeedbackType.CORRECT, times=300)
    watching.look()  # as 33.2 predictions: 360 squared over 3,900
    assert watching.rule()["value"] == pytest.approx(1 / 6)


def test_somebody_acknowledges_and_closes_with_a_note_and_it_is_on_record(watching: Watching) -> None:
    watching.listening()
    watching.create(webhooks=True)
    watching.predictions(0, 20)
    watching.look()
    [alert] = watching.alerts()
    admin = watching.world.person(Role.ADMIN)
    taken = watching.settle(ACKNOWLEDGE, alert)
    assert (taken["state"], taken["acknowledgedBy"]["id"]) == (
        "ACKNOWLEDGED",
        global_id("Account", watching.analyst.account_id),
    )
    assert watching.world.ask(COUNT, admin) == 0
    assert fault(watching.settle(ACKNOWLEDGE, alert, admin)) == ("Conflict", "stale_revision")
    assert fault(watching.settle(ACKNOWLEDGE, taken, admin)) == ("Conflict", "alert_not_open")
    assert fault(watching.settle(CLOSE, taken, admin, note="x" * 1_001)) == ("note", "too_long")
    closed = watching.settle(CLOSE, taken, admin, note="Relancé pour M. Jean Dupont.")
    assert (closed["state"], closed["ending"]) == ("CLOSED", "PERSON")
    assert closed["note"].startswith("Relancé")
    assert "Dupont" not in closed["note"]
    assert fault(watching.settle(CLOSE, closed)) == ("Conflict", "alert_not_open")
    me, them = watching.analyst.account_id, admin.account_id
    assert watching.trail() == [
        ("alert_rule.created", me),
        ("alert.acknowledged", me),
        ("alert.closed", them),
    ]
    assert [event for event, _ in watching.told()] == ["alert.opened", "alert.closed"]


def test_what_somebody_closed_opens_again_only_once_it_has_ceased(lite: Watching) -> None:
    lite.create()
    lite.predictions(0, 20)
    lite.look()
    lite.settle(CLOSE, lite.alerts()[0])
    lite.look(3)
    assert (lite.alerts("OPEN"), lite.rule()["quiet"]) == ([], True)
    lite.predictions(1_000)
    lite.look()
    assert lite.rule()["quiet"] is False
    lite.predictions(0, 1_000)
    lite.look()
    assert len(lite.alerts()) == 2


def test_another_condition_closes_the_alert_of_the_one_before(watching: Watching) -> None:
    rule = watching.create()
    watching.predictions(15, 5)
    watching.look()
    renamed = {"id": rule["id"], "revision": 1, "name": "Autre nom", "minimum": 10}
    watching.world.ask(UPDATE, watching.analyst, input=renamed)
    assert len(watching.alerts("OPEN")) == 1
    lowered = {"id": rule["id"], "revision": 2, "threshold": 0.5}
    watching.world.ask(UPDATE, watching.analyst, input=lowered)
    assert watching.alerts()[0]["ending"] == "RULE_CHANGED"
    watching.look()
    assert watching.alerts("OPEN") == []


def test_a_deleted_rule_leaves_its_alerts(watching: Watching) -> None:
    rule = watching.create()
    watching.predictions(0, 20)
    watching.look()
    gone = watching.world.ask(DELETE, watching.analyst, input={"id": rule["id"], "revision": 1})
    assert gone["alertRuleId"] == rule["id"]
    [alert] = watching.alerts()
    assert (alert["ending"], alert["rule"], alert["name"]) == ("RULE_DELETED", None, USUAL["name"])
    watching.look()
    assert watching.alerts("OPEN") == []


def test_a_rule_about_a_version_that_is_withdrawn_sleeps_unless_it_still_answers(lite: Watching) -> None:
    world = lite.world
    with world.database.write() as session:
        version = registered(session, world.clock, "a" * 64, "triage")
        row = deployed(session, world.clock, version)
    lite.create(
        metric="VOLUME",
        comparison="BELOW",
        threshold=10,
        modelVersionId=global_id("ModelVersion", version.id or 0),
    )
    with world.database.write() as session:
        session.get_one(ModelVersion, version.id).withdrawn_at = world.clock()
    lite.look()
    assert len(lite.alerts("OPEN")) == 1
    with world.database.write() as session:
        session.delete(session.merge(row))
    lite.look()
    assert lite.alerts()[0]["ending"] == "VERSION_WITHDRAWN"
    lite.look()
    assert lite.alerts("OPEN") == []


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumps_opens_nothing_and_closes_nothing_at_once(lite: Watching, days: int) -> None:
    world = lite.world
    lite.create(metric="VOLUME", comparison="BELOW", threshold=1, days=1)
    lite.create(metric="LATENCY_P95", comparison="ABOVE", threshold=100)
    lite.predictions(20, latency_ms=500)
    world.clock.pass_(days=1)
    lite.predictions(20, latency_ms=500)
    lite.look()
    [alert] = lite.alerts()
    world.clock.pass_(days=days)
    lite.look()
    world.clock.pass_(days=-days)
    lite.look(2)
    assert [(each["id"], each["state"]) for each in lite.alerts()] == [(alert["id"], "OPEN")]
    with world.database.read() as session:
        looked = session.exec(select(AlertRule.looked_at)).all()
    assert {each for each in looked if each} == {world.clock()}


def test_a_rule_that_cannot_be_looked_at_holds_up_no_other(lite: Watching) -> None:
    lite.create(name="Une")
    lite.create(name="Deux")
    lite.predictions(0, 20)
    with lite.world.database.write() as session:
        session.exec(update(AlertRule).where(col(AlertRule.name) == "Une").values(metric="gone"))
    with lite.world.database.read() as session:
        assert session.exec(select(AlertRule.id)).all() != []
    lite.watch.work(Claim(1, ALERT_JOB, {}, 1), lambda _: None)
    with lite.world.database.read() as session:
        assert [each.name for each in session.exec(select(Alert))] == ["Deux"]


def test_a_look_takes_as_long_as_is_said() -> None:
    assert timedelta(hours=1) == CALM_LOOKS * LOOK_EVERY
