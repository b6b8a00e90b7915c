"""Challengers: who sees how they stand, the rule with its obstacles, the shadow, the A/B test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, func, select

from ml.registry.store import StoreClosedError, StoreError
from schema.models.accounts import AuditEvent
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.models.predictions import Prediction
from schema.models.promotions import Comparison, Trial
from schema.models.webhooks import Webhook, WebhookDelivery
from schema.models.work import Job
from schema.policy import Actor, Role
from schema.services import duels
from schema.services.audit import verify
from schema.services.duels import JUDGE_JOB, MIN_SHADOW_RUNS, SHADOW_JOB, trial_figures
from schema.services.jobs import run_due
from schema.services.judge import Judge
from schema.services.models import SYNC_JOB, Models
from schema.services.routing import arm_of
from schema.types.base import global_id
from tests.schema.clinic import Clinic
from tests.schema.conftest import World
from tests.schema.graphql.test_models import PROMOTE, ROLLBACK, answering, hospital, model_of, ward
from tests.schema.toys import deployed, registered, toy, toy_triage
from tests.schema.ward import REFUSALS, Ward

__all__ = ["hospital", "ward"]  # fixtures
ROOT = Path(__file__).resolve().parents[3]
STANDING = """promotion { automatic obstacles champion { number } challenger { number }
  comparison { finishedAt fault incomparable passed exampleCount checks { name ofClass value limit passed } }
  shadow { answeredCount failedCount neededCount agreement }
  trial { share stoppedAt finding difference pValue ratioPValue neededCount startedBy { id }
    arms { alias subjectCount judgedCount errorCount errorRate } } }"""
MODEL = f"query Q($family: ModelFamily!) {{ model(family: $family) {{ id {STANDING} }} }}"


def mutation(name: str) -> str:
    kind = name[0].upper() + name[1:]
    return f"""mutation M($input: {kind}Input!) {{ {name}(input: $input) {{ __typename
      ... on Model {{ {STANDING} }} {REFUSALS} }} }}"""


COMPARE, POLICY = mutation("compareModels"), mutation("setPromotionPolicy")
START, STOP = mutation("startModelTrial"), mutation("stopModelTrial")
CHECK = {"of": None, "champion": 0.9, "challenger": 0.9, "value": 0.0, "limit": -0.01, "at_most": False}


@dataclass
class Shop:
    """Compares at once, and says what a test wants said."""

    passed: bool = True
    incomparable: str | None = None
    fails: Exception | None = None
    others: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def compare(self, family: str, champion: str, challenger: str) -> dict[str, Any]:
        self.asked.append((family, champion, challenger))
        if self.fails is not None:
            raise self.fails
        return {
            "champion": champion,
            "challenger": "other" if self.others else challenger,
            "incomparable": self.incomparable,
            "passed": self.passed,
            "examples": 300,
            "clusters": 300,
            "left_out": 0,
            "checks": [CHECK | {"name": "macro_f1", "support": 300, "passed": self.passed}],
        }


class Ring:
    """A ward whose champion has a challenger, with a worker that is run when a test says so."""

    def __init__(self, world: World, ward: Ward) -> None:
        self.world, self.ward, self.shop = world, ward, Shop()
        self.admin, self.model = world.person(Role.ADMIN), model_of(ward)
        self.judge = Judge(world.database, world.clock, self.shop)
        self.challenger = ward.register(toy(world.home))
        self.put("CHALLENGER")
        self.handlers: dict[str, Any] = {
            JUDGE_JOB: self.judge.work,
            SHADOW_JOB: world.services.shadows.work,
        }

    def put(self, alias: str, version: ModelVersion | None = None, reason: str = "") -> Any:
        given = {
            "versionId": global_id("ModelVersion", (version or self.challenger).id or 0),
            "alias": alias,
            "overrideReason": reason,
        }
        return self.world.ask(PROMOTE, self.admin, input=given)

    def work(self) -> int:
        return run_due(self.world.database, self.handlers, self.world.clock, 10)

    def standing(self) -> Any:
        return self.world.ask(MODEL, self.admin, family="BEATS")["promotion"]

    def do(self, text: str, actor: Actor | None = None, **given: Any) -> Any:
        return self.world.ask(text, actor or self.admin, input={"modelId": self.model} | given)

    def ran(self, times: int) -> None:
        """Have the challenger answered so often in the shadow, without asking it."""
        with self.world.database.write() as session:
            for _ in range(times):
                of = self.row(session.exec(select(func.max(Prediction.id))).one() or 0)
                session.add(of)
                session.flush()
                shadow = self.row(of.id or 0)
                shadow.shadow_of, shadow.version_id, shadow.agreement = of.id, self.challenger.id, 1.0
                shadow.alias = "shadow"
                session.add(shadow)

    def row(self, number: int) -> Prediction:
        return Prediction(
            family="beats",
            asked_by=self.admin.account_id,
            version_id=self.ward.champion.id,
            alias="champion",
            input_sha256=str(number),
            ml_available=True,
            latency_ms=1,
            created_at=self.world.clock(),
        )

    def earned(self) -> None:
        """Let the challenger have everything the rule asks for."""
        self.work()
        self.ran(MIN_SHADOW_RUNS)

    def champion(self) -> int | None:
        with self.world.database.read() as session:
            row = select(Deployment.version_id).where(Deployment.alias == "champion")
            return session.exec(row).one()


@pytest.fixture
def ring(world: World, ward: Ward) -> Ring:
    return Ring(world, ward)


def test_nobody_sees_a_challenger_without_signing_in(world: World) -> None:
    assert world.codes(MODEL, None, family="BEATS") == ["UNAUTHENTICATED"]
    for text in (COMPARE, START, STOP, POLICY):
        given = {"modelId": "x"} | ({"share": 10} if text == START else {})
        assert world.codes(text, None, input=given) == ["UNAUTHENTICATED"]


def test_teachers_and_analysts_see_how_it_stands_and_only_administrators_decide(ring: Ring) -> None:
    for role in (Role.TEACHER, Role.EXPERT, Role.ANALYST):
        person = ring.world.person(role)
        seen = ring.world.ask(MODEL, person, family="BEATS")["promotion"]
        assert seen["challenger"] == {"number": 2}
        for text in (COMPARE, STOP, POLICY):
            assert ring.do(text, person)["code"] == "missing_scope"
        assert ring.do(START, person, share=10)["code"] == "missing_scope"
    for role in (Role.STUDENT, Role.CLINICIAN):
        assert ring.world.codes(MODEL, ring.world.person(role), family="BEATS") == ["FORBIDDEN"]


def test_a_missing_model_is_not_found_and_one_alone_cannot_be_compared(world: World, ward: Ward) -> None:
    admin, missing = world.person(Role.ADMIN), global_id("Model", 999)
    assert world.ask(MODEL, admin, family="TRIAGE") is None
    for text in (COMPARE, STOP, POLICY):
        assert world.ask(text, admin, input={"modelId": missing})["__typename"] == "NotFound"
    alone = {"modelId": model_of(ward)}
    assert world.ask(COMPARE, admin, input=alone)["code"] == "no_challenger"
    assert world.ask(START, admin, input=alone | {"share": 10})["code"] == "no_challenger"
    assert world.ask(STOP, admin, input=alone)["promotion"]["trial"] is None
    assert world.ask(MODEL, admin, family="BEATS")["promotion"]["obstacles"] is None


def test_a_challenger_is_compared_as_soon_as_there_is_one(ring: Ring) -> None:
    assert ring.standing()["obstacles"] == ["NOT_COMPARED", "TOO_FEW_SHADOW_RUNS"]
    assert ring.work() == 1
    [asked] = ring.shop.asked
    assert asked == ("beats", ring.ward.champion.digest, ring.challenger.digest)
    standing = ring.standing()
    assert standing["obstacles"] == ["TOO_FEW_SHADOW_RUNS"]
    assert standing["comparison"]["passed"] is True
    assert standing["comparison"]["exampleCount"] == 300
    assert ring.work() == 0, "nothing is compared twice"
    ring.do(COMPARE)
    ring.do(COMPARE)
    assert ring.standing()["comparison"]["finishedAt"] is None
    assert (ring.work(), len(ring.shop.asked)) == (1, 2)


@pytest.mark.parametrize(
    "shop, obstacle",
    [
        (Shop(passed=False), "FIGURES_WORSE"),
        (Shop(passed=False, incomparable="all_learnt"), "NOT_COMPARABLE"),
        (Shop(fails=StoreError("no answer")), "COMPARISON_FAILED"),
        (Shop(others=True), "COMPARISON_FAILED"),
    ],
)
def test_what_the_comparison_says_against_it_is_an_obstacle(ring: Ring, shop: Shop, obstacle: str) -> None:
    ring.judge._comparer = shop  # noqa: SLF001 - another one answers
    ring.earned()
    assert ring.standing()["obstacles"] == [obstacle]
    refused = ring.put("CHAMPION")
    assert refused["fields"][0]["code"] == "promotion_unearned"
    assert ring.champion() == ring.ward.champion.id


def test_a_challenger_that_has_earned_it_is_promoted_with_one_click(ring: Ring) -> None:
    ring.earned()
    assert ring.standing()["obstacles"] == []
    ring.put("CHAMPION")
    assert ring.champion() == ring.challenger.id
    with ring.world.database.read() as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == "model.promoted")).all()
    assert "override" not in events[-1].detail


def test_an_administrator_may_override_the_rule_with_a_reason_that_stays_on_the_trail(ring: Ring) -> None:
    assert ring.put("CHAMPION", reason="   ")["fields"][0]["path"] == ["overrideReason"]
    assert ring.put("CHAMPION", reason="x" * 501)["fields"][0]["code"] == "too_long"
    ring.put("CHAMPION", reason="Le champion confond les blocs.")
    assert ring.champion() == ring.challenger.id
    with ring.world.database.read() as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == "model.promoted")).all()
        assert verify(session).ok
    assert events[-1].detail["override"] == "Le champion confond les blocs."
    assert events[-1].detail["obstacles"] == ["not_compared", "too_few_shadow_runs"]


def test_nothing_promotes_itself_unless_the_policy_says_so(ring: Ring) -> None:
    ring.earned()
    ring.world.clock.pass_(days=1)
    ring.work()
    assert ring.champion() == ring.ward.champion.id
    assert ring.do(POLICY, automatic=True)["promotion"]["automatic"] is True
    assert ring.work() == 1
    assert ring.champion() == ring.challenger.id
    with ring.world.database.read() as session:
        event = session.exec(select(AuditEvent).order_by(col(AuditEvent.id).desc())).first()
        row = session.exec(select(Deployment).where(Deployment.alias == "champion")).one()
    assert event is not None
    assert (event.action, event.actor_id) == ("model.promoted", None)
    assert row.mirrored_id != row.version_id, "the store is still to be told"


def test_a_policy_waits_until_nothing_speaks_against_it(ring: Ring) -> None:
    ring.do(POLICY, automatic=True)
    ring.work()
    assert ring.champion() == ring.ward.champion.id
    ring.ran(MIN_SHADOW_RUNS)
    ring.world.clock.pass_(minutes=15)
    assert ring.work() == 1
    assert ring.champion() == ring.challenger.id


def test_a_comparison_that_a_worker_died_of_is_made_by_the_next(ring: Ring) -> None:
    ring.shop.fails = StoreClosedError("about to end")
    ring.work()
    assert ring.standing()["comparison"]["finishedAt"] is None
    ring.shop.fails = None
    ring.work()
    assert ring.standing()["comparison"]["passed"] is True


def test_the_shadow_is_asked_after_the_answer_and_shown_to_nobody(ring: Ring) -> None:
    ring.put("SHADOW")
    shown = ring.ward.predict()
    assert ring.standing()["shadow"]["answeredCount"] == 0, "who asks does not wait for it"
    while_loading = 100
    while ring.standing()["shadow"]["answeredCount"] == 0 and while_loading:
        ring.work()
        ring.ward.settle()
        ring.world.clock.pass_(seconds=10)
        while_loading -= 1
    shadow = ring.standing()["shadow"]
    assert (shadow["answeredCount"], shadow["failedCount"], shadow["agreement"]) == (1, 0, 1.0)
    ring.world.clock.pass_(seconds=10)
    ring.work()
    assert ring.standing()["shadow"]["answeredCount"] == 1, "once is enough"
    with ring.world.database.read() as session:
        [row] = session.exec(select(Prediction).where(col(Prediction.shadow_of).is_not(None))).all()
    assert (row.alias, row.version_id) == ("shadow", ring.challenger.id)
    for person in (ring.admin, ring.ward.teacher, ring.world.person(Role.ANALYST)):
        listed = ring.world.ask("{ predictions { edges { node { id } } } }", person)["edges"]
        assert [edge["node"]["id"] for edge in listed] == [shown["id"]]
        hidden = global_id("BeatPrediction", row.id or 0)
        asked = ring.world.ask("query($id: ID!) { prediction(id: $id) { id } }", person, id=hidden)
        assert asked is None
    assert ring.ward.feedback({"id": hidden})["__typename"] == "NotFound"


def test_a_shadow_that_fails_harms_nobody_and_is_counted(ring: Ring) -> None:
    ring.challenger = ring.ward.register(toy(ring.world.home, does="fail"))
    ring.put("CHALLENGER")
    ring.put("SHADOW")
    assert ring.ward.predict()["mlAvailable"]
    for _ in range(100):
        ring.work()
        ring.ward.settle()
        ring.world.clock.pass_(seconds=10)
        if ring.standing()["shadow"]["failedCount"]:
            break
    assert ring.standing()["shadow"] == {
        "answeredCount": 0,
        "failedCount": 1,
        "neededCount": MIN_SHADOW_RUNS,
        "agreement": None,
    }


def test_what_went_by_a_day_ago_is_left_out(ring: Ring) -> None:
    ring.put("SHADOW")
    ring.ward.predict()
    ring.world.clock.pass_(days=2)
    ring.work()
    assert ring.standing()["shadow"]["answeredCount"] == 0


def test_visits_are_followed_by_the_shadow_too(world: World) -> None:
    clinic = Clinic(world)
    clinic.deploy()
    clinic.predict()
    with world.database.write() as session:
        version = registered(session, world.clock, toy_triage(world.home), "triage")
        deployed(session, world.clock, version, ModelAlias.SHADOW).changed_at = world.clock()
        version_id = version.id or 0
    clinic.predict(motifConsultation="Fièvre")
    world.services.deployments.refresh(at_once=True)
    world.services.registry.serving("triage", "shadow", 30)
    assert world.services.shadows.work(None, lambda _: None)  # type: ignore[arg-type] # it asks for neither
    with world.database.read() as session:
        runs = duels.shadow_runs(session, version_id)
    assert (runs.answered, runs.failed) == (2, 0)
    assert runs.agreement == 1.0, "it is the same model"


def test_an_a_b_test_gives_a_share_to_the_challenger_for_as_long_as_it_runs(ring: Ring) -> None:
    answering(ring.ward)
    for share in (0, 51):
        assert ring.do(START, share=share)["fields"][0]["code"] == "out_of_range"
    begun = ring.do(START, share=50)["promotion"]["trial"]
    assert (begun["share"], begun["stoppedAt"], begun["finding"]) == (50, None, "TOO_SMALL")
    assert begun["neededCount"] == 4_448
    with ring.world.database.read() as session:
        trial = session.exec(select(Trial)).one()
    arms = set()
    for case_id in range(1, 40):
        routed = ring.world.services.router.ask(
            ring.world.services.asking and _beats(), ModelAlias.CHAMPION, f"case {case_id}", _Alike
        )
        assert routed.placement is not None
        assert routed.placement.trial_id == trial.id
        arms.add(routed.alias)
    assert arms == {ModelAlias.CHAMPION, ModelAlias.CHALLENGER}
    assert ring.do(STOP)["promotion"]["trial"]["stoppedAt"] is not None
    after = ring.world.services.router.ask(_beats(), ModelAlias.CHAMPION, "case 1", _Alike)
    assert (after.alias, after.placement) == (ModelAlias.CHAMPION, None)


def _beats() -> Any:
    from schema.models.predictions import ModelFamily  # noqa: PLC0415 - short

    return ModelFamily.BEATS


class _Alike:
    """An outcome that is always an answer."""

    problem = None

    def __init__(self, alias: ModelAlias) -> None:
        self.alias = alias


def test_a_subject_stays_in_its_arm_and_the_share_is_kept() -> None:
    named = [f"{number:064x}" for number in range(0, 2**256, 2**256 // 1000)]
    taken = [arm_of(each, 10) for each in named]
    assert taken.count(ModelAlias.CHALLENGER) == pytest.approx(100, abs=2)
    assert [arm_of(each, 10) for each in named] == taken
    more = [arm_of(each, 30) for each in named]
    assert all(
        b is ModelAlias.CHALLENGER
        for a, b in zip(taken, more, strict=True)
        if a is b is not None and a == ModelAlias.CHALLENGER
    )
