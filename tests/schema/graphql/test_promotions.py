"""Challengers: who sees how they stand, the rule with its obstacles, the shadow, the A/B test."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import Session, col, func, select

from ml.judging.sequential import Arm, needed_in_all
from ml.registry.store import StoreClosedError, StoreError
from schema.models.accounts import AuditEvent
from schema.models.models import Deployment, ModelAlias, ModelVersion
from schema.models.predictions import Feedback, ModelFamily, ModelProblem, Prediction
from schema.models.promotions import Trial, TrialFinding
from schema.models.segmentations import Segmentation, SegmentationStatus, SegmentedPatient
from schema.models.work import Job
from schema.policy import Actor, Role
from schema.services import duels, jobs
from schema.services.audit import verify
from schema.services.duels import JUDGE_JOB, MIN_SHADOW_RUNS, SHADOW_JOB, TrialFigures
from schema.services.jobs import NEVER, run_due
from schema.services.judge import Judge
from schema.services.models import SYNC_JOB
from schema.services.routing import Routed, arm_of
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

    def followed(self) -> Any:
        """Have the shadow loaded and asked, and return how it did."""
        self.work()
        self.ward.settle()
        self.world.clock.pass_(seconds=10)
        self.work()
        return self.standing()["shadow"]

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


def test_a_challenger_that_no_kept_images_can_try_says_so_before_anybody_promotes_it(
    each_world: World,
) -> None:
    """Until images are kept, it is not its runs in the shadow that are too few: there can be none."""
    admin = each_world.person(Role.ADMIN)
    with each_world.database.write() as session:
        champion, challenger = (
            registered(session, each_world.clock, each * 64, "segmentation") for each in "ab"
        )
        deployed(session, each_world.clock, champion)
        deployed(session, each_world.clock, challenger, ModelAlias.CHALLENGER)
        key = challenger.id or 0

    def obstacles() -> Any:
        return each_world.ask(MODEL, admin, family="SEGMENTATION")["promotion"]["obstacles"]

    def promoted(reason: str) -> Any:
        given = {"versionId": global_id("ModelVersion", key), "overrideReason": reason}
        return each_world.ask(PROMOTE, admin, input=given)

    assert obstacles() == ["NOT_COMPARED", "NO_IMAGES_KEPT"]
    with each_world.database.write() as session:
        patient = SegmentedPatient(owner_id=admin.account_id, code="P-1", created_at=each_world.clock())
        asked = Prediction(
            family=ModelFamily.SEGMENTATION.value,
            asked_by=admin.account_id,
            alias="champion",
            input_sha256="0" * 64,
            ml_available=True,
            latency_ms=1,
            created_at=each_world.clock(),
        )
        session.add_all([patient, asked])
        session.flush()
        kept = Segmentation(
            prediction_id=asked.id or 0,
            patient_id=patient.id or 0,
            examined_on="2026-01-05",
            model_name="toy",
            model_version="1",
            status=SegmentationStatus.SUCCEEDED.value,
            processing_s=1,
            images={"flair": "0" * 64},
        )
        session.add(kept)
    assert obstacles() == ["NOT_COMPARED", "TOO_FEW_SHADOW_RUNS"]
    with each_world.database.write() as session:
        session.execute(update(Segmentation).values(images=None))
    assert promoted("")["fields"][0]["code"] == "promotion_unearned"
    promoted("Aucune image n’est conservée ici.")
    with each_world.database.read() as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "model.promoted")).all()[-1]
    assert event.detail["obstacles"] == ["not_compared", "no_images_kept"]


def test_nothing_promotes_itself_unless_the_policy_says_so(ring: Ring) -> None:
    ring.earned()
    ring.world.clock.pass_(days=1)
    ring.work()
    assert ring.champion() == ring.ward.champion.id
    assert ring.do(POLICY, automatic=True)["promotion"]["automatic"] is True
    assert ring.work() == 1
    assert ring.champion() == ring.challenger.id
    with ring.world.database.read() as session:
        event = session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence).desc())).first()
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
    shadow = ring.followed()
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
    assert ring.followed() == {
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
        deployed(session, world.clock, version, ModelAlias.SHADOW)
        jobs.wake(session, world.clock, SHADOW_JOB, {}, SHADOW_JOB)
        version_id = version.id or 0
    world.services.deployments.refresh(at_once=True)
    world.services.registry.serving("triage", "shadow", 30)
    assert run_due(world.database, {SHADOW_JOB: world.services.shadows.work}, world.clock, 1) == 1
    with world.database.read() as session:
        runs = duels.shadow_runs(session, version_id)
    assert (runs.answered, runs.failed) == (1, 0)
    assert runs.agreement == 1.0, "it is the same model"


@dataclass(frozen=True)
class Alike:
    """What comes of asking a model that always answers."""

    alias: ModelAlias
    problem: ModelProblem | None = None


def route(ring: Ring, subject: str, ask: Callable[[ModelAlias], Alike] = Alike) -> Routed[Alike]:
    return ring.world.services.router.ask(ModelFamily.BEATS, ModelAlias.CHAMPION, subject, ask)


def test_an_a_b_test_gives_a_share_to_the_challenger_for_as_long_as_it_runs(ring: Ring) -> None:
    for share in (0, 51):
        assert ring.do(START, share=share)["fields"][0]["code"] == "out_of_range"
    begun = ring.do(START, share=50)["promotion"]["trial"]
    assert (begun["share"], begun["stoppedAt"], begun["finding"]) == (50, None, "TOO_SMALL")
    assert begun["neededCount"] == 8_620, "4,310 an arm"
    routed = [route(ring, f"case {number}") for number in range(40)]
    assert {each.alias for each in routed} == {ModelAlias.CHAMPION, ModelAlias.CHALLENGER}
    assert [route(ring, f"case {number}") for number in range(40)] == routed, "each stays where it fell"
    assert all(each.placement and "case" not in each.placement.subject for each in routed)
    ring.do(START, share=50)
    assert [route(ring, f"case {number}").alias for number in range(40)] != [each.alias for each in routed]
    assert ring.do(STOP)["promotion"]["trial"]["stoppedAt"] is not None
    assert route(ring, "case 1") == Routed(ModelAlias.CHAMPION, Alike(ModelAlias.CHAMPION))


def test_where_the_challenger_does_not_answer_the_champion_does_outside_the_test(ring: Ring) -> None:
    ring.do(START, share=50)

    def broken(alias: ModelAlias) -> Alike:
        failed = alias is ModelAlias.CHALLENGER
        return Alike(alias, ModelProblem.ANSWER_FAILED if failed else None)

    routed = [route(ring, f"case {number}", broken) for number in range(40)]
    assert {each.outcome.problem for each in routed} == {None}
    assert {each.alias for each in routed} == {ModelAlias.CHAMPION}
    assert any(each.placement is None for each in routed)


def test_the_share_is_that_of_the_hashes() -> None:
    named = [f"{number:064x}" for number in range(0, 2**256, 2**256 // 1_000)]
    taken = [arm_of(each, 10) for each in named]
    assert taken.count(ModelAlias.CHALLENGER) == pytest.approx(100, abs=2)


def test_an_answer_of_the_challenger_counts_as_part_of_the_test(ring: Ring) -> None:
    answering(ring.ward)
    ring.do(START, share=50)
    made = ring.ward.predict()
    [champion, challenger] = ring.standing()["trial"]["arms"]
    assert (champion["subjectCount"], challenger["subjectCount"]) in {(1, 0), (0, 1)}
    assert made["alias"] == ("CHAMPION" if champion["subjectCount"] else "CHALLENGER")
    ring.ward.predict()
    ring.ward.feedback(made, type="DISAGREE")
    arms = ring.standing()["trial"]["arms"]
    assert sum(each["subjectCount"] for each in arms) == 1, "it is the same case"
    assert sum(each["errorCount"] for each in arms) == 1
    ring.ward.feedback(made, type="CORRECT")
    arms = ring.standing()["trial"]["arms"]
    assert [sum(each[name] for each in arms) for name in ("judgedCount", "errorCount")] == [1, 0]


@dataclass(frozen=True)
class Course:
    """How many subjects fell to each arm, and how many of them readers called wrong; all were judged."""

    champion: tuple[int, int]
    challenger: tuple[int, int]


@pytest.mark.parametrize(
    "course, finding, obstacle",
    [
        (Course((60, 5), (60, 5)), "TOO_SMALL", None),
        (Course((100, 10), (100, 60)), "CHALLENGER_WORSE", "TRIAL_WORSE"),
        (Course((100, 60), (100, 10)), "CHALLENGER_BETTER", None),
        (Course((190, 15), (60, 5)), "UNEVEN", "TRIAL_UNEVEN"),
    ],
)
def test_an_a_b_test_tells_what_can_be_said(
    ring: Ring, course: Course, finding: str, obstacle: str | None
) -> None:
    ring.earned()
    ring.do(START, share=50)
    with ring.world.database.write() as session:
        _judged(session, ring, "champion", *course.champion)
        _judged(session, ring, "challenger", *course.challenger)
    found = ring.standing()
    assert found["trial"]["finding"] == finding
    assert found["obstacles"] == ([obstacle] if obstacle else [])


@pytest.mark.parametrize(
    "subjects, finding", [(2_224, TrialFinding.TOO_SMALL), (4_310, TrialFinding.NO_DIFFERENCE)]
)
def test_no_difference_is_said_once_three_points_would_have_been_found_by_a_test_that_is_always_looked_at(
    subjects: int, finding: TrialFinding
) -> None:
    arm = Arm(subjects, subjects, subjects * 15 // 100)
    assert TrialFigures(arm, arm, 1.0, 1.0, needed_in_all(0.15, 0.5)).finding is finding


def _judged(session: Session, ring: Ring, alias: str, subjects: int, errors: int) -> None:
    """Have so many subjects answered and judged, the errors evenly among them."""
    trial = session.exec(select(Trial)).one()
    rows = [ring.row(number) for number in range(subjects)]
    for number, row in enumerate(rows):
        row.alias, row.trial_id, row.trial_subject = alias, trial.id, f"{alias} {number}"
    session.add_all(rows)
    session.flush()
    for number, row in enumerate(rows):
        wrong = number * errors // subjects < (number + 1) * errors // subjects
        session.add(
            Feedback(
                prediction_id=row.id or 0,
                family=row.family,
                version_id=row.version_id,
                reader="r",
                account_id=ring.admin.account_id,
                type="disagree" if wrong else "correct",
                created_at=ring.world.clock(),
            )
        )


def test_a_promotion_or_rollback_ends_the_test_of_what_is_deployed_no_more(ring: Ring) -> None:
    ring.do(START, share=20)
    ring.put("CHAMPION", reason="Essai.")
    with ring.world.database.read() as session:
        [trial] = session.exec(select(Trial)).all()
    assert (trial.stopped_at, trial.stopped_by) == (ring.world.clock(), ring.admin.account_id)
    ring.world.ask(ROLLBACK, ring.admin, input={"modelId": ring.model})
    assert ring.standing()["trial"]["stoppedAt"] is not None, "and does not begin it again"


def test_decisions_about_a_test_and_the_policy_are_on_the_trail(ring: Ring) -> None:
    ring.do(START, share=20)
    ring.do(STOP)
    ring.do(STOP)
    for automatic in (True, True, False):
        ring.do(POLICY, automatic=automatic)
    ring.do(COMPARE)
    with ring.world.database.read() as session:
        rows = select(AuditEvent.action).where(AuditEvent.target_type == "Model")
        actions = session.exec(rows.order_by(col(AuditEvent.sequence))).all()
        assert verify(session).ok
    assert actions[1:] == [  # the first is that there is a challenger
        "model.trial_started",
        "model.trial_stopped",
        "model.policy_set",
        "model.policy_set",
        "model.comparison_asked",
    ]


def test_a_case_goes_with_what_was_said_of_it_in_the_shadow(ring: Ring) -> None:
    with ring.world.database.write() as session:
        of, shadow = ring.row(1), ring.row(1)
        of.case_id = shadow.case_id = ring.ward.case.id
        session.add(of)
        session.flush()
        shadow.shadow_of = of.id
        session.add(shadow)
        session.flush()
        session.execute(delete(Prediction).where(col(Prediction.case_id) == ring.ward.case.id))
        assert session.exec(select(func.count(col(Prediction.id)))).one() == 0


KILLED = """
import os, signal, sys
from schema.database import Database
from schema.models.models import ModelAlias
from schema.policy import Actor, Role
from schema.services import audit, models
from schema.services.clock import now

def die(*_arguments, **_more):
    os.kill(os.getpid(), signal.SIGKILL)

url, account_id, version_id, moment = sys.argv[1:]
if moment == "before the end":
    audit.Audit.record = die
with Database(url).write() as session:
    admin = Actor(int(account_id), Role.ADMIN)
    models.Models(session, admin, now).promote(int(version_id), ModelAlias.CHAMPION, "Essai.")
die()
"""


@pytest.mark.parametrize("moment, done", [("before the end", False), ("after it", True)])
def test_whoever_is_killed_while_promoting_has_done_all_of_it_or_nothing(
    ring: Ring, moment: str, *, done: bool
) -> None:
    with ring.world.database.write() as session:
        for job in session.exec(select(Job).where(Job.kind == SYNC_JOB)):
            job.run_after = NEVER
    given = [ring.world.database.url, str(ring.admin.account_id), str(ring.challenger.id), moment]
    killed = subprocess.run([sys.executable, "-c", KILLED, *given], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with ring.world.database.read() as session:
        row = session.exec(select(Deployment).where(Deployment.alias == "champion")).one()
        promoted = session.exec(select(AuditEvent).where(AuditEvent.action == "model.promoted")).all()
        [job] = session.exec(select(Job).where(Job.kind == SYNC_JOB)).all()
        assert verify(session).ok
    assert row.version_id == (ring.challenger if done else ring.ward.champion).id
    assert row.previous_id == (ring.ward.champion.id if done else None)
    assert len(promoted) == 1 + done, "the first is of the challenger's alias"
    assert (job.run_after != NEVER) is done
    if not done:
        ring.put("CHAMPION", reason="Essai.")
        assert ring.champion() == ring.challenger.id
