"""How good the model of triage is, on visits it did not learn from: figures, and the aims they miss."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from ml.judging.calibration import ece_interval
from ml.triage.complaints import match
from ml.triage.dataset import Dataset
from ml.triage.encoding import see
from ml.triage.learning import NOTHING_ELSE, Options, Taught, folds, learn
from ml.triage.levels import KTAS, ktas
from ml.triage.metrics import (
    accuracy,
    calibration_error,
    confusion,
    coverage,
    debiased_calibration_error,
    emergencies_missed,
    macro,
    over_triage,
    under_triage,
    very_urgent_recall,
    weighted_kappa,
)
from ml.triage.model import Bools, Levels, TriageModel
from ml.triage.policy import combine
from ml.triage.rules import rule
from ml.triage.scale import french
from ml.triage.trees import Floats

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Aims:
    """What the model is to reach."""

    emergencies_missed: float = 0.05
    over_triage: float = 0.30
    weighted_kappa: float = 0.68
    calibration_error: float = 0.03


@dataclass(frozen=True, slots=True)
class Agreement:
    """How levels given agree with the experts'."""

    accuracy: float
    weighted_kappa: float
    under_triage: float
    over_triage: float
    emergencies_missed: float
    very_urgent_recall: float
    f1_macro: float
    precision_macro: float
    recall_macro: float

    @classmethod
    def of(cls, expert: Levels, said: Levels) -> "Agreement":
        """Measure it."""
        precision, recall, f1 = macro(expert, said)
        return cls(
            accuracy(expert, said),
            weighted_kappa(expert, said),
            under_triage(expert, said),
            over_triage(expert, said),
            emergencies_missed(expert, said),
            very_urgent_recall(expert, said),
            f1,
            precision,
            recall,
        )

    def text(self, name: str) -> str:
        """Return one line of a report."""
        return (
            f"{name:24} {self.accuracy:8.3f} {self.weighted_kappa:6.3f} {self.under_triage:6.1%}"
            f" {self.over_triage:6.1%} {self.emergencies_missed:7.1%} {self.very_urgent_recall:9.1%}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The figures.

    Parameters
    ----------
    decision, likeliest
        Of the level by the cost of under-triage and of the likeliest one.
    rules, combined
        Of the scale alone, where it says a level, and of both by the policy.
    calibration_error, calibration_interval, debiased
        The last without what chance alone makes of the first.
    fold_accuracy
        Of the likeliest level in each fold; empty where nothing was cross-validated.
    """

    visits: int
    faults: Mapping[str, int]
    decision: Agreement
    likeliest: Agreement
    rules: Agreement
    combined: Agreement
    calibration_error: float
    calibration_interval: tuple[float, float]
    debiased: float
    coverage: float
    set_size: float
    latency_per_sample_ms: float
    confusion: tuple[tuple[int, ...], ...]
    fold_accuracy: tuple[float, ...] = ()
    aims: Aims = field(default_factory=Aims)

    def missed(self) -> list[str]:
        """Return the aims that are missed, each in a sentence."""
        aims = self.aims
        missed, over = self.decision.emergencies_missed, self.decision.over_triage
        kappa = self.likeliest.weighted_kappa
        faults = []
        if not missed < aims.emergencies_missed:
            faults.append(f"emergencies missed: {missed:.1%}, aim < {aims.emergencies_missed:.0%}")
        if not over <= aims.over_triage:
            faults.append(f"over-triage: {over:.1%}, aim <= {aims.over_triage:.0%}")
        if not kappa >= aims.weighted_kappa:
            faults.append(f"QWK: {kappa:.3f}, aim >= {aims.weighted_kappa}")
        error = self.calibration_error if self.fold_accuracy else self.calibration_interval[0]
        if not error <= aims.calibration_error:
            faults.append(f"ECE: {error:.3f}, aim <= {aims.calibration_error}")
        return faults

    def text(self) -> str:
        """Return the figures for a reader."""
        aims = self.aims
        low, high = self.calibration_interval
        cleaned = ", ".join(f"{name} ({times})" for name, times in self.faults.items())
        lines = [
            f"{self.visits} visits; cleaned: {cleaned or 'nothing'}",
            f"{'':24} accuracy    QWK  under   over  missed  KTAS 1-2",
            self.decision.text("model, its decision"),
            self.likeliest.text("model, likeliest level"),
            self.rules.text("FRENCH rules alone"),
            self.combined.text("both, by the policy"),
            f"aims: decision missed < {aims.emergencies_missed:.0%} at over-triage <= {aims.over_triage:.0%}",
            f"aims: likeliest QWK >= {aims.weighted_kappa}, ECE <= {aims.calibration_error}",
            f"ECE {self.calibration_error:.3f} ({low:.3f}-{high:.3f}); debiased {self.debiased:.3f}",
            f"coverage {self.coverage:.3f} with {self.set_size:.2f} levels a set",
            f"F1 macro {self.likeliest.f1_macro:.3f}; {self.latency_per_sample_ms:.2f} ms a visit",
            "experts (rows) x decision: " + " / ".join(" ".join(map(str, row)) for row in self.confusion),
        ]
        if self.fold_accuracy:
            mean, spread = np.mean(self.fold_accuracy), np.std(self.fold_accuracy)
            lines.append(f"accuracy by fold {mean:.3f} +- {spread:.3f}")
        return "\n".join(lines)

    def metrics(self) -> dict[str, float]:
        """Return the figures by which models are compared, under the names they are logged by.

        Accuracy, F1, precision, recall and kappa are the likeliest level's; who is put too low or too high is
        told of the decision.
        """
        likeliest, decision = self.likeliest, self.decision
        named = {
            "accuracy": likeliest.accuracy,
            "f1_macro": likeliest.f1_macro,
            "precision_macro": likeliest.precision_macro,
            "recall_macro": likeliest.recall_macro,
            "weighted_kappa": likeliest.weighted_kappa,
            "emergencies_missed": decision.emergencies_missed,
            "under_triage": decision.under_triage,
            "over_triage": decision.over_triage,
            "very_urgent_recall": decision.very_urgent_recall,
            "calibration_error": self.calibration_error,
            "coverage": self.coverage,
            "set_size": self.set_size,
            "latency_per_sample_ms": self.latency_per_sample_ms,
        }
        if self.fold_accuracy:
            named["cv_accuracy_mean"] = float(np.mean(self.fold_accuracy))
        return named

    def figures(self) -> dict[str, object]:
        """Return the figures as JSON takes them."""
        return asdict(self) | self.metrics()


@dataclass(frozen=True, slots=True)
class _Found:
    """What was said of each visit."""

    chances: Floats
    said: Levels
    sets: Bools
    confidence: Floats


def cross_validate(
    data: Dataset,
    options: Options,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
    besides: Taught = NOTHING_ELSE,
) -> Report:
    """Measure in folds: each visit by a model that learnt, and was calibrated, without it.

    Parameters
    ----------
    besides
        What every fold's model also learns from, none of it a visit of `data`; nothing is measured on it.
    """
    start = time.perf_counter()
    seen = [see(visit) for visit in data.visits]
    took = time.perf_counter() - start
    expert = np.array(data.levels)
    chances = np.empty((len(seen), len(KTAS)))
    said = np.empty(len(seen), np.int64)
    sets = np.empty(chances.shape, np.bool_)
    confidence = np.empty(len(seen))
    by_fold = []
    for number, (rest, held) in enumerate(folds(data.levels, FOLDS, options.seed)):
        tell(number, FOLDS)
        model = learn([seen[i] for i in rest], [data.levels[i] for i in rest], options, besides).model
        start = time.perf_counter()
        chances[held] = model.chances([seen[i] for i in held])
        took += time.perf_counter() - start
        said[held] = model.calibration.decide(chances[held])
        sets[held] = model.calibration.sets(chances[held])
        confidence[held] = model.calibration.confidence(chances[held])
        by_fold.append(accuracy(expert[held], chances[held].argmax(axis=1) + 1))
    tell(FOLDS, FOLDS)
    return _report(data, _Found(chances, said, sets, confidence), 1000 * took / len(seen), by_fold)


def score(data: Dataset, model: TriageModel) -> Report:
    """Measure a trained model on visits it never saw."""
    start = time.perf_counter()
    seen = [see(visit) for visit in data.visits]
    chances = model.chances(seen)
    took = time.perf_counter() - start
    calibration = model.calibration
    found = _Found(
        chances, calibration.decide(chances), calibration.sets(chances), calibration.confidence(chances)
    )
    return _report(data, found, 1000 * took / len(seen), ())


def _report(data: Dataset, found: _Found, latency: float, by_fold: Sequence[float]) -> Report:
    chances, said, sets = found.chances, found.said, found.sets
    expert = np.array(data.levels)
    likeliest = chances.argmax(axis=1) + 1
    rules = [rule(visit, match(visit.complaint).complaint, french()).level for visit in data.visits]
    combined = [
        ktas(combine(level, KTAS[model - 1], third_is_3a=False).level)
        for level, model in zip(rules, said, strict=True)
    ]
    spoke = np.array([level is not None for level in rules])
    right, confidence = likeliest == expert, found.confidence
    return Report(
        len(expert),
        data.faults,
        Agreement.of(expert, said),
        Agreement.of(expert, likeliest),
        Agreement.of(
            expert[spoke], np.array([ktas(level) for level in rules if level is not None], np.int64)
        ),
        Agreement.of(expert, np.array(combined, np.int64)),
        calibration_error(right, confidence),
        ece_interval(confidence, right, np.arange(len(expert))),
        debiased_calibration_error(right, confidence),
        coverage(expert, sets),
        float(sets.sum(axis=1).mean()),
        latency,
        tuple(tuple(int(each) for each in row) for row in confusion(expert, said)),
        tuple(by_fold),
    )
