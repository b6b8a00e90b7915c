"""Feedback in figures: for analysts, without any row of anybody."""

from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest
from sqlmodel import Session, select

from schema.models.models import ModelVersion
from schema.models.predictions import WHOLE, Feedback, FeedbackType, ModelFamily, Prediction, TriageLevel
from schema.policy import Actor, Role, Scope
from schema.services.feedback_statistics import (
    LEAST,
    LEAST_JUDGED,
    ErrorRate,
    FeedbackFilter,
    Part,
    Spread,
    feedback_figures,
)
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.toys import registered

COUNT = "query Q($family: ModelFamily!) { feedbackCount(family: $family) }"
FIGURES = """query Q($family: ModelFamily!, $since: DateTime, $until: DateTime, $version: ID) {
  feedbackStatistics(family: $family, since: $since, until: $until, modelVersionId: $version) {
    total errorRate { total errors minimum share low high judgedCount readerCount } byType { type count }
    matrix { original corrected count } matrixWithheld
    byVersion { version { number } errorRate { total errors share } }
    byWeek { week errorRate { total errors judgedCount } } } }"""
GROUPS = """query Q($since: DateTime, $version: ID) {
  feedbackStatistics(family: TRIAGE, since: $since, modelVersionId: $version) {
    errorRate { low high }
    byGroup { name errorRate { total errors share low high judgedCount readerCount } } } }"""
READERS = count(1)
UPGRADE, DOWNGRADE, CORRECT, DISAGREE = (
    FeedbackType.UPGRADE,
    FeedbackType.DOWNGRADE,
    FeedbackType.CORRECT,
    FeedbackType.DISAGREE,
)


@pytest.fixture
def analyst(each_world: World) -> Actor:
    return each_world.person(Role.ANALYST)


def visit(  # noqa: PLR0917 - what matters of one
    session: Session,
    world: World,
    asker: int,
    level: str,
    version_id: int | None = None,
    slices: list[str] | None = None,
) -> int:
    row = Prediction(
        family=ModelFamily.TRIAGE.value,
        visit={"values": {"age": 50.0}, "complaint": "douleur", "answers": {}, "chosen": None},
        asked_by=asker,
        version_id=version_id,
        alias="champion",
        input_sha256="0" * 64,
        ml_available=True,
        latency_ms=1,
        level=level,
        slices=slices,
        created_at=world.clock(),
    )
    session.add(row)
    session.flush()
    return row.id or 0


def give(  # noqa: PLR0917 - an opinion, of so many
    world: World,
    kind: FeedbackType,
    original: str = "3B",
    corrected: str | None = None,
    version: ModelVersion | None = None,
    times: int = 1,
    slices: list[str] | None = None,
) -> None:
    asker = world.person(Role.CLINICIAN).account_id
    with world.database.write() as session:
        for _ in range(times):
            row = Feedback(
                prediction_id=visit(session, world, asker, original, version.id if version else None, slices),
                family="triage",
                version_id=version.id if version else None,
                reader=f"reader {next(READERS)}",
                account_id=asker,
                type=kind.value,
                original=original,
                corrected_level=corrected,
                created_at=world.clock(),
            )
            session.add(row)


def figures(world: World, actor: Actor, **given: Any) -> Any:
    return world.ask(FIGURES, actor, family="TRIAGE", **given)


def figures_by_group(world: World, actor: Actor, **given: Any) -> Any:
    return world.ask(GROUPS, actor, **given)["byGroup"]


def test_who_may_not_read_statistics_is_told_no_figure(each_world: World, analyst: Actor) -> None:
    assert each_world.codes(FIGURES, None, family="TRIAGE") == ["UNAUTHENTICATED"]
    assert each_world.codes(COUNT, each_world.person(Role.STUDENT), family="TRIAGE") == ["FORBIDDEN"]
    assert figures(each_world, analyst)["total"] == 0
    foreign = global_id("ModelVersion", 99)
    assert figures(each_world, analyst, version=foreign) is None
    with each_world.database.write() as session:
        there = global_id("ModelVersion", registered(session, each_world.clock, "a" * 64, "triage").id or 0)
    token = Actor(analyst.account_id, Role.ANALYST, scopes=frozenset({Scope.STATISTICS_READ}), token_id=1)
    assert figures(each_world, analyst, version=there) is not None
    assert figures(each_world, token, version=there) is None


def test_opinions_in_force_are_counted_by_type_and_by_what_they_correct(
    each_world: World, analyst: Actor
) -> None:
    give(each_world, CORRECT, "3B", times=27)
    give(each_world, UPGRADE, "3B", "2", times=2)
    give(each_world, DISAGREE, "2")
    with each_world.database.write() as session:
        for row in session.exec(select(Feedback).where(Feedback.type == DISAGREE.value)).all():
            changed = Feedback(**row.model_dump(exclude={"id"}) | {"number": 2, "type": DOWNGRADE.value})
            changed.corrected_level, row.current = "4", False
            session.flush()
            session.add(changed)
    told = figures(each_world, analyst)
    assert each_world.ask(COUNT, analyst, family="TRIAGE") == told["total"] == 30
    assert each_world.ask(COUNT, analyst, family="BEATS") == 0
    by_type = {each["type"]: each["count"] for each in told["byType"]}
    assert by_type == {"CORRECT": 27, "UPGRADE": 2, "DOWNGRADE": 1, "DISAGREE": 0}
    cells = {(each["original"], each["corrected"]): each["count"] for each in told["matrix"]}
    assert cells == {("TRI_3B", "TRI_3B"): 27, ("TRI_3B", "TRI_2"): 2, ("TRI_2", "TRI_4"): 1}
    assert told["matrixWithheld"] is False


def test_what_was_corrected_is_withheld_where_it_would_be_of_a_few_visits(
    each_world: World, analyst: Actor
) -> None:
    with each_world.database.write() as session:
        version = registered(session, each_world.clock, "d" * 64, "triage")
    before = each_world.clock().isoformat()
    assert (figures(each_world, analyst)["matrix"], figures(each_world, analyst)["matrixWithheld"]) == (
        [],
        False,
    )
    give(each_world, CORRECT, "2", version=version, times=LEAST_JUDGED - 1)
    each_world.clock.pass_(days=1)
    later = each_world.clock().isoformat()
    give(each_world, UPGRADE, "4", "2")
    counted = {(each["original"], each["count"]) for each in figures(each_world, analyst)["matrix"]}
    assert counted == {("TRI_2", LEAST_JUDGED - 1), ("TRI_4", 1)}
    of_version = global_id("ModelVersion", version.id or 0)
    for narrowed in ({"since": later}, {"since": before, "until": later}, {"version": of_version}):
        told = figures(each_world, analyst, **narrowed)
        assert told["total"] > 0
        assert (told["matrix"], told["matrixWithheld"]) == ([], True)


@pytest.mark.parametrize("whole", [True, False])
def test_neither_opinions_on_whole_recordings_nor_many_on_one_let_what_was_corrected_be_told(
    each_world: World, analyst: Actor, *, whole: bool
) -> None:
    """One beat was corrected, beside opinions on many recordings as a whole, or on many beats of its own."""
    asker = each_world.person(Role.CLINICIAN).account_id
    with each_world.database.write() as session:
        first = visit(session, each_world, asker, "")
        for number in range(2 * LEAST_JUDGED):
            asked = visit(session, each_world, asker, "") if whole and number else first
            row = Feedback(
                prediction_id=asked,
                family="beats",
                reader="one",
                target=WHOLE if whole and number else number + 1,
                type=(CORRECT if number else DISAGREE).value,
                original=None if whole and number else "Normal",
                corrected_class=None if number else "PVC",
                created_at=each_world.clock(),
            )
            session.add(row)
    told = each_world.ask(FIGURES, analyst, family="BEATS")
    assert told["total"] == 2 * LEAST_JUDGED
    assert (told["matrix"], told["matrixWithheld"]) == ([], True)


def test_no_share_is_told_of_few_opinions_and_an_interval_of_enough(
    each_world: World, analyst: Actor
) -> None:
    give(each_world, CORRECT, times=24)
    give(each_world, UPGRADE, "4", "2", times=LEAST - 25)
    assert figures(each_world, analyst)["errorRate"] == {
        "total": LEAST - 1,
        "errors": LEAST - 25,
        "minimum": LEAST,
        "share": None,
        "low": None,
        "high": None,
        "judgedCount": LEAST - 1,
        "readerCount": LEAST - 1,
    }
    give(each_world, UPGRADE, "4", "2")
    rate = figures(each_world, analyst)["errorRate"]
    assert rate["share"] == pytest.approx(0.2)
    assert (rate["low"], rate["high"]) == pytest.approx((0.0909, 0.3848), abs=1e-4)  # t(29) 2.0452, of 29


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    assert ErrorRate(100, 0, Spread(100, 1, 100, 0, 0)).interval == pytest.approx((0.0, 0.0379), abs=1e-4)
    whole = Spread(100, 1, 100, 100, 100)
    assert ErrorRate(100, 100, whole).interval == pytest.approx((0.9621, 1.0), abs=1e-4)


def test_opinions_that_agree_within_each_recording_count_as_one() -> None:
    """Ten opinions on each of 40 recordings, all wrong on 20 of them: as 40 opinions, not as 400."""
    spread = Spread(40, 2, 40 * 100, 20 * 100, 20 * 100)
    low, high = ErrorRate(400, 200, spread).interval or (0.0, 0.0)
    assert (low, high) == pytest.approx((0.3459, 0.6541), abs=1e-4)  # t(39) 2.0227, of 39
    scattered = Spread(40, 2, 40 * 100, 40 * 25, 40 * 50)
    assert ErrorRate(400, 200, scattered).interval == pytest.approx((0.4497, 0.5503), abs=1e-4)


def test_few_predictions_with_most_of_the_opinions_make_the_interval_wider_or_none() -> None:
    """Of 70 predictions 60 have one opinion and 10 have four: 100 squared over 220 are as 45 of equally many.

    Twelve single ones and all four on two others are errors, 20 in all. The variance is 70/69 of 35.2 over
    100 squared, which is that of 44.8 independent opinions; t with 44.45 degrees of freedom is 2.0148, its
    square 4.0594.
    """
    uneven = ErrorRate(100, 20, Spread(70, 3, 220, 44, 44))
    assert uneven.evenly_judged == pytest.approx(45.4545, abs=1e-4)
    assert uneven.interval == pytest.approx((0.1070, 0.3429), abs=1e-4)
    none = ErrorRate(100, 0, Spread(70, 3, 220, 0, 0))
    assert none.interval == pytest.approx((0.0, 0.0820), abs=1e-4)  # 4.0594 / (45.4545 + 4.0594)
    few = ErrorRate(525, 75, Spread(30, 3, 5 * 100**2 + 25, 5 * 15**2, 5 * 1_500))
    assert (few.firm, few.interval) == (False, None)
    assert few.share == pytest.approx(1 / 7)


def test_the_interval_holds_the_rate_nearly_as_often_as_it_says_however_opinions_are_spread() -> None:
    """Of 200 recordings, some of which have many times as many opinions as others that are alike by 0.3."""
    generator, told, held = np.random.default_rng(20261128), 0, 0
    for _ in range(1_000):
        opinions = np.ceil(generator.lognormal(1, 1, 200)).astype(int)
        rates = generator.beta(0.15 * 7 / 3, 0.85 * 7 / 3, 200)
        errors = generator.binomial(opinions, rates)
        sums = ((opinions**2).sum(), (errors**2).sum(), (opinions * errors).sum())
        spread = Spread(200, 1, *(int(each) for each in sums))
        interval = ErrorRate(int(opinions.sum()), int(errors.sum()), spread).interval
        if interval is not None:
            told, held = told + 1, held + (interval[0] <= 0.15 <= interval[1])
    assert told > 900
    assert held / told >= 0.91


def test_many_opinions_of_one_reader_on_one_recording_have_no_interval(
    each_world: World, analyst: Actor
) -> None:
    give(each_world, UPGRADE, "4", "2")
    with each_world.database.write() as session:
        (first,) = session.exec(select(Feedback)).all()
        for target in range(1, 100):
            session.add(Feedback(**first.model_dump(exclude={"id"}) | {"target": target}))
    told = figures(each_world, analyst)
    rate = told["errorRate"]
    assert (rate["total"], rate["share"], rate["low"]) == (100, 1.0, None)
    assert (rate["judgedCount"], rate["readerCount"]) == (1, 1)
    (week,) = told["byWeek"]
    assert week["errorRate"] == {"total": 100, "errors": 100, "judgedCount": 1}


def test_versions_weeks_and_periods_are_told_apart(each_world: World, analyst: Actor) -> None:
    with each_world.database.write() as session:
        old, new = (registered(session, each_world.clock, each * 64, "triage") for each in "ab")
    start = each_world.clock()
    give(each_world, CORRECT, version=old, times=2)
    each_world.clock.pass_(days=8)
    give(each_world, UPGRADE, "3B", "1", version=new)
    told = figures(each_world, analyst)
    versions = [(each["version"]["number"], each["errorRate"]["total"]) for each in told["byVersion"]]
    assert versions == [(new.number, 1), (old.number, 2)]
    monday = start.date() - timedelta(days=start.weekday())
    later = (start + timedelta(days=8)).date()
    weeks = [(each["week"], each["errorRate"]["errors"]) for each in told["byWeek"]]
    assert weeks == [(str(monday), 0), (str(later - timedelta(days=later.weekday())), 1)]
    assert figures(each_world, analyst, until=each_world.clock().isoformat())["total"] == 2
    assert figures(each_world, analyst, since=each_world.clock().isoformat())["total"] == 1
    assert figures(each_world, analyst, version=global_id("ModelVersion", old.id or 0))["total"] == 2


def test_nobody_is_told_by_group_who_may_not_read_statistics(each_world: World) -> None:
    assert each_world.codes(GROUPS, None) == ["UNAUTHENTICATED"]
    assert each_world.codes(GROUPS, each_world.person(Role.CLINICIAN)) == ["FORBIDDEN"]


def test_groups_that_enough_visits_were_judged_of_are_told_with_their_intervals(
    each_world: World, analyst: Actor
) -> None:
    """Of 60 visits those of women are 40, 8 of them wrong; 29 are of people of 80 and more, and stay out."""
    with each_world.database.write() as session:
        version = registered(session, each_world.clock, "c" * 64, "triage")
    give(each_world, CORRECT, times=21, slices=["sex:F", "age:18"])
    give(each_world, CORRECT, times=11, slices=["sex:F", "age:80"])
    give(each_world, UPGRADE, "4", "2", times=8, slices=["sex:F", "age:80"])
    give(each_world, CORRECT, times=10, slices=["sex:M", "age:80"])
    give(each_world, UPGRADE, "4", "2", version, times=10, slices=["sex:M", "age:18"])
    give(each_world, UPGRADE, "4", "2", times=5)
    groups = {each["name"]: each["errorRate"] for each in figures_by_group(each_world, analyst)}
    assert sorted(groups) == ["age:18", "sex:F"]
    assert {name: groups["sex:F"][name] for name in ("total", "errors", "share", "judgedCount")} == {
        "total": 40,
        "errors": 8,
        "share": pytest.approx(0.2),
        "judgedCount": 40,
    }
    # Wilson's of 39 with t(39) 2.0227: as many as 40 that differ from visit to visit tell.
    assert (groups["sex:F"]["low"], groups["sex:F"]["high"]) == pytest.approx((0.1020, 0.3550), abs=1e-4)
    assert (groups["age:18"]["total"], groups["age:18"]["errors"]) == (31, 10)
    assert groups["age:18"]["readerCount"] == 31
    assert figures_by_group(each_world, analyst, version=global_id("ModelVersion", version.id or 0)) == []
    each_world.clock.pass_(days=1)
    assert figures_by_group(each_world, analyst, since=each_world.clock().isoformat()) == []


def test_a_group_has_the_readers_and_visits_of_all_lists_it_is_in_and_the_interval_of_all_alike(
    each_world: World, analyst: Actor
) -> None:
    """Ten opinions of the same two readers on each of 40 visits; a group of all has the figures of all."""
    asker = each_world.person(Role.CLINICIAN).account_id
    with each_world.database.write() as session:
        for number in range(40):
            age = f"age:{(18, 65)[number % 2]}"
            asked = visit(session, each_world, asker, "4", slices=["sex:M", age])
            for target in range(10):
                wrong = number % 4 == 0 or target == 0
                row = Feedback(
                    prediction_id=asked,
                    family="triage",
                    reader=f"one of two {target % 2}",
                    target=target,
                    type=(DISAGREE if wrong else CORRECT).value,
                    original="4",
                    created_at=each_world.clock(),
                )
                session.add(row)
    told = each_world.ask(GROUPS, analyst)
    (men,) = told["byGroup"]
    assert men["name"] == "sex:M"
    rate = men["errorRate"]
    assert (rate["total"], rate["judgedCount"], rate["readerCount"]) == (400, 40, 2)
    assert {"low": rate["low"], "high": rate["high"]} == told["errorRate"]


def test_a_confirmation_is_on_the_diagonal_and_what_nobody_tells_beside_it(world: World) -> None:
    give(world, CORRECT, TriageLevel.TRI_2.value, times=29)
    give(world, DISAGREE, TriageLevel.TRI_2.value)
    with world.database.read() as session:
        assert feedback_figures(session, FeedbackFilter(ModelFamily.TRIAGE), Part.MATRIX).matrix() == {
            ("2", "2"): 29,
            ("2", None): 1,
        }
