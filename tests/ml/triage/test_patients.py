"""The authored patients hold together: the level of each is the one our rules give it."""

from collections import Counter

import pytest

from ml.triage.levels import LEVELS, Level, urgency
from ml.triage.patients import Patient, patients, score

EVERY = list(patients().values())


def test_there_are_patients_enough_of_every_level() -> None:
    times = Counter(each.level for each in EVERY)
    assert len(EVERY) >= 50
    assert all(times[level] >= 5 for level in LEVELS)


@pytest.mark.parametrize("patient", EVERY, ids=lambda each: each.id)
def test_a_patients_level_is_the_scales(patient: Patient) -> None:
    ruling = patient.ruling()
    assert ruling.level == patient.level
    assert any(each.decides for each in ruling.fired)


@pytest.mark.parametrize("patient", EVERY, ids=lambda each: each.id)
def test_nothing_a_triage_nurse_would_still_ask_could_change_the_level(patient: Patient) -> None:
    """Only what is measured of few may be open: a blood sugar, and an infant's consciousness."""
    open_questions = {each.name for each in patient.ruling().asked if each.levels[0] != patient.level}
    assert open_questions <= {"glycemie", "glasgow"}


def test_neither_name_nor_story_says_the_level() -> None:
    for each in EVERY:
        assert "tri\N{NO-BREAK SPACE}" not in (each.vignette + each.visit.complaint).lower()
        assert len(each.vignette) > 60
        assert each.level in each.explanation or len(each.explanation) > 40
    ranks = [urgency(each.level) for each in EVERY]
    assert ranks != sorted(ranks), "the order of the file says nothing either"


def test_stories_are_set_in_french() -> None:
    for each in EVERY:
        text = each.vignette + each.explanation
        assert not any(f" {sign}" in text for sign in ":;!?»"), each.id
        assert "'" not in text, each.id


@pytest.mark.parametrize(
    "given, expected, worth",
    [
        ("3B", "3B", 100),
        ("3A", "3B", 80),
        ("2", "4", 40),
        ("1", "5", 0),
        ("4", "3B", 60),
        ("5", "3B", 20),
        ("5", "3A", 0),
        ("2", "1", 60),
        ("3A", "2", 0),
        ("3B", "1", 0),
    ],
)
def test_a_level_too_late_costs_twice_one_too_early_and_an_emergency_missed_all(
    given: Level, expected: Level, worth: int
) -> None:
    assert score(given, expected) == worth
