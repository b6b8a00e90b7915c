"""Training: boosted trees over the encoded visits, calibrated on visits they did not see.

XGBoost is imported inside functions: answering needs the trees' JSON alone (`trees.py`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from ml.registry.manifest import Json
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
    n_estimators, max_depth, learning_rate, min_child_weight
        Of the trees.
    costs
        Of under-triage at each boundary, against 1 of over-triage: `Calibration.costs`.
    coverage
        Of the conformal sets.
    trials
        How many candidates for the trees' settings are tried on inner folds before learning; 0 for none.
    """

    n_estimators: int = 120
    max_depth: int = 3
    learning_rate: float = 0.05
    min_child_weight: float = 2.0
    costs: tuple[float, float, float, float] = (1.0, 2.0, 5.0, 1.0)
    coverage: float = 0.9
    seed: int = 0
    trials: int = 0

    def to_json(self) -> dict[str, Json]:
        """Return them as a manifest's `settings`."""
        return {**asdict(self), "costs": list(self.costs)}


@dataclass(frozen=True, slots=True)
class Taught:
    """Visits with the level that somebody says they have, and how much each counts."""

    seen: tuple[Seen, ...] = ()
    levels: tuple[Ktas, ...] = ()
    weights: tuple[float, ...] = ()


NOTHING_ELSE = Taught()


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained model with the files it is made of, and the options it was learnt with in the end."""

    model: TriageModel
    files: Mapping[str, bytes]
    options: Options


def learn(
    seen: Sequence[Seen], levels: Sequence[Ktas], options: Options, besides: Taught = NOTHING_ELSE
) -> Learnt:
    """Train on visits with the experts' levels.

    Calibration and sets come from the answers of inner folds, so that no visit speaks for itself. A search
    for better options sees these folds alone: who holds visits out of this judges the search too.

    Parameters
    ----------
    besides
        What readers corrected: the trees learn from it, but nothing is calibrated on it, since readers write
        of what was wrong rather than of every visit.
    """
    inner = [
        (_lesson([seen[i] for i in rest], [levels[i] for i in rest], besides, options.seed), held)
        for rest, held in folds(levels, _INNER, options.seed)
    ]
    shown = [lesson.encoder.encode([seen[i] for i in held]) for lesson, held in inner]

    def held_out(candidate: Options) -> Floats:
        margins = np.empty((len(seen), BOUNDARIES))
        for (lesson, held), rows in zip(inner, shown, strict=True):
            margins[held] = Trees(_grow(lesson, candidate)).margins(rows)
        return margins

    known = np.array(levels)
    if options.trials:
        options = _tuned(held_out, known, options)
    calibration = _calibrate(held_out(options), known, options)
    lesson = _lesson(seen, levels, besides, options.seed)
    files = {
        MODEL: _grow(lesson, options),
        PREPROCESSOR: lesson.encoder.to_json().encode(),
        CALIBRATION: (json.dumps(asdict(calibration), indent=1) + "\n").encode(),
        FEATURE_CONFIG: feature_config().encode(),
    }
    return Learnt(TriageModel.from_files(files), files, options)


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


@dataclass(frozen=True, slots=True)
class _Lesson:
    """Visits as the trees learn from them: their columns, and which boundaries their levels are above."""

    encoder: Encoder
    rows: Floats
    at_most: Floats
    weights: Floats


def _lesson(seen: Sequence[Seen], levels: Sequence[Ktas], besides: Taught, seed: int) -> _Lesson:
    """Encode visits to learn from.

    The experts' mean of a complaint is taken from other visits than the one it is shown with: with its own
    level in it the trees would trust it too much.
    """
    weights = np.array([*np.ones(len(seen)), *besides.weights])
    seen, levels = [*seen, *besides.seen], [*levels, *besides.levels]
    encoder = fit_encoder(seen, levels)
    rows = encoder.encode(seen)
    experts = encoder.columns.index("scale:experts")
    for rest, held in folds(levels, _INNER, seed + 1):
        others = fit_encoder([seen[i] for i in rest], [levels[i] for i in rest])
        rows[held, experts] = others.encode([seen[i] for i in held])[:, experts]
    known = np.array(levels)
    at_most = np.stack([known <= level for level in KTAS[:BOUNDARIES]], axis=1).astype(np.float64)
    return _Lesson(encoder, rows, at_most, weights)


def _grow(lesson: _Lesson, options: Options) -> bytes:
    """Return the trees' JSON."""
    import xgboost  # noqa: PLC0415 - 2.8 s, and only training needs it

    settings = {
        "objective": "binary:logistic",
        "max_depth": options.max_depth,
        "eta": options.learning_rate,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "min_child_weight": options.min_child_weight,
        "monotone_constraints": tuple(NEVER_LESS_URGENT.get(each, 0) for each in lesson.encoder.columns),
        "nthread": 1,
        "seed": options.seed,
    }
    visits = xgboost.DMatrix(lesson.rows, lesson.at_most, weight=lesson.weights)
    return bytes(xgboost.train(settings, visits, options.n_estimators).save_raw("json"))


def _tuned(held_out: Callable[[Options], Floats], levels: Levels, options: Options) -> Options:
    """Return the options that give the experts' levels the highest chances: those given, or better ones."""
    import optuna  # noqa: PLC0415 - 4 s, and only this needs it

    def loss(candidate: Options) -> float:
        margins = held_out(candidate)
        chances = _calibrate(margins, levels, candidate).chances(margins)
        return float(-np.log(np.maximum(chances[np.arange(len(levels)), levels - 1], 1e-6)).mean())

    def tried(trial: optuna.Trial) -> float:
        candidate = replace(
            options,
            n_estimators=trial.suggest_int("n_estimators", 40, 200, step=20),
            max_depth=trial.suggest_int("max_depth", 1, 4),
            learning_rate=trial.suggest_float("learning_rate", 0.02, 0.12, log=True),
            min_child_weight=trial.suggest_float("min_child_weight", 0.5, 8, log=True),
        )
        return loss(candidate)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    study.optimize(tried, n_trials=options.trials)
    return replace(options, **study.best_params) if study.best_value < loss(options) else options


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
