from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schema.models.training import Attempt, TrainingSession
from schema.policy import Role
from schema.services.cache import LocalCache
from schema.services.spending import DailyBudget
from tests.schema.authors import Author
from tests.schema.conftest import World

FIGURES = """{ statistics { caseCount validatedCaseCount sessionCount openSessionCount
  attemptCount submittedAttemptCount matcher { hits misses hitRate entries } } }"""


@pytest.mark.parametrize("role", [Role.STUDENT, Role.CLINICIAN])
def test_students_and_clinicians_see_no_figures(world: World, role: Role) -> None:
    assert world.codes(FIGURES, None) == ["UNAUTHENTICATED"]
    assert world.codes(FIGURES, world.person(role)) == ["FORBIDDEN"]


def test_an_empty_library_counts_nothing(world: World) -> None:
    figures = world.ask(FIGURES, world.person(Role.ANALYST))
    assert set(figures.pop("matcher").values()) == {0}
    assert set(figures.values()) == {0}


MATCHER = """{ matcherStatistics { hits misses hitRate entries waits secondsSaved eurosSaved droppedClaims
  fallbacks { cause times } languageModel { callsToday mostCalls eurosToday mostEuros readsAnswers } } }"""


@pytest.mark.parametrize("role", [Role.STUDENT, Role.CLINICIAN])
def test_students_and_clinicians_see_nothing_of_the_matcher(world: World, role: Role) -> None:
    assert world.codes(MATCHER, None) == ["UNAUTHENTICATED"]
    assert world.codes(MATCHER, world.person(role)) == ["FORBIDDEN"]


def test_without_a_language_model_there_is_no_budget(world: World) -> None:
    figures = world.ask(MATCHER, world.person(Role.ANALYST))
    assert figures["languageModel"] is None
    causes = [each["cause"] for each in figures["fallbacks"]]
    assert causes == ["UNREACHABLE", "SLOW", "NOT_ASKED", "OVER_BUDGET", "MALFORMED"]


def test_the_days_budget_is_told(world: World, tmp_path: Path) -> None:
    cache = LocalCache(tmp_path / "budget.db")
    world.services.budget = DailyBudget(cache, world.clock, ZoneInfo("Europe/Paris"), 10, 0.5)
    world.services.budget.reserve(250_000)
    figures = world.ask(MATCHER, world.person())
    cache.close()
    assert figures["languageModel"] == {
        "callsToday": 1,
        "mostCalls": 10,
        "eurosToday": 0.25,
        "mostEuros": 0.5,
        "readsAnswers": False,
    }


def test_what_is_archived_does_not_count(each_world: World) -> None:
    teacher = each_world.person()
    author = Author(each_world, teacher)
    author.draft()
    author.validated()
    archived = author.draft()
    author.do(lambda cases: cases.archive(archived))
    figures = each_world.ask(FIGURES, teacher)
    assert (figures["caseCount"], figures["validatedCaseCount"]) == (2, 1)


def test_a_session_is_open_between_its_times_while_its_teacher_says_so(each_world: World) -> None:
    teacher = each_world.person()
    now, hour = each_world.clock(), timedelta(hours=1)
    sessions = {
        "open always": ("open", None, None),
        "open now": ("open", now, now + hour),
        "not open yet": ("open", now + hour, None),
        "over": ("open", None, now),
        "closed": ("closed", None, None),
        "archived": ("archived", None, None),
    }
    with each_world.database.write() as session:
        for name, (status, opens_at, closes_at) in sessions.items():
            session.add(
                TrainingSession(
                    owner_id=teacher.account_id,
                    name=name,
                    difficulty="beginner",
                    time_limit_minutes=30,
                    status=status,
                    opens_at=opens_at,
                    closes_at=closes_at,
                    join_code=name,
                    created_at=now,
                    updated_at=now,
                )
            )
    figures = each_world.ask(FIGURES, teacher)
    assert (figures["sessionCount"], figures["openSessionCount"]) == (5, 2)


def test_attempts_are_counted_as_begun_and_as_handed_in(each_world: World) -> None:
    teacher, student = each_world.person(), each_world.person(Role.STUDENT)
    now = each_world.clock()
    with each_world.database.write() as session:
        training = TrainingSession(
            owner_id=teacher.account_id,
            name="s",
            difficulty="beginner",
            time_limit_minutes=30,
            join_code="ABC",
            created_at=now,
            updated_at=now,
        )
        session.add(training)
        session.flush()
        for number, submitted in enumerate([None, now, now]):
            session.add(
                Attempt(
                    session_id=training.id or 0,
                    account_id=student.account_id,
                    number=number,
                    started_at=now,
                    deadline_at=now,
                    submitted_at=submitted,
                )
            )
    figures = each_world.ask(FIGURES, teacher)
    assert (figures["attemptCount"], figures["submittedAttemptCount"]) == (3, 2)
