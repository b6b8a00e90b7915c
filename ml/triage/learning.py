"""Training: boosted trees over the encoded visits, calibrated on visits they did not see.

XGBoost is imported only here, inside functions: answering needs the trees' JSON alone (`trees.py`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from ml.triage.encoding import NEVER_LESS_URGENT, Encoder, Seen, fit_encoder
from ml.triage.features import FEATURES, INSUFFICIENT_FROM
from ml.triage.levels import KTAS, Ktas
from ml.triage.metrics import BINS
from ml.triage.model import BOUNDARIES, CALIBRATION, MODEL, PREPROCESSOR, Calibration, Levels, TriageModel
from ml.triage.trees import Floats, Trees

FEATURE_CONFIG = "feature_config.json"
Places: TypeAlias = NDArray[np.intp]
_INNER = 5


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    Parameters
    ----------
    n_estimators, max_depth, learning_rate
        Of the trees.
    costs
        Of under-triage at each boundary, against 1 of over-triage: `Calibration.costs`.
    coverage
        Of the conformal sets.
    """

    n_estimators: int = 120
    max_depth: int = 3
    learning_rate: float = 0.05
    costs: tuple[float, float, float, float] = (1.0, 2.0, 5.0, 1.0)
    coverage: float = 0.9
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained model with the files it is made of."""

    model: TriageModel
    files: Mapping[str, bytes]

    def write(self, folder: Path) -> None:
        """Write the files into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def learn(seen: Sequence[Seen], levels: Sequence[Ktas], options: Options) -> Learnt:
    """Train on visits with the experts' levels.

    Calibration and sets come from the answers of inner folds, so that no visit speaks for itself.
    """
    margins = np.empty((len(seen), BOUNDARIES))
    for rest, held in folds(levels, _INNER, options.seed):
        encoder, raw = _fit([seen[i] for i in rest], [levels[i] for i in rest], options)
        margins[held] = Trees(raw).margins(encoder.encode([seen[i] for i in held]))
    calibration = _calibrate(margins, np.array(levels), options)
    encoder, raw = _fit(seen, levels, options)
    files = {
        MODEL: raw,
        PREPROCESSOR: encoder.to_json().encode(),
        CALIBRATION: (json.dumps(asdict(calibration), indent=1) + "\n").encode(),
        FEATURE_CONFIG: feature_config().encode(),
    }
    return Learnt(TriageModel.from_files(files), files)


def folds(levels: Sequence[Ktas], n: int, seed: int) -> Iterator[tuple[Places, Places]]:
    """Yield the places of the rest and of the held-out visits, each level spread evenly over the folds."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(levels))
    by_level = shuffled[np.argsort(np.array(levels)[shuffled], kind="stable")]
    fold = np.empty(len(levels), np.intp)
    fold[by_level] = np.arange(len(levels)) % n
    for number in range(n):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def feature_config() -> str:
    """Return the canonical table as JSON."""
    document = {
        "insufficient_from": INSUFFICIENT_FROM,
        "features": [asdict(each) for each in FEATURES],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _fit(seen: Sequence[Seen], levels: Sequence[Ktas], options: Options) -> tuple[Encoder, bytes]:
    """Return an encoder and the trees' JSON.

    The experts' mean of a complaint is taken from other visits than the one it is shown with: with its own
    level in it the trees would trust it too much.
    """
    import xgboost  # noqa: PLC0415 - 2.8 s, and only training needs it

    encoder = fit_encoder(seen, levels)
    rows = encoder.encode(seen)
    experts = encoder.columns.index("scale:experts")
    for rest, held in folds(levels, _INNER, options.seed + 1):
        others = fit_encoder([seen[i] for i in rest], [levels[i] for i in rest])
        rows[held, experts] = others.encode([seen[i] for i in held])[:, experts]
    known = np.array(levels)
    at_most = np.stack([known <= level for level in KTAS[:BOUNDARIES]], axis=1).astype(np.float64)
    settings = {
        "objective": "binary:logistic",
        "max_depth": options.max_depth,
        "eta": options.learning_rate,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "min_child_weight": 2,
        "monotone_constraints": tuple(NEVER_LESS_URGENT.get(each, 0) for each in encoder.columns),
        "nthread": 1,
        "seed": options.seed,
    }
    booster = xgboost.train(settings, xgboost.DMatrix(rows, at_most), options.n_estimators)
    return encoder, bytes(booster.save_raw("json"))


def _calibrate(margins: Floats, levels: Levels, options: Options) -> Calibration:
    fitted = [_platt(margins[:, each], levels <= KTAS[each]) for each in range(BOUNDARIES)]
    calibration = Calibration(
        tuple(slope for slope, _ in fitted),
        tuple(intercept for _, intercept in fitted),
        options.costs,
        least=0.0,
        coverage=options.coverage,
        believed=(0.0, 1.0),
        right=(0.0, 1.0),
    )
    chances = calibration.chances(margins)
    given = np.sort(chances[np.arange(len(levels)), levels - 1])
    least = float(given[max(0, int(np.floor((1 - options.coverage) * (len(given) + 1))) - 1)])
    believed, right = _confidence(chances, levels)
    return replace(calibration, least=least, believed=believed, right=right)


def _confidence(chances: Floats, levels: Levels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean chance of the likeliest level in bins of equal mass, and how often it is right."""
    confidence = chances.max(axis=1)
    is_right = chances.argmax(axis=1) + 1 == levels
    bins = [each for each in np.array_split(np.argsort(confidence, kind="stable"), BINS) if len(each)]
    shares = isotonic_regression([float(is_right[each].mean()) for each in bins]).x
    return tuple(float(confidence[each].mean()) for each in bins), tuple(float(each) for each in shares)


def _platt(margins: Floats, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the slope and intercept of logistic regression on log-odds, drawn a little towards 1 and 0."""
    rows = np.stack([margins, np.ones_like(margins)], axis=1)
    found = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        slope = rows.T @ (chance - positive) + (found - [1.0, 0.0])
        curve = (rows * (chance * (1 - chance))[:, np.newaxis]).T @ rows + np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found - step
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), float(found[1])
