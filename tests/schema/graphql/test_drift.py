"""Drift and forecasts: what a version is asked held against what it learnt from; when limits are passed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest
from sqlmodel import col, select

from ml.beats import monitored as beats_watched
from ml.monitoring.adwin import changes
from ml.monitoring.reference import Reference, Row
from ml.triage import monitored as triage_watched
from schema.models.models import ModelVersion
from schema.models.monitoring import PredictionDay
from schema.models.predictions import Feedback, FeedbackType, ModelFamily, Prediction
from schema.policy import Role
from schema.services.cases import Cases
from schema.services.day_books import Tally, correct, counted_anew, kept_days, key_of, total
from schema.services.feedback_statistics import FeedbackFilter, judged_in_order
from tests.schema.clinic import CHEST_PAIN, PREDICT, Clinic
from tests.schema.conftest import World
from tests.schema.graphql.test_subscriptions import following, heard, refused
from tests.schema.toys import deployed, registered
from tests.schema.training import Hospital
from tests.schema.ward import Ward

READERS = count(1)
DRIFT = """query Q($family: ModelFamily!, $version: ID, $days: Int! = 30) {
  monitoring(family: $family, modelVersionId: $version) { drift(days: $days) {
    state since until rowCount falseAlarms drifted signalQualityDrifted modelVersion { number }
    features { feature signalQuality psi psiThreshold test statistic statisticThreshold pValue
      missingBefore missingNow drifted }
    errorChanges { since found before after } } } }"""
FORECAST = """query Q($family: ModelFamily!, $metric: ForecastMetric!, $threshold: Float, $days: Int! = 60) {
  monitoring(family: $family) { forecast(metric: $metric, threshold: $threshold, days: $days) {
    metric feature threshold dayCount crossing { earliest expected latest probability slope } } } }"""
CHANGED = """subscription S($family: ModelFamily!) { monitoringChanged(family: $family) {
  family today { day figures { count errorRate { total } } } } }"""


def rows(number: int, seed: int, age: float = 60.0, quality: str = "medium") -> list[Row]:
    """Return rows of patients as old as told, one in ten of the quality told."""
    dice = np.random.default_rng(seed)
    return [
        {
            "age": float(dice.normal(age, 12)),
            "confidence": float(dice.beta(8, 2)),
            "quality": quality if dice.random() < 0.1 else "high",
        }
        for _ in range(number)
    ]


REFERENCE = Reference.of(rows(800, 1), ("age", "confidence"), ("quality",))


def champion(world: World, family: str = "triage", reference: Reference | None = REFERENCE) -> ModelVersion:
    """Deploy a version that came with a reference."""
    text = reference.to_bytes().decode() if reference else None
    with world.database.write() as session:
        version = registered(session, world.clock, f"{family:x>64}", family, reference=text)
        deployed(session, world.clock, version)
    return version


def ask_about(world: World, version: ModelVersion, asked: Sequence[Row], days_ago: int = 0) -> None:
    """Keep a prediction of each row."""
    made = [
        Prediction(
            family="triage" if version.model_id == 1 else "beats",
            asked_by=1,
            version_id=version.id,
            alias="champion",
            input_sha256="0" * 64,
            ml_available=True,
            latency_ms=1,
            watched=list(REFERENCE.places(each)),
            created_at=world.clock() - timedelta(days=days_ago),
        )
        for each in asked
    ]
    with world.database.write() as session:
        session.add_all(made)
        correct(session, key_of(made[0]), total(map(Tally.of, made)))


def opine(
    world: World, version: ModelVersion, wrong: Sequence[bool], days_ago: int = 0, predictions: int = 1
) -> None:
    """Have readers say of so many predictions in turn whether they are wrong."""
    made = asked(world, version, predictions, days_ago)
    with world.database.write() as session:
        session.add_all(opinion(made[number % predictions], each) for number, each in enumerate(wrong))


def asked(world: World, version: ModelVersion, number: int, days_ago: int = 0) -> Sequence[Prediction]:
    """Keep so many predictions and return them."""
    ask_about(world, version, rows(number, 7), days_ago)
    latest = select(Prediction).order_by(col(Prediction.id).desc()).limit(number)
    with world.database.read() as session:
        return session.exec(latest).all()[::-1]


def opinion(of: Prediction, wrong: bool) -> Feedback:  # noqa: FBT001 - what it says
    """Return what a reader thinks of a prediction, on the day it was made."""
    return Feedback(
        prediction_id=of.id or 0,
        family=of.family,
        version_id=of.version_id,
        reader=f"reader {next(READERS)}",
        type=(FeedbackType.DISAGREE if wrong else FeedbackType.CORRECT).value,
        original="3B",
        created_at=of.created_at,
    )


def test_drift_and_forecasts_are_for_those_who_read_statistics(world: World) -> None:
    for text in (DRIFT, FORECAST):
        given = {"family": "TRIAGE"} | ({"metric": "PSI"} if text == FORECAST else {})
        assert world.codes(text, None, **given) == ["UNAUTHENTICATED"]
        assert world.codes(text, world.person(Role.CLINICIAN), **given) == ["FORBIDDEN"]
    assert refused(world, CHANGED, None, family="TRIAGE") == "UNAUTHENTICATED"
    assert refused(world, CHANGED, world.person(Role.STUDENT), family="TRIAGE") == "FORBIDDEN"


def test_why_drift_cannot_be_told_is_said(each_world: World) -> None:
    analyst = each_world.person(Role.ANALYST)

    def told() -> Any:
        return each_world.ask(DRIFT, analyst, family="TRIAGE")["drift"]

    assert (told()["state"], told()["modelVersion"]) == ("NO_VERSION", None)
    version = champion(each_world, reference=None)
    assert (told()["state"], told()["modelVersion"]) == ("NO_REFERENCE", {"number": 1})
    for text, state in (("{}", "NO_REFERENCE"), (REFERENCE.to_bytes().decode(), "TOO_FEW")):
        with each_world.database.write() as session:
            session.get_one(ModelVersion, version.id).reference = text
        assert told()["state"] == state
    ask_about(each_world, version, rows(49, 2))
    few = told()
    assert (few["state"], few["rowCount"], few["drifted"], few["features"]) == ("TOO_FEW", 49, None, [])
    ask_about(each_world, version, rows(1, 3), days_ago=40)
    assert told()["rowCount"] == 49
    ask_about(each_world, version, rows(1, 3))
    assert told()["state"] == "COMPARED"


def test_patients_as_before_raise_no_alarm_and_older_ones_do(each_world: World) -> None:
    analyst, version = each_world.person(Role.ANALYST), champion(each_world)
    ask_about(each_world, version, rows(200, 2))
    calm = each_world.ask(DRIFT, analyst, family="TRIAGE")["drift"]
    assert (calm["drifted"], calm["falseAlarms"], calm["rowCount"]) == (False, 0.01, 200)
    assert [each["feature"] for each in calm["features"]] == ["age", "confidence", "quality"]
    assert all(each["psi"] < each["psiThreshold"] for each in calm["features"])
    ask_about(each_world, version, rows(200, 3, age=72.0), days_ago=2)
    told = each_world.ask(DRIFT, analyst, family="TRIAGE")["drift"]
    assert [each["feature"] for each in told["features"] if each["drifted"]] == ["age"]
    age = told["features"][0]
    assert (age["test"], age["pValue"]) == ("KS", 0.0005)
    assert age["statistic"] > age["statisticThreshold"]
    assert told["signalQualityDrifted"] is None
    assert each_world.ask(DRIFT, analyst, family="TRIAGE", days=1)["drift"]["drifted"] is False


def test_recordings_of_another_quality_are_a_drift_of_the_signal(world: World) -> None:
    analyst, version = world.person(Role.ANALYST), champion(world)
    beats = champion(world, "beats")
    assert version.model_id != beats.model_id
    ask_about(world, beats, rows(300, 4, quality="low"))
    told = world.ask(DRIFT, analyst, family="BEATS")["drift"]
    assert told["signalQualityDrifted"] is True
    assert [each["feature"] for each in told["features"] if each["signalQuality"]] == ["quality"]
    assert world.ask(DRIFT, analyst, family="TRIAGE")["drift"]["state"] == "TOO_FEW"


def test_a_visit_is_held_against_what_its_version_learnt_from(each_world: World) -> None:
    clinic = Clinic(each_world)
    version = clinic.deploy()
    assert clinic.predict()["mlAvailable"]
    known = Reference.of([{"age": 50.0}, {"age": 60.0}], ("age",), triage_watched.CATEGORICAL)
    with each_world.database.write() as session:
        session.get_one(ModelVersion, version.id).reference = known.to_bytes().decode()
    each_world.ask(PREDICT, each_world.person(Role.CLINICIAN), input=CHEST_PAIN)
    each_world.ask(PREDICT, clinic.clinician, input=CHEST_PAIN | {"alias": "SHADOW"})
    with each_world.database.read() as session:
        watched = session.exec(select(Prediction.watched).order_by(Prediction.id)).all()  # type: ignore[arg-type]
        [day] = session.exec(select(PredictionDay).where(PredictionDay.alias == "champion"))
    assert watched == [None, [2, 1, 1, 1, 1], None]
    assert day.watched == {"0:2": 1, "1:1": 1, "2:1": 1, "3:1": 1, "4:1": 1}


def test_the_very_same_visit_of_the_same_person_and_day_is_one_more_answer_and_no_more_to_compare(
    each_world: World,
) -> None:
    clinic = Clinic(each_world)
    version = clinic.deploy()
    known = Reference.of([{"age": 50.0}, {"age": 60.0}], ("age",), triage_watched.CATEGORICAL)
    with each_world.database.write() as session:
        session.get_one(ModelVersion, version.id).reference = known.to_bytes().decode()
    each_world.clock.at = each_world.clock().replace(hour=0, minute=0)
    clinic.predict()
    each_world.clock.pass_(hours=23)
    clinic.predict()  # the same again
    clinic.predict(echelleDouleur=6)  # more is known of it
    clinic.predict(each_world.person(Role.CLINICIAN))  # somebody else's
    each_world.clock.pass_(hours=1)
    clinic.predict()  # another day's
    with each_world.database.read() as session:
        watched = session.exec(select(Prediction.watched).order_by(Prediction.id)).all()  # type: ignore[arg-type]
        days = kept_days(session)
    assert [each is not None for each in watched] == [True, False, True, True, True]
    assert [each.total for _, each in sorted(days.items())] == [4, 1]
    compared = [sum(each.watched.values()) / len(known.features) for _, each in sorted(days.items())]
    assert compared == [3, 1]


def test_a_recording_is_held_against_what_its_version_learnt_from(each_world: World, tmp_path: Any) -> None:
    hospital = Hospital(each_world.database, each_world.clock, tmp_path)
    ward = Ward(each_world, hospital)
    learnt: Row = {"heart_rate": 74.0, "class": "Normal", "quality": "medium", "quality:one_lead": "yes"}
    known = Reference.of([learnt], ("heart_rate", "amplitude_second"), beats_watched.CATEGORICAL)
    with each_world.database.write() as session:
        session.get_one(ModelVersion, ward.champion.id).reference = known.to_bytes().decode()
    assert ward.predict()["mlAvailable"]
    ward.predict()  # the same again is not another patient
    with each_world.database.read() as session:
        places, again = session.exec(select(Prediction.watched).order_by(Prediction.id))  # type: ignore[arg-type]
        kept = kept_days(session)
    assert again is None
    named = dict(zip([each.name for each in known.features], places or (), strict=True))
    assert (named["heart_rate"], named["amplitude_second"]) == (1, 0)
    assert (named["class"], named["quality"], named["quality:one_lead"]) == (1, 1, 1)
    [day] = kept.values()
    assert sum(day.watched.values()) == len(known.features)
    with each_world.database.write() as session:
        cases = Cases(session, ward.teacher, each_world.clock, hospital.ontology)
        cases.archive(ward.case.id or 0)
        cases.restore(ward.case.id or 0)
        cases.delete(ward.case.id or 0)
    with each_world.database.read() as session:
        assert kept_days(session) == counted_anew(session) == {}
    hospital.close()


def test_a_change_of_the_error_rate_is_found_with_its_days(each_world: World) -> None:
    analyst, version = each_world.person(Role.ANALYST), champion(each_world)
    for day in range(10, 0, -1):
        opine(each_world, version, [day <= 5 and n % 2 == 0 for n in range(40)], day, predictions=40)
    [change] = each_world.ask(DRIFT, analyst, family="TRIAGE")["drift"]["errorChanges"]
    today = each_world.clock().date()
    assert change["since"] in {(today - timedelta(days=back)).isoformat() for back in (5, 6)}
    assert change["before"] < 0.05
    assert change["after"] > 0.3
    assert change["found"] > change["since"]
    assert each_world.ask(DRIFT, analyst, family="TRIAGE", days=4)["drift"]["errorChanges"] == []
    assert each_world.ask(DRIFT, analyst, family="BEATS")["drift"]["errorChanges"] == []


def test_a_prediction_is_one_value_where_the_first_opinion_on_it_stands(each_world: World) -> None:
    each_world.person(Role.CLINICIAN)
    first, second, third = asked(each_world, champion(each_world), 3, days_ago=1)
    with each_world.database.write() as session:
        for of, wrong in ((second, True), (first, False), (second, False), (third, True)):
            session.add(opinion(of, wrong))
            session.flush()
        gone, later = opinion(third, wrong=False), opinion(second, wrong=True)
        gone.current, later.created_at = False, each_world.clock()
        session.add_all([gone, later])
    with each_world.database.read() as session:
        chosen = FeedbackFilter(ModelFamily.TRIAGE)
        told = judged_in_order(session, chosen, 9)
        assert judged_in_order(session, chosen, 2) == told[1:]
    assert {day for day, _ in told} == {(each_world.clock() - timedelta(days=1)).date()}
    assert [share for _, share in told] == pytest.approx([2 / 3, 0.0, 1.0])


def test_many_opinions_on_recordings_that_differ_are_no_change_of_the_error_rate(each_world: World) -> None:
    """Found opinion by opinion there are some: each recording with many errors is one."""
    analyst, version = each_world.person(Role.ANALYST), champion(each_world)
    dice = np.random.default_rng(3)
    wrong = dice.random((40, 20)) < dice.beta(0.3, 2.7, (40, 1))
    made = asked(each_world, version, 40)
    with each_world.database.write() as session:
        for of, each in zip(made, wrong.tolist(), strict=True):
            session.add_all(opinion(of, one) for one in each)
            session.flush()
    assert changes(wrong.ravel().astype(float)) != []
    assert each_world.ask(DRIFT, analyst, family="TRIAGE")["drift"]["errorChanges"] == []


def test_when_errors_become_too_many_is_foreseen(each_world: World) -> None:
    analyst, version = each_world.person(Role.ANALYST), champion(each_world)
    for day in range(20, 0, -1):
        opine(each_world, version, [n < 22 - day for n in range(100)], day)
    opine(each_world, version, [True] * 9)  # a day of too few
    given = {"family": "TRIAGE", "metric": "ERROR_RATE"}
    [told] = each_world.ask(FORECAST, analyst, **given, threshold=0.295)["forecast"]
    last = each_world.clock().date() - timedelta(days=1)
    assert (told["feature"], told["threshold"], told["dayCount"]) == (None, 0.295, 20)
    crossing = told["crossing"]
    assert crossing["slope"] == pytest.approx(0.01, abs=1e-6)
    assert crossing["expected"] == (last + timedelta(days=9)).isoformat()
    assert crossing["earliest"] <= crossing["expected"] <= crossing["latest"]
    [usual] = each_world.ask(FORECAST, analyst, **given)["forecast"]
    assert usual["threshold"] == each_world.services.training.error_rate
    [few] = each_world.ask(FORECAST, analyst, **given, days=10)["forecast"]
    assert (few["dayCount"], few["crossing"]) == (9, None)


def test_when_patients_become_too_different_is_foreseen_by_feature(world: World) -> None:
    analyst, version = world.person(Role.ANALYST), champion(world)
    for day in range(18, -1, -1):
        ask_about(world, version, rows(60, day, age=60.0 + (18 - day) * 0.5), day)
    ask_about(world, version, rows(9, 3, age=0.0), days_ago=20)  # a day of too few
    told = world.ask(FORECAST, analyst, family="TRIAGE", metric="PSI", threshold=0.8)["forecast"]
    assert [(each["feature"], each["dayCount"]) for each in told] == [
        ("age", 19),
        ("confidence", 19),
        ("quality", 19),
    ]
    age, confidence, _quality = (each["crossing"] for each in told)
    assert age["slope"] > 0.01
    assert age["expected"] > world.clock().date().isoformat()
    assert confidence["expected"] is None
    assert world.ask(FORECAST, analyst, family="BEATS", metric="PSI")["forecast"] == []


@pytest.mark.parametrize("metric, threshold", [("ERROR_RATE", 1.5), ("ERROR_RATE", -0.1), ("PSI", 11)])
def test_a_threshold_that_no_figure_has_is_refused(world: World, metric: str, threshold: float) -> None:
    analyst = world.person(Role.ANALYST)
    given = {"family": "TRIAGE", "metric": metric, "threshold": threshold}
    assert world.codes(FORECAST, analyst, **given) == ["BAD_REQUEST"]


def test_the_same_days_are_not_compared_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    analyst, version = world.person(Role.ANALYST), champion(world)
    ask_about(world, version, rows(60, 11))
    first = world.ask(DRIFT, analyst, family="TRIAGE")
    monkeypatch.setattr("ml.monitoring.drift.drift", None)
    assert world.ask(DRIFT, analyst, family="TRIAGE") == first


def test_figures_of_today_come_at_once_and_after_each_prediction_and_opinion(each_world: World) -> None:
    analyst, version = each_world.person(Role.ANALYST), champion(each_world)
    other = champion(each_world, "beats")

    async def scenario() -> list[Any]:
        async def after(change: Callable[[], None], stream: Any) -> list[Any]:
            await asyncio.to_thread(change)
            return await heard(stream, 1)

        async with following(each_world, CHANGED, analyst, family="TRIAGE") as stream:
            told = await heard(stream, 1)
            await asyncio.to_thread(lambda: ask_about(each_world, other, rows(1, 1)))
            told += await after(lambda: ask_about(each_world, version, rows(2, 1)), stream)
            return told + await after(lambda: opine(each_world, version, [False]), stream)

    told = asyncio.run(scenario())
    assert {each["family"] for each in told} == {"TRIAGE"}
    assert [each["today"]["figures"]["count"] for each in told] == [0, 2, 3]
    assert told[-1]["today"]["figures"]["errorRate"]["total"] == 1
