"""A challenger of segmentations beside the champion, on patients neither has learnt from.

The primary measure is the mean over the segments of the mean Dice of the exams, with whole patients drawn
anew; the margin is one point. An exam without a segment counts one where none is found and nothing where one
is, as BraTS counts: else a model would gain by what it does not draw. Recall is that of a segment's voxels,
all exams together: what is drawn beyond it is Dice's to tell.

Calibration is that of voxels: how sure a model is of what it calls each, and how often that is right. It is
told of the voxels that are tumour by the label map or by either model, the same for both; with the tens of
times as many far from any tumour, of which everybody is sure, no error would be above the limit. Chances are
counted in steps of a two thousandth, since an exam has millions.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.judging.calibration import curve, ece
from ml.judging.paired import Measure, gain_of
from ml.judging.verdict import MIN_CLUSTERS, Both, Check, Verdict, checks, unseen
from ml.registry.artefact import Artefact
from ml.segmentation.agreement import overlap
from ml.segmentation.dataset import Exam, data_hash, load
from ml.segmentation.predicting import FAMILY, Segmented, UNetPredictor
from ml.segmentation.reading import Codes
from ml.segmentation.segments import CODES, SEGMENTS

MARGIN = 0.01
STEPS = 2000
TIMED, TIMES = 5, 3
"""Exams that are asked about several times, by each model in turn: the quickest is what it takes, since a
busy machine only ever adds to it."""


def mean_dice(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the segments' mean Dice; of each, a sum over exams and how many they are."""
    return np.asarray((sums[..., 0] / sums[..., 1]).mean(axis=-1))


MEASURE = Measure("mean_dice", mean_dice, MARGIN)


@dataclass(frozen=True, eq=False)
class _Said:
    """What a model said of all exams: Dice by exam, voxels found by segment, chances, and seconds."""

    predictor: UNetPredictor
    dice: list[list[float]] = field(default_factory=list)
    found: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SEGMENTS), np.int64))
    chances: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, STEPS + 1), np.int64))
    seconds: list[float] = field(default_factory=list)

    def ece(self) -> float:
        """Return the calibration error of the voxels that are or were called tumour; 0 without any."""
        if not self.chances.any():
            return 0.0
        sure = np.tile(np.linspace(0, 1, STEPS + 1), 2)
        right = np.repeat([False, True], STEPS + 1)
        return ece(curve(sure, right, self.chances.ravel()))

    def milliseconds(self) -> float:
        """Return how long an exam takes, the middle one."""
        return 1000 * float(np.median(self.seconds))


def compare(champion: Artefact, challenger: Artefact, data: Path, *, assume: bool = False) -> Verdict:
    """Judge both on a folder of patients, as far as neither has learnt from any image of theirs."""
    models = [_Said(UNetPredictor(each)) for each in (champion, challenger)]
    images = list(dict.fromkeys(name for each in models for name in each.predictor.images))
    exams = load(data, images)
    prints = [each.fingerprints() for each in exams]
    flat = [each for those in prints for each in those]
    there = unseen(champion, challenger, flat, data_hash(exams), assume=assume)
    free = {flat[at] for at in there.places}
    known = {exam.patient for exam, those in zip(exams, prints, strict=True) if not free.issuperset(those)}
    held_out = [each for each in exams if each.patient not in known]
    patients = sorted({each.patient for each in held_out})
    incomparable = there.incomparable
    if incomparable is None and len(patients) < MIN_CLUSTERS:
        incomparable = "too_few" if patients else "all_learnt"
    held: tuple[Check, ...] = ()
    if incomparable is None:
        held = _judged(held_out, images, models)
    return Verdict(
        FAMILY,
        champion.digest,
        challenger.digest,
        incomparable,
        len(held_out),
        len(patients),
        len(exams) - len(held_out),
        there.assumed,
        held,
    )


def _judged(exams: Sequence[Exam], images: Sequence[str], models: Sequence[_Said]) -> tuple[Check, ...]:
    """Have both segment every exam, in turn, and hold one against the other."""
    support = np.zeros(len(SEGMENTS), np.int64)
    for each in models:
        each.predictor.warm_up()
    for at, exam in enumerate(exams):
        volumes, truth = exam.volumes()
        named = dict(zip(images, volumes, strict=True))
        told: list[Segmented] = []
        seconds = np.full(len(models), np.inf)
        for _ in range(TIMES if at < TIMED else 1):
            told = []
            for place, model in enumerate(models):
                shown = [named[name] for name in model.predictor.images]
                began = time.perf_counter()
                told.append(model.predictor.segment(shown))
                seconds[place] = min(seconds[place], time.perf_counter() - began)
        if at < TIMED:
            for model, quickest in zip(models, seconds.tolist(), strict=True):
                model.seconds.append(quickest)
        support += _voxels(truth, truth)
        tumour = truth > 0
        for said in told:
            tumour |= said.codes > 0
        for model, said in zip(models, told, strict=True):
            _count(model, said, truth, tumour)
    patients = [each.patient for each in exams]
    champion, challenger = models
    won = gain_of(MEASURE, *(_by_patient(patients, each.dice) for each in models))
    found = [
        Both(was / max(number, 1), now / max(number, 1), number, segment.value)
        for segment, was, now, number in zip(
            SEGMENTS, champion.found.tolist(), challenger.found.tolist(), support.tolist(), strict=True
        )
    ]
    calibration = Both(champion.ece(), challenger.ece(), int(champion.chances.sum()))
    times = Both(champion.milliseconds(), challenger.milliseconds(), len(champion.seconds))
    return checks(MEASURE, won, len(exams), found, calibration, times)


def _count(model: _Said, told: Segmented, truth: Codes, tumour: NDArray[np.bool_]) -> None:
    """Add what a model said of one exam to what it said of the others."""
    dice = [overlap(told.codes == CODES[each], truth == CODES[each]) for each in SEGMENTS]
    model.dice.append([1.0 if each is None else each for each in dice])
    model.found[:] += _voxels(truth, told.codes)
    steps = np.rint(told.probabilities.max(axis=-1)[tumour] * STEPS).astype(np.int64)
    right = (told.codes == truth)[tumour].astype(np.int64)
    counted = np.bincount(right * (STEPS + 1) + steps, minlength=2 * (STEPS + 1))
    model.chances[:] += counted.reshape(2, STEPS + 1)


def _voxels(truth: Codes, said: Codes) -> NDArray[np.int64]:
    """Return of how many voxels of each segment that is said."""
    return np.array(
        [np.count_nonzero((truth == CODES[each]) & (said == CODES[each])) for each in SEGMENTS], np.int64
    )


def _by_patient(patients: Sequence[str], dice: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return each patient's sum of Dice by segment, and of how many exams."""
    names, whose = np.unique(patients, return_inverse=True)
    sums = np.zeros((len(names), len(SEGMENTS), 2))
    np.add.at(sums, whose, np.stack([np.array(dice), np.ones((len(dice), len(SEGMENTS)))], axis=-1))
    return sums
