"""Judges beat classifiers by several protocols, side by side; figures in percent, for JSON and as Markdown.

`oh2018`, `patients`, `interpatient` and `development` judge an architecture: its own models, each on segments
it has not seen. `external` judges one model, as it is served, on annotated records it has not learnt from.
Beside them, `champion` says how honest the confidence of the shipped model is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ml.beats.calibration import CalibrationReport, Interval
from ml.beats.calibration import report as calibration_report
from ml.beats.metrics import MEASURES, Figures, figures
from ml.beats.training import Answers
from ml.versions import code_version

BY_PATIENT = ("patients", "champion")
"""The protocols whose folds have whole patients, so that calibration can be judged."""


@dataclass(frozen=True)
class Aim:
    """A figure that is to be reached.

    Parameters
    ----------
    name : str
        Of the figure.
    value : float
        What it is.
    low, high : float
        Where it is to be.
    """

    name: str
    value: float
    low: float = float("-inf")
    high: float = float("inf")

    @property
    def reached(self) -> bool:
        """Whether it is there."""
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        bounds = [f"at least {self.low:g}"] if self.low > float("-inf") else []
        bounds += [f"at most {self.high:g}"] if self.high < float("inf") else []
        return f"{self.name} is {self.value:.3f}; the aim is {' and '.join(bounds)}"


@dataclass(frozen=True)
class RecordAverage:
    """How well one class is told where every record counts alike, in percent; 0 where no record counts.

    Parameters
    ----------
    sensitivity, ppv : float
        Means over the records.
    having, calling : int
        How many have beats of the class, and how many have beats called so: the records of each mean.
    """

    sensitivity: float
    having: int
    ppv: float
    calling: int

    def __str__(self) -> str:
        return f"{self.sensitivity:.1f} of {self.having} | {self.ppv:.1f} of {self.calling}"


@dataclass(frozen=True)
class Evaluation:
    """What was measured by one protocol.

    Parameters
    ----------
    protocol : str
        Its name.
    parameters : mapping
        What was judged, and how it was trained.
    data_hash, code_version : str
        Of the data, and of the code that judges.
    pooled : Figures
        Of all answers together.
    parts : mapping of str to Figures
        Of each fold, or of each record.
    calibration : CalibrationReport, optional
        Where folds have whole patients.
    histories : sequence
        Of each fold, the figures of each epoch.
    latency_per_sample_ms : float
        For one segment among many, as it was judged.
    fold_avg : bool
        Whether the aims are held against the mean of the folds, not all answers together.
    databases : mapping of str to Figures
        Of each database, where there are several.
    records : mapping of str to Figures
        Of each record.
    """

    protocol: str
    parameters: Mapping[str, Any]
    data_hash: str
    code_version: str
    pooled: Figures
    parts: Mapping[str, Figures]
    calibration: CalibrationReport | None = None
    histories: Sequence[Sequence[Mapping[str, float]]] = field(default_factory=list)
    latency_per_sample_ms: float = 0.0
    fold_avg: bool = False
    databases: Mapping[str, Figures] = field(default_factory=dict)
    records: Mapping[str, Figures] = field(default_factory=dict)

    def headline(self, figure: str) -> float:
        """Return a figure (macro, but for accuracy) of all answers together or as the mean of the folds."""
        return self.spread(figure)[0] if self.fold_avg else _of(self.pooled, figure)

    def aims(self) -> list[Aim]:
        """Return the protocol's aims."""
        by_class = self.pooled.by_class
        aims: list[Aim] = []
        if self.protocol == "oh2018":
            aims += [
                Aim("accuracy", self.headline("accuracy"), 98.5),
                Aim("macro sensitivity", self.headline("sensitivity"), 97),
            ]
        if self.protocol == "patients":
            aims += [Aim("accuracy", self.headline("accuracy"), 92)]
        if self.protocol == "interpatient":
            aims += [Aim("V F1", by_class["V"].f1, 95), Aim("S F1", by_class["S"].f1, 77)]
        if self.protocol == "external":
            aims += [Aim("V F1", by_class["V"].f1, 85), Aim("S F1", by_class["S"].f1, 55)]
        if self.calibration:
            aims += [
                Aim("calibration error", self.calibration.ece.value, high=0.03),
                Aim("coverage", self.calibration.coverage.value, 0.88, 0.92),
            ]
        return aims

    def faults(self) -> list[str]:
        """Return which aims are missed, one line each."""
        return [str(aim) for aim in self.aims() if not aim.reached]

    def spread(self, figure: str) -> tuple[float, float]:
        """Return mean and standard deviation of a figure over the parts."""
        each = [part.accuracy if figure == "accuracy" else part.macro(figure) for part in self.parts.values()]
        return float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else 0.0

    def averages(self) -> dict[str, RecordAverage]:
        """Return sensitivity and predictive value of each class with every record counting alike.

        The average statistics of ANSI/AAMI EC57, beside which all beats together are the gross ones: where
        one record has most of a class, only these say what happens in the others.
        """
        each = [record.by_class for record in self.records.values()]
        return {
            name: RecordAverage(
                *_mean(one[name].sensitivity for one in each if one[name].support),
                *_mean(one[name].ppv for one in each if one[name].called),
            )
            for name in self.pooled.classes
        }

    def metrics(self) -> dict[str, float]:
        """Return the figures by which runs are compared, under the names they are logged by."""
        pooled = self.pooled
        named = {
            "accuracy": self.headline("accuracy"),
            "macro_f1": self.headline("f1"),
            "precision": self.headline("ppv"),
            "recall": self.headline("sensitivity"),
            "kappa": pooled.kappa,
            "latency_per_sample_ms": self.latency_per_sample_ms,
        }
        for name, each in pooled.by_class.items():
            named |= {f"{name}_{measure}": getattr(each, measure) for measure in MEASURES}
        if "Q" in pooled.classes:
            named["jk"] = pooled.jk
        if self.calibration:
            named |= {"ece": self.calibration.ece.value, "coverage": self.calibration.coverage.value}
        return named

    def figures(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {
            "protocol": self.protocol,
            "parameters": dict(self.parameters),
            "data_hash": self.data_hash,
            "code_version": self.code_version,
            "latency_per_sample_ms": self.latency_per_sample_ms,
            "pooled": self.pooled.figures(),
            "parts": {name: part.figures() for name, part in self.parts.items()},
            "databases": {name: each.figures() for name, each in self.databases.items()},
            "averages": {name: asdict(each) for name, each in self.averages().items()},
            "calibration": self.calibration.figures() if self.calibration else None,
            "aims": [asdict(aim) | {"reached": aim.reached} for aim in self.aims()],
        }

    def markdown(self) -> str:
        """Return the figures as a person reads them."""
        pooled = self.pooled
        lines = [
            f"### {self.protocol}, {self.parameters['architecture']}",
            "",
            "| class | beats | Se % | Sp % | PPV % | F1 % | Se %, records alike | PPV %, records alike |",
            "|---|---|---|---|---|---|---|---|",
        ]
        averages = self.averages()
        lines += [
            f"| {name} | {each.support:,} | {each.sensitivity:.2f} | {each.specificity:.2f} | {each.ppv:.2f}"
            f" | {each.f1:.2f} | {averages[name]} |"
            for name, each in pooled.by_class.items()
        ]
        lines += [
            (
                f"| macro | {pooled.counts.sum():,} | {pooled.macro('sensitivity'):.2f}"
                f" | {pooled.macro('specificity'):.2f} | {pooled.macro('ppv'):.2f}"
                f" | {pooled.macro('f1'):.2f} | | |"
            ),
            "",
            f"Accuracy {pooled.accuracy:.2f} %, Cohen's κ {pooled.kappa:.4f}"
            + (f", jκ {pooled.jk:.4f}" if "Q" in pooled.classes else "")
            + ".",
        ]
        if len(self.parts) > 1:
            part = "records" if self.protocol == "external" else "folds"
            each = ", ".join(
                "{} {:.2f} ± {:.2f}".format(name, *self.spread(figure))
                for name, figure in (
                    ("accuracy", "accuracy"),
                    ("sensitivity", "sensitivity"),
                    ("PPV", "ppv"),
                    ("F1", "f1"),
                )
            )
            lines.append(f"Mean ± SD over {len(self.parts)} {part} (%, macro): {each}.")
        if self.databases:
            lines += ["", *_database_lines(self.databases)]
        if self.calibration:
            lines += ["", *_calibration_lines(self.calibration)]
        lines += ["", *(f"- {'reached' if aim.reached else '**missed**'}: {aim}" for aim in self.aims())]
        return "\n".join(lines) + "\n"


def evaluate(answers: Answers, *, fold_avg: bool = False) -> Evaluation:
    """Judge a finished run."""
    segments, protocol = answers.segments, str(answers.parameters["protocol"])
    labels = segments.labels[answers.places]
    called = answers.probabilities.argmax(axis=1)
    by_fold = {
        f"fold {fold}": figures(
            labels[answers.folds == fold], called[answers.folds == fold], segments.classes
        )
        for fold in np.unique(answers.folds)
    }
    calibration = None
    if protocol in BY_PATIENT:
        calibration = calibration_report(
            answers.probabilities,
            labels,
            answers.folds,
            segments.patients()[answers.places],
            segments.classes,
        )
    databases, records = segments.databases()[answers.places], segments.records[answers.places]
    names, learnt = np.unique(databases).tolist(), np.unique(segments.databases()).tolist()
    return Evaluation(
        protocol,
        {**answers.parameters, **({"learnt_from": ", ".join(learnt)} if len(learnt) > 1 else {})},
        segments.data_hash,
        code_version(),
        figures(labels, called, segments.classes),
        by_fold,
        calibration,
        answers.histories,
        1000 * answers.seconds / len(labels),
        fold_avg,
        {
            name: figures(labels[databases == name], called[databases == name], segments.classes)
            for name in (names if len(names) > 1 else ())
        },
        {
            name: figures(labels[records == name], called[records == name], segments.classes)
            for name in np.unique(records).tolist()
        },
    )


def _mean(values: Iterable[float]) -> tuple[float, int]:
    """Return the mean and how many there are."""
    each = list(values)
    return (float(np.mean(each)) if each else 0.0), len(each)


def _of(figures: Figures, name: str) -> float:
    return figures.accuracy if name == "accuracy" else figures.macro(name)


def _database_lines(databases: Mapping[str, Figures]) -> list[str]:
    """Return a table: sensitivity and predictive value of the classes that each database has."""
    classes = next(iter(databases.values())).classes
    rows = [
        [f"{each.sensitivity:.1f}/{each.ppv:.1f}" if each.support else "" for each in one.by_class.values()]
        for one in databases.values()
    ]
    return [
        f"| Se/PPV %, by database | beats | {' | '.join(classes)} |",
        "|---" * (len(classes) + 2) + "|",
        *(
            f"| {name} | {one.counts.sum():,} | {' | '.join(row)} |"
            for (name, one), row in zip(databases.items(), rows, strict=True)
        ),
    ]


def _calibration_lines(calibration: CalibrationReport) -> list[str]:
    def shown(interval: Interval) -> str:
        return f"{interval.value:.3f} ({interval.low:.3f}–{interval.high:.3f})"

    fitted = calibration.fitted
    return [
        (
            f"On patients that nothing was fitted on (95 % intervals by patient): calibration error"
            f" {shown(calibration.ece)}, before it was calibrated {shown(calibration.ece_uncalibrated)};"
            f" the conformal set has the truth in {shown(calibration.coverage)}."
        ),
        "By class: "
        + ", ".join(f"{name} {shown(each)}" for name, each in calibration.class_coverage.items())
        + ".",
        "Classes in a set: "
        + ", ".join(
            f"{size} in {100 * share:.1f} %" for size, share in calibration.set_sizes.items() if share
        )
        + f". Temperature {fitted.temperature:.3f}, threshold {fitted.threshold:.4f}.",
    ]
