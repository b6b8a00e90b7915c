"""A challenger of triage beside the champion, on visits neither has learnt from.

The primary measure is what the levels they decide for cost on average: one for each step too urgent, and for
each boundary that a visit falls below but belongs above what the model weighs it with itself (five for a
missed emergency, two for a missed KTAS 1-2). QWK would take a patient put too low for one put too high, and
so call a challenger equal that buys fewer false alarms with missed emergencies. The margin is one step of
over-triage in twenty visits, or one missed emergency in a hundred.
"""

import time
from pathlib import Path

import numpy as np

from ml.judging.paired import Measure, mean_cost
from ml.judging.verdict import Answered, Check, Verdict, enough, judge, unseen
from ml.registry.artefact import Artefact
from ml.triage.dataset import Dataset, load
from ml.triage.encoding import see
from ml.triage.learning import Options
from ml.triage.levels import CLASSES, KTAS
from ml.triage.model import TriageModel
from ml.triage.packaging import FAMILY
from ml.triage.predicting import model_of
from ml.triage.trees import Floats

MARGIN = 0.05
TIMED = 200
"""Visits that each model answers by itself, in turn, for the time it takes."""


def costs() -> Floats:
    """Return what each answer costs; rows are the experts' levels."""
    boundaries = np.array(Options().costs)
    return np.array(
        [
            [boundaries[true:said].sum() if said > true else true - said for said in range(len(KTAS))]
            for true in range(len(KTAS))
        ],
        np.float64,
    )


MEASURE = Measure("clinical_cost", mean_cost(costs()), MARGIN, falls=True)


def compare(champion: Artefact, challenger: Artefact, data: Path, *, assume: bool = False) -> Verdict:
    """Judge both on a file in the form of `ktas.csv`, as far as neither has learnt from it."""
    everything = load(data)
    there = unseen(champion, challenger, everything.fingerprints, everything.data_hash, assume=assume)
    held_out = Dataset(
        tuple(everything.visits[at] for at in there.places),
        tuple(everything.levels[at] for at in there.places),
        {},
    )
    truth = np.array(held_out.levels, np.int64) - 1
    clusters = np.arange(len(truth))
    incomparable = there.incomparable or (None if enough(truth, clusters) else "too_few")
    checks: tuple[Check, ...] = ()
    if incomparable is None:
        answered = _answered(held_out, [model_of(champion), model_of(challenger)])
        checks = judge(MEASURE, CLASSES, truth, clusters, *answered)
    return Verdict(
        FAMILY,
        champion.digest,
        challenger.digest,
        incomparable,
        len(truth),
        len(truth),
        there.left_out,
        there.assumed,
        checks,
    )


def _answered(data: Dataset, models: list[TriageModel]) -> list[Answered]:
    """Have both answer; the time is that of single visits, asked of one after the other."""
    seen, taken = [see(visit) for visit in data.visits], np.zeros((min(TIMED, len(data.visits)), len(models)))
    for at, visit in enumerate(data.visits[:TIMED]):
        see(visit)  # what is read from a text is remembered, and the first to ask would pay for both
        for number, model in enumerate(models):
            began = time.perf_counter()
            model.view(visit)
            taken[at, number] = time.perf_counter() - began
    answered = []
    for number, model in enumerate(models):
        chances, calibration = model.chances(seen), model.calibration
        answered.append(
            Answered(
                calibration.decide(chances) - 1,
                chances.argmax(axis=1),
                calibration.confidence(chances),
                float(np.median(taken[:, number])) * len(seen),
            )
        )
    return answered
