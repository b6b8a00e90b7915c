"""Authored patients to train triage on, with the level that the scale gives each and why.

`data/patients.json` is written by hand and reviewed; no patient is real. What a student is told is the
vignette, the words of the complaint and what was measured; the answers to the scale's questions, which the
vignette says in prose, are for the rules.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ml.triage.features import Visit, read
from ml.triage.levels import LEVELS, Level, urgency
from ml.triage.rules import Ruling, rule
from ml.triage.scale import french

BEST = 100
OVER_STEP, UNDER_STEP = 20, 40
"""What each level of over-triage and of under-triage costs."""
MISSED = 0
"""What an answer is worth that lets a patient of Tri 1 or 2 wait among those of Tri 3 and beyond."""
_VERY_URGENT = frozenset({"1", "2"})


@dataclass(frozen=True, slots=True)
class Patient:
    """An authored patient.

    Parameters
    ----------
    id
        Says nothing of the level.
    vignette
        The story, in French.
    visit
        What was measured, the words of the complaint and the answers to the scale's questions.
    complaint
        The scale's complaint.
    level, explanation
        The level the scale gives, and why in a sentence or two of French.
    """

    id: str
    vignette: str
    visit: Visit
    complaint: str
    level: Level
    explanation: str

    def ruling(self) -> Ruling:
        """Return what the scale says of the patient."""
        return rule(self.visit, self.complaint, french())


@cache
def patients() -> Mapping[str, Patient]:
    """Return the patients of the file that comes with this package, by id."""
    text = files("ml.triage").joinpath("data/patients.json").read_text(encoding="utf-8")
    return {each.id: each for each in map(_patient, json.loads(text)["patients"])}


def _patient(row: dict[str, Any]) -> Patient:
    scale = french()
    answers = dict.fromkeys(row.get("yes", ()), True) | dict.fromkeys(row.get("no", ()), False)
    reading = read({**row["values"], "motif_consultation": row["motif"]})
    if reading.errors or answers.keys() - scale.questions.keys() or row["level"] not in LEVELS:
        raise ValueError(f"patient {row['id']}: {reading.errors}, {answers.keys() - scale.questions.keys()}")
    visit = Visit(reading.visit.values, reading.visit.complaint, answers)
    return Patient(row["id"], row["vignette"], visit, row["complaint"], row["level"], row["explanation"])


def score(given: Level, expected: Level) -> int:
    """Return what an answer is worth, 0 to 100.

    The right level is worth 100. Each level of over-triage costs 20, each of under-triage 40; letting a
    patient of Tri 1 or 2 wait among those of Tri 3 and beyond is worth nothing.
    """
    steps = urgency(given) - urgency(expected)
    if steps > 0 and expected in _VERY_URGENT and given not in _VERY_URGENT:
        return MISSED
    return max(BEST - (UNDER_STEP if steps > 0 else OVER_STEP) * abs(steps), 0)
