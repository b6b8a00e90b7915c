"""The model of triage as it answers: log-odds of trees, calibrated, to the chance of each KTAS level.

The trees answer four questions of a visit: is it KTAS 1, at most 2, at most 3, at most 4.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ml.triage.encoding import Encoder, Seen, see
from ml.triage.features import COMPLAINT, Visit
from ml.triage.levels import KTAS, Ktas
from ml.triage.trees import Floats, Trees

Bools: TypeAlias = NDArray[np.bool_]
Levels: TypeAlias = NDArray[np.int64]
BOUNDARIES = len(KTAS) - 1
MODEL, PREPROCESSOR, CALIBRATION = "model.json", "preprocessor.json", "calibration.json"


class ModelError(ValueError):
    """Files that are no model of triage; the message says why."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How log-odds become chances, levels and sets.

    Parameters
    ----------
    slopes, intercepts
        Of each boundary's log-odds (Platt).
    costs
        How much worse it is to put a visit below a boundary that belongs above it than the contrary; a
        visit goes above where the chance is at least 1 / (1 + cost).
    least
        The chance a level needs to be in the set that holds the expert's level as often as `coverage` says.
    coverage
        That share of visits.
    believed, right
        How often the likeliest level is the expert's (`right`) where its chance is `believed`.
    """

    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]
    costs: tuple[float, ...]
    least: float
    coverage: float
    believed: tuple[float, ...]
    right: tuple[float, ...]

    def chances(self, margins: Floats) -> Floats:
        """Return the chance of each level, shape (visits, 5), from log-odds, shape (visits, 4)."""
        odds = np.clip(margins * np.array(self.slopes) + np.array(self.intercepts), -30, 30)
        at_most = np.maximum.accumulate(1 / (1 + np.exp(-odds)), axis=1)
        edges = np.ones((len(margins), 1))
        return np.diff(np.hstack([0 * edges, at_most, edges]), axis=1)

    def decide(self, chances: Floats) -> Levels:
        """Return the KTAS level that costs least on average, of each visit."""
        at_most = np.cumsum(chances, axis=1)[:, :BOUNDARIES]
        above = at_most >= 1 / (1 + np.array(self.costs))
        levels: Levels = KTAS[-1] - np.maximum.accumulate(above, axis=1).sum(axis=1)
        return levels

    def confidence(self, chances: Floats) -> Floats:
        """Return how often a visit's likeliest level is the expert's, shape (visits,)."""
        found: Floats = np.interp(chances.max(axis=1), self.believed, self.right)
        return found

    def sets(self, chances: Floats) -> Bools:
        """Say which levels are in each visit's set, shape (visits, 5); the likeliest always is."""
        found: Bools = chances >= np.minimum(self.least, chances.max(axis=1, keepdims=True))
        return found


@dataclass(frozen=True, slots=True)
class Reason:
    """How much a feature moved the log-odds of being more urgent, on average over the boundaries."""

    feature: str
    moved: float


@dataclass(frozen=True, slots=True)
class View:
    """What the model says of one visit.

    Parameters
    ----------
    level
        The KTAS level by the cost of under-triage.
    likeliest, confidence
        The likeliest one, and how often such a one is the expert's.
    chances
        Of each level, the first KTAS 1's.
    levels
        The conformal set.
    reasons
        What moved it, the strongest first; with `base` they add up to the mean log-odds.
    """

    level: Ktas
    likeliest: Ktas
    confidence: float
    chances: tuple[float, ...]
    levels: tuple[Ktas, ...]
    reasons: tuple[Reason, ...]
    base: float


@dataclass(frozen=True, slots=True)
class TriageModel:
    """The trees with their encoder and calibration."""

    trees: Trees
    encoder: Encoder
    calibration: Calibration

    def chances(self, seen: Sequence[Seen]) -> Floats:
        """Return the chance of each KTAS level of each visit, shape (visits, 5)."""
        return self.calibration.chances(self.trees.margins(self.encoder.encode(seen)))

    def view(self, visit: Visit) -> View:
        """Say what the model thinks of one visit, and why."""
        row = self.encoder.encode([see(visit)])
        parts = self.trees.contributions(row[0]).mean(axis=0)
        return self._view(
            self.calibration.chances(self.trees.margins(row))[0], self._reasons(parts), float(parts[-1])
        )

    def views(self, visits: Sequence[Visit]) -> list[View]:
        """Say what the model thinks of many visits, without the reasons."""
        return [self._view(chances, (), 0.0) for chances in self.chances([see(visit) for visit in visits])]

    def _view(self, chances: Floats, reasons: tuple[Reason, ...], base: float) -> View:
        one = chances[np.newaxis]
        return View(
            KTAS[int(self.calibration.decide(one)[0]) - 1],
            KTAS[int(chances.argmax())],
            float(self.calibration.confidence(one)[0]),
            tuple(float(each) for each in chances),
            tuple(level for level, inside in zip(KTAS, self.calibration.sets(one)[0], strict=True) if inside),
            reasons,
            base,
        )

    def _reasons(self, parts: Floats) -> tuple[Reason, ...]:
        """Return the features' shares, those of columns made from one feature added up."""
        moved: dict[str, float] = {}
        for column, part in zip(self.encoder.columns, parts[:-1], strict=True):
            name = COMPLAINT if ":" in column else column
            moved[name] = moved.get(name, 0.0) + float(part)
        ranked = sorted(moved.items(), key=lambda item: -abs(item[1]))
        return tuple(Reason(name, part) for name, part in ranked if part)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "TriageModel":
        """Read a model from its files' contents.

        Raises
        ------
        ModelError
            When one is missing or not what it should be.
        """
        try:
            trees = Trees(files[MODEL])
            encoder = Encoder.from_json(files[PREPROCESSOR])
            document = json.loads(files[CALIBRATION])
            numbers = {
                name: tuple(float(each) for each in document[name])
                for name in ("slopes", "intercepts", "costs", "believed", "right")
            }
            calibration = Calibration(
                **numbers, least=float(document["least"]), coverage=float(document["coverage"])
            )
        except KeyError as error:
            raise ModelError(f"it misses {error}") from error
        except (TypeError, ValueError) as error:
            raise ModelError(str(error)) from error
        if any(
            len(each) != BOUNDARIES
            for each in (calibration.slopes, calibration.intercepts, calibration.costs)
        ):
            raise ModelError(f"its calibration is not of {BOUNDARIES} boundaries")
        if len(calibration.believed) != len(calibration.right) or not calibration.right:
            raise ModelError("its confidence has no steps, or steps without a share")
        if trees.n_outputs != BOUNDARIES or trees.n_features != len(encoder.columns):
            raise ModelError(
                f"its trees take {trees.n_features} columns to {trees.n_outputs} outputs,"
                f" not {len(encoder.columns)} to {BOUNDARIES}"
            )
        return cls(trees, encoder, calibration)
