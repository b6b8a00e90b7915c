"""Feedback as lines of JSON: taken in without names, once, good rows whatever the others; written out."""

import json
from typing import Any

import orjson
import pytest
from sqlmodel import select

from schema.models.predictions import Feedback, ImportedFeedback, ModelFamily, Prediction
from schema.policy import Actor, Role
from schema.services.corrections import correction_count, corrections
from schema.services.feedback_files import FeedbackTally, exported
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.people import PASSWORDS

FEATURES = {
    "age": 54,
    "sexe": "M",
    "frequence_cardiaque": 92,
    "pression_systolique": 128,
    "motif_consultation": "Douleur thoracique de Mme Lefebvre",
}
VISIT = {"values": {"age": 54.0, "sexe": 0.0}, "complaint": "Toux", "answers": {}, "chosen": None}


@pytest.fixture
def admin(each_world: World) -> Actor:
    each_world.services.passwords = PASSWORDS
    return each_world.person(Role.ADMIN)


@pytest.fixture
def prediction(each_world: World, admin: Actor) -> str:
    """Return the id of a prediction of Tri 3B."""
    with each_world.database.write() as session:
        row = Prediction(
            family=ModelFamily.TRIAGE.value,
            visit=VISIT,
            asked_by=admin.account_id,
            alias="champion",
            input_sha256="0" * 64,
            ml_available=False,
            latency_ms=1,
            level="3B",
            created_at=each_world.clock(),
        )
        session.add(row)
        session.flush()
        return global_id("TriagePrediction", row.id or 0)


def row(reference: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "prediction_id": reference,
        "nurse_id": "nurse-7",
        "original_gravity": "JAUNE",
        "feedback_type": "upgrade",
        "corrected_gravity": "ORANGE",
        "reason": "Vue avec M. Durand, sueurs",
        "missed_symptoms": ["sueurs"],
        "patient_features": {},
    }
    return {key: value for key, value in (whole | changes).items() if value is not ...}


def take(world: World, actor: Actor, *rows: Any) -> FeedbackTally:
    lines = [each if isinstance(each, bytes) else orjson.dumps(each) for each in rows]
    return world.services.feedback_imports.work(actor, lines)


def stored(world: World) -> list[Feedback]:
    with world.database.read() as session:
        return list(session.exec(select(Feedback)))


def kept(world: World) -> list[ImportedFeedback]:
    with world.database.read() as session:
        return list(session.exec(select(ImportedFeedback)))


def codes(tally: FeedbackTally) -> list[tuple[int, str, str]]:
    return [(each.line, each.column, each.code) for each in tally.faults]


def test_who_gave_it_and_whom_it_is_about_are_kept_nowhere(
    each_world: World, admin: Actor, prediction: str
) -> None:
    tally = take(each_world, admin, row(prediction), row("elsewhere-1", patient_features=FEATURES))
    assert (tally.stored, tally.kept, tally.fault_count) == (1, 1, 0)
    (mine,), (other,) = stored(each_world), kept(each_world)
    everything = mine.model_dump_json() + other.model_dump_json()
    for name in ("nurse", "Durand", "Lefebvre"):
        assert name not in everything
    assert mine.reader == other.reader
    assert (mine.account_id, mine.original, mine.corrected_level) == (None, "3B", "2")
    assert (mine.missed_symptoms, len(mine.reason)) == (["sueurs"], len("Vue avec M. Durand, sueurs"))
    assert other.visit["values"]["sexe"] == 0.0
    assert other.visit["complaint"].startswith("Douleur thoracique")


def test_the_same_file_twice_and_what_we_wrote_out_change_nothing(
    each_world: World, admin: Actor, prediction: str
) -> None:
    rows = [
        row(prediction),
        row(prediction, feedback_type="correct", corrected_gravity=None),
        row("elsewhere-1", patient_features=FEATURES),
        row("elsewhere-2", patient_features=FEATURES, feedback_type="downgrade", corrected_gravity="VERT"),
    ]
    take(each_world, admin, *rows)
    before = [each.model_dump() for each in (*stored(each_world), *kept(each_world))]
    assert sum(each["current"] for each in before if "current" in each) == 1
    again = take(each_world, admin, *rows)
    assert (again.stored, again.kept, again.unchanged) == (0, 0, 4)
    with each_world.database.read() as session:
        written = [orjson.dumps(each) for each in exported(session)]
    assert take(each_world, admin, *written).unchanged == len(written) == 4
    assert [each.model_dump() for each in (*stored(each_world), *kept(each_world))] == before


def test_a_reader_who_returns_to_an_earlier_opinion_is_heard_and_a_file_of_before_is_not(
    each_world: World, admin: Actor, prediction: str
) -> None:
    first, other = row(prediction), row(prediction, feedback_type="correct", corrected_gravity=None)
    others = row(prediction, nurse_id="nurse-8")

    def in_force() -> list[tuple[int, str]]:
        rows = [each for each in stored(each_world) if each.current]
        return [(each.number, each.type) for each in sorted(rows, key=lambda each: -each.number)]

    def again(*rows: dict[str, Any]) -> tuple[int, int]:
        tally = take(each_world, admin, *rows)
        return tally.stored, tally.unchanged

    assert again(first, first, others, other) == (3, 1)
    assert in_force() == [(2, "correct"), (1, "upgrade")]
    assert again(first, first, others, other, first, first) == (1, 5)
    assert in_force() == [(3, "upgrade"), (1, "upgrade")]
    for known in ((first, first, others, other, first, first), (first, other), (other, first), (first,)):
        assert again(*known) == (0, len(known))
    assert in_force() == [(3, "upgrade"), (1, "upgrade")]
    assert again(first, other, first, other) == (1, 3)
    assert again(first) == (0, 1), "a file of before"
    assert in_force() == [(4, "correct"), (1, "upgrade")]


def test_broken_lines_are_told_by_their_number_and_the_good_ones_kept(
    each_world: World, admin: Actor, prediction: str
) -> None:
    tally = take(
        each_world,
        admin,
        b"{",
        b"[]",
        b"",
        row(prediction),
        row(prediction, nurse_id=...),
        row(prediction, feedback_type="better"),
        row(prediction, original_gravity="VERT"),
        row(prediction, corrected_gravity="VERT"),
        row(prediction, corrected_gravity="BLEU"),
        row("elsewhere"),
        row(global_id("TriagePrediction", 999)),
        row(global_id("BeatPrediction", 1)),
        row("elsewhere", patient_features={**FEATURES, "age": 500}),
        row(prediction, missed_symptoms=[3]),
        row(prediction, nurse_id=8, corrected_gravity=None),
        row(prediction, nurse_id=8),
    )
    assert codes(tally) == [
        (1, "", "unreadable_line"),
        (2, "", "unreadable_line"),
        (5, "nurse_id", "required"),
        (6, "feedback_type", "unknown_choice"),
        (7, "original_gravity", "another_gravity"),
        (8, "corrected_gravity", "upgrade_not_more_urgent"),
        (9, "corrected_gravity", "unknown_choice"),
        (10, "prediction_id", "unknown_prediction"),
        (11, "prediction_id", "unknown_prediction"),
        (12, "prediction_id", "unknown_prediction"),
        (13, "patient_features.age", "out_of_range"),
        (14, "missed_symptoms", "unreadable_line"),
        (15, "corrected_gravity", "required"),
    ]
    assert (tally.lines, tally.stored) == (15, 2)


def test_the_old_gris_is_vert(each_world: World, admin: Actor) -> None:
    down = {"feedback_type": "downgrade", "corrected_gravity": "gris", "patient_features": FEATURES}
    take(each_world, admin, row("elsewhere", **down))
    assert [each.corrected_level for each in kept(each_world)] == ["4"]


def test_what_models_learn_from_is_what_readers_say_it_should_have_been(
    each_world: World, admin: Actor, prediction: str
) -> None:
    told = {"nurse_id": "8", "feedback_type": "disagree", "corrected_gravity": None}
    confirmed = {"nurse_id": "9", "feedback_type": "correct", "corrected_gravity": None}
    take(
        each_world,
        admin,
        row(prediction),
        row(prediction, **told),
        row(prediction, **confirmed),
        row("elsewhere", patient_features=FEATURES),
    )
    with each_world.database.read() as session:
        lines = list(corrections(session, ModelFamily.TRIAGE))
        assert correction_count(session, ModelFamily.TRIAGE) == len(lines) == 3
        assert correction_count(session, ModelFamily.BEATS) == 0
    assert [each["label"] for each in lines] == ["2", "3B", "2"]
    assert lines[0]["values"] == VISIT["values"]
    assert "chosen" not in json.dumps(lines)
