"""Models in figures: who may read them, that they are what all predictions amount to, and what a day is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from sqlmodel import Session, col, select

from ml.monitoring.sketches import Sketch, place
from schema.models.monitoring import NO_VERSION, PredictionDay
from schema.models.predictions import Prediction
from schema.policy import Role
from schema.services import recounting
from schema.services.day_books import Key, Slice, Tally, correct, counted_anew, enter, kept_days
from schema.services.feedback_statistics import LEAST_JUDGED
from schema.services.jobs import run_due
from schema.services.recounting import RECOUNT_JOB, Recount, Recounted, count_once, wake_recount
from schema.types.base import global_id
from tests.schema.clinic import CHEST_PAIN, PREDICT, Clinic
from tests.schema.conftest import World

FIGURES = """count answeredCount successRate latencyP50Ms latencyP95Ms confidence problems { name count }
  classes { name count } quality { name count } slices { name count meanConfidence }
  errorRate { total errors share }"""
WATCHED = f"""query Q($family: ModelFamily!, $version: ID, $days: Int! = 30, $day: Date) {{
  monitoring(family: $family, modelVersionId: $version) {{ family
    daily(day: $day) {{ day figures {{ {FIGURES} }} }}
    trends(days: $days) {{ day figures {{ count latencyP50Ms }} }}
    summary(days: $days) {{ since until figures {{ {FIGURES} }} }} }} }}"""


def made(at: datetime, **given: Any) -> Prediction:
    """Return a prediction as one is kept."""
    kept: dict[str, Any] = {
        "family": "triage",
        "asked_by": 1,
        "alias": "champion",
        "input_sha256": "0" * 64,
        "ml_available": True,
        "latency_ms": 20,
        "quality": "high",
        "level": "3B",
        "confidence": 0.8,
        "slices": ["sex:F", "age:18"],
        "created_at": at,
    }
    return Prediction(**kept | given)


def keep(world: World, *predictions: Prediction, entered: bool = True) -> None:
    """Keep predictions as the services do, or did before there were days; somebody has an account by then."""
    with world.database.write() as session:
        for each in predictions:
            session.add(each)
            session.flush()
            if entered:
                enter(session, each)


def recount(world: World) -> Recounted:
    """Count anew as a worker does."""
    with world.database.write() as session:
        wake_recount(session, world.clock)
    counting = Recount(world.database)
    assert run_due(world.database, {RECOUNT_JOB: counting.work}, world.clock, 5) == 1
    assert counting.last is not None
    return counting.last


def alike(kept: dict[Key, Tally], scanned: dict[Key, Tally]) -> None:
    """Check that days are those of a full scan, but for the order in which confidences were added up."""
    assert {key: _rounded(each) for key, each in kept.items()} == {
        key: _rounded(each) for key, each in scanned.items()
    }


def _rounded(tally: Tally) -> Tally:
    slices = {name: Slice(each.count, round(each.confidence, 6)) for name, each in tally.slices.items()}
    return replace(tally, slices=slices)


def test_figures_are_for_those_who_read_statistics(each_world: World) -> None:
    assert each_world.codes(WATCHED, None, family="TRIAGE") == ["UNAUTHENTICATED"]
    for role in (Role.STUDENT, Role.CLINICIAN):
        assert each_world.codes(WATCHED, each_world.person(role), family="TRIAGE") == ["FORBIDDEN"]
    for role in (Role.ANALYST, Role.ADMIN, Role.TEACHER):
        told = each_world.ask(WATCHED, each_world.person(role), family="TRIAGE")
        assert told["summary"]["figures"]["count"] == 0
        assert told["summary"]["figures"]["successRate"] is None
        assert told["summary"]["figures"]["latencyP95Ms"] is None


def test_a_version_that_there_is_not_has_no_figures(each_world: World) -> None:
    analyst = each_world.person(Role.ANALYST)
    for identifier in (global_id("ModelVersion", 999), global_id("Case", 1), "x"):
        assert each_world.ask(WATCHED, analyst, family="TRIAGE", version=identifier) is None


def test_what_is_asked_is_counted_as_it_is_kept(each_world: World) -> None:
    clinic = Clinic(each_world)
    clinic.deploy()
    nurse, analyst = each_world.person(Role.CLINICIAN), each_world.person(Role.ANALYST)
    for _ in range(3):
        each_world.ask(PREDICT, nurse, input=CHEST_PAIN)
    each_world.ask(PREDICT, nurse, input=CHEST_PAIN | {"alias": "SHADOW"})
    figures = each_world.ask(WATCHED, analyst, family="TRIAGE")["summary"]["figures"]
    assert (figures["count"], figures["answeredCount"], figures["successRate"]) == (3, 3, 1.0)
    assert sum(each["count"] for each in figures["classes"]) == 3
    assert sum(figures["confidence"]) == pytest.approx(1)
    with each_world.database.read() as session:
        (day,) = session.exec(select(PredictionDay).where(PredictionDay.alias == "champion")).all()
    assert {name.partition(":")[0] for name in day.slices} == {"sex", "age"}
    assert each_world.ask(WATCHED, analyst, family="BEATS")["summary"]["figures"]["count"] == 0


def test_a_failure_is_counted_with_its_reason(each_world: World) -> None:
    nurse, analyst = each_world.person(Role.CLINICIAN), each_world.person(Role.ANALYST)
    each_world.ask(PREDICT, nurse, input=CHEST_PAIN)
    figures = each_world.ask(WATCHED, analyst, family="TRIAGE")["daily"]["figures"]
    assert (figures["count"], figures["successRate"]) == (1, 0.0)
    assert figures["problems"] == [{"name": "not_deployed", "count": 1}]


def test_a_visit_that_no_model_answered_has_no_confidence_however_it_was_kept(each_world: World) -> None:
    nurse, analyst = each_world.person(Role.CLINICIAN), each_world.person(Role.ANALYST)
    keep(each_world, *(made(each_world.clock(), confidence=0.8) for _ in range(LEAST_JUDGED)))
    each_world.ask(PREDICT, nurse, input=CHEST_PAIN)
    with each_world.database.read() as session:
        by_scale = session.exec(select(Prediction).where(col(Prediction.ml_available).is_(False))).one()
    assert (by_scale.level is not None, by_scale.confidence) == (True, None)

    def told() -> Any:
        return each_world.ask(WATCHED, analyst, family="TRIAGE")["summary"]["figures"]

    figures = told()
    assert figures["count"] == LEAST_JUDGED + 1
    assert figures["confidence"][:1] == [0.0]  # of 0 to 0.1
    assert figures["slices"] == [
        {"name": name, "count": LEAST_JUDGED, "meanConfidence": pytest.approx(0.8)}
        for name in ("age:18", "sex:F")
    ]
    with each_world.database.write() as session:  # as it was kept until 2026-11-28, in its row and its day
        session.get_one(Prediction, by_scale.id).confidence = 0.0
        day = session.exec(select(PredictionDay).where(PredictionDay.version_id == NO_VERSION)).one()
        zero = Sketch("confidence", {place("confidence", 0.0): 1})
        correct(session, (day.family, day.day, day.version_id, day.alias), Tally(confidence=zero))
    assert told()["confidence"][0] == pytest.approx(1 / (LEAST_JUDGED + 1))
    recount(each_world)
    assert told() == figures


def test_quantiles_are_those_of_all_days_together(each_world: World) -> None:
    analyst, today = each_world.person(Role.ANALYST), each_world.clock()
    fast = [made(today - timedelta(days=1), latency_ms=10) for _ in range(60)]
    slow = [made(today, latency_ms=1_000) for _ in range(40)]
    keep(each_world, *fast, *slow)
    told = each_world.ask(WATCHED, analyst, family="TRIAGE", days=2)
    figures = told["summary"]["figures"]
    assert figures["latencyP50Ms"] == pytest.approx(10, rel=0.01)
    assert figures["latencyP95Ms"] == pytest.approx(1_000, rel=0.01)
    assert [each["figures"]["count"] for each in told["trends"]] == [60, 40]
    assert told["daily"]["figures"]["latencyP50Ms"] == pytest.approx(1_000, rel=0.01)
    assert figures["slices"] == [
        {"name": "age:18", "count": 100, "meanConfidence": pytest.approx(0.8)},
        {"name": "sex:F", "count": 100, "meanConfidence": pytest.approx(0.8)},
    ]


def test_a_group_of_fewer_predictions_than_an_interval_takes_is_told_in_no_period(each_world: World) -> None:
    analyst, today = each_world.person(Role.ANALYST), each_world.clock()
    keep(each_world, *(made(today, slices=["sex:F"]) for _ in range(LEAST_JUDGED)))
    keep(each_world, *(made(today - timedelta(days=1), slices=["sex:M"]) for _ in range(LEAST_JUDGED - 1)))
    keep(each_world, made(today, slices=["sex:M"], confidence=0.2))
    told = each_world.ask(WATCHED, analyst, family="TRIAGE", days=2)
    assert [each["name"] for each in told["summary"]["figures"]["slices"]] == ["sex:F", "sex:M"]
    assert [each["name"] for each in told["daily"]["figures"]["slices"]] == ["sex:F"]


def test_a_day_begins_at_midnight_in_utc_and_days_without_any_are_told(each_world: World) -> None:
    analyst, today = each_world.person(Role.ANALYST), each_world.clock().astimezone(UTC).date()
    midnight = datetime.combine(today, datetime.min.time(), UTC)
    before = (midnight - timedelta(seconds=1)).astimezone(UTC)
    keep(each_world, made(midnight), made(before), made(midnight - timedelta(days=3)))
    told = each_world.ask(WATCHED, analyst, family="TRIAGE", days=5)
    assert [each["day"] for each in told["trends"]] == [
        (today - timedelta(days=back)).isoformat() for back in (4, 3, 2, 1, 0)
    ]
    assert [each["figures"]["count"] for each in told["trends"]] == [0, 1, 0, 1, 1]
    yesterday = (today - timedelta(days=1)).isoformat()
    assert each_world.ask(WATCHED, analyst, family="TRIAGE", day=yesterday)["daily"]["figures"]["count"] == 1


def test_a_clock_that_jumped_ahead_hides_nothing_of_today(each_world: World) -> None:
    analyst, now = each_world.person(Role.ANALYST), each_world.clock()
    keep(each_world, made(now + timedelta(days=400)), made(now), made(now - timedelta(days=4_000)))
    assert each_world.ask(WATCHED, analyst, family="TRIAGE")["summary"]["figures"]["count"] == 1
    with each_world.database.read() as session:
        assert sum(each.total for each in kept_days(session).values()) == 3


def test_so_many_days_and_no_more(each_world: World) -> None:
    analyst = each_world.person(Role.ANALYST)
    for days in (0, -1, 367):
        assert each_world.codes(WATCHED, analyst, family="TRIAGE", days=days) == ["BAD_REQUEST"]
    assert each_world.codes(WATCHED, analyst, family="TRIAGE", days=10**9) == ["TOO_MUCH"]


def test_a_period_may_end_on_any_day_that_can_be_counted_from(each_world: World) -> None:
    analyst, today = each_world.person(Role.ANALYST), each_world.clock()
    keep(each_world, made(today), made(today - timedelta(days=40)), made(today - timedelta(days=42)))
    asked = """query Q($until: Date!, $days: Int!) { monitoring(family: TRIAGE) {
      trends(days: $days, until: $until) { day figures { count } }
      summary(days: $days, until: $until) { since until figures { count } } } }"""
    until = (today.astimezone(UTC) - timedelta(days=40)).date()
    told = each_world.ask(asked, analyst, until=until.isoformat(), days=3)
    assert [each["figures"]["count"] for each in told["trends"]] == [1, 0, 1]
    assert told["summary"] == {
        "since": (until - timedelta(days=2)).isoformat(),
        "until": until.isoformat(),
        "figures": {"count": 2},
    }
    assert each_world.ask(asked, analyst, until="9999-12-31", days=3)["summary"]["figures"]["count"] == 0
    assert set(each_world.codes(asked, analyst, until="0001-01-02", days=3)) == {"BAD_REQUEST"}


def test_versions_are_told_apart_also_what_no_model_had_a_part_in(each_world: World) -> None:
    clinic = Clinic(each_world)
    nurse, analyst = each_world.person(Role.CLINICIAN), each_world.person(Role.ANALYST)
    each_world.ask(PREDICT, nurse, input=CHEST_PAIN)
    clinic.deploy()
    for _ in range(2):
        each_world.ask(PREDICT, nurse, input=CHEST_PAIN)
    asked = """{ monitoring(family: TRIAGE) { versions {
      version { number } figures { count successRate errorRate { total } } } } }"""
    assert each_world.ask(asked, analyst)["versions"] == [
        {"version": {"number": 1}, "figures": {"count": 2, "successRate": 1.0, "errorRate": {"total": 0}}},
        {"version": None, "figures": {"count": 1, "successRate": 0.0, "errorRate": {"total": 0}}},
    ]


def test_a_site_without_a_language_model_has_no_cost_of_one(each_world: World) -> None:
    asked = "{ monitoring(family: TRIAGE) { languageModel { day calls euros } } }"
    assert each_world.ask(asked, each_world.person(Role.ANALYST)) == {"languageModel": None}


KINDS: list[dict[str, Any]] = [
    {"ml_available": False, "ml_error": "loading", "confidence": None, "latency_ms": 0},
    {"level": "1", "quality": "low", "slices": None, "watched": [0, 3]},
    {
        "family": "beats",
        "level": None,
        "counts": {"Normal": 12, "PVC": 2, "APB": 0},
        "slices": ["leads:2"],
        "watched": [1, 3],
    },
    {"alias": "challenger", "confidence": 1.0, "watched": [1, 3]},
    {"family": "segmentation", "alias": "external", "level": None, "slices": ["segment:edema"]},
]
"""Predictions of every kind."""


def some(world: World, number: int = 25) -> list[Prediction]:
    """Return predictions of every kind, of three days."""
    now = world.clock()
    return [made(now - timedelta(days=n % 3), **KINDS[n % 5]) for n in range(number)]


def test_what_is_kept_by_day_is_what_a_full_scan_counts(each_world: World) -> None:
    each_world.person()
    keep(each_world, *some(each_world))
    with each_world.database.read() as session:
        alike(kept_days(session), counted_anew(session))
    assert recount(each_world) == Recounted(25, 0)


def test_predictions_from_before_there_were_days_are_counted_once(each_world: World) -> None:
    each_world.person()
    keep(each_world, *some(each_world), entered=False)
    keep(each_world, made(each_world.clock()))
    with each_world.database.write() as session:
        count_once(session, each_world.clock)
        count_once(session, each_world.clock)
    counting = Recount(each_world.database)
    assert run_due(each_world.database, {RECOUNT_JOB: counting.work}, each_world.clock, 5) == 1
    assert counting.last is not None
    assert counting.last.predictions == 26
    with each_world.database.read() as session:
        alike(kept_days(session), counted_anew(session))
    with each_world.database.write() as session:
        count_once(session, each_world.clock)
    assert run_due(each_world.database, {RECOUNT_JOB: counting.work}, each_world.clock, 5) == 0


def test_days_that_are_wrong_are_put_right(each_world: World) -> None:
    each_world.person()
    keep(each_world, *some(each_world))
    with each_world.database.write() as session:
        first, second, *others = session.exec(select(PredictionDay)).all()
        first.total, first.quality, first.watched = first.total + 5, {"high": 99}, {"9:9": 4}
        second.slices = {"sex:F": (0, 3.5)}
        session.delete(others[0])
        others[1].day -= timedelta(days=90)
    assert recount(each_world).corrected == 5
    with each_world.database.read() as session:
        alike(kept_days(session), counted_anew(session))


def test_what_is_kept_during_a_recount_is_counted_once(
    each_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_world.person()
    keep(each_world, *some(each_world), entered=False)

    def scanned(session: Session) -> dict[Key, Tally]:
        """Scan while somebody asks, who does not wait for it."""
        found = counted_anew(session)
        asking = Thread(target=lambda: keep(each_world, *some(each_world, 10)))
        asking.start()
        asking.join()
        return found

    monkeypatch.setattr(recounting, "counted_anew", scanned)
    assert recount(each_world).predictions == 25
    with each_world.database.read() as session:
        found = counted_anew(session)
        alike(kept_days(session), found)
    assert sum(each.total for each in found.values()) == 35


def test_a_model_that_answers_with_no_number_loses_no_prediction(each_world: World) -> None:
    each_world.person()
    tally = Tally.of(made(each_world.clock(), confidence=float("nan"), latency_ms=-5))
    assert (tally.total, tally.confidence.total, tally.slices) == (1, 0, {})


def test_figures_cost_the_same_of_a_million_in_a_day(each_world: World) -> None:
    analyst, now = each_world.person(Role.ANALYST), each_world.clock()
    keep(each_world, made(now))
    with each_world.database.write() as session:
        row = session.exec(select(PredictionDay)).one()
        by = Tally.read(row)
        for _ in range(20):  # doubled twenty times
            by = by + by
        by.write(row)
    figures = each_world.ask(WATCHED, analyst, family="TRIAGE")["summary"]["figures"]
    assert figures["count"] == 2**20
    assert figures["slices"][1]["meanConfidence"] == pytest.approx(0.8)


def test_the_last_day_of_all_has_figures(each_world: World) -> None:
    analyst = each_world.person(Role.ANALYST)
    figures = each_world.ask(WATCHED, analyst, family="TRIAGE", day="9999-12-31")["daily"]["figures"]
    assert figures["count"] == 0


def test_many_at_once_are_all_counted(each_world: World) -> None:
    each_world.person()
    now = each_world.clock()

    def ask() -> None:
        for _ in range(5):
            keep(each_world, made(now))

    threads = [Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with each_world.database.read() as session:
        [row] = session.exec(select(PredictionDay))
        assert row.total == 20
