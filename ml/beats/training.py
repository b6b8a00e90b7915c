"""Trains an architecture on a protocol's folds: one by one, side by side on a Dask cluster, or abreast.

A run is a folder: `run.json` says what it is, `fold_1.keras` … are the models, `fold_1.npz` … what each
answered on the segments it had not seen, `fold_1/` the epochs on the way. What is there is not done again, so
an interrupted run goes on where it was.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.beats.abreast import learn_abreast
from ml.beats.architectures import ARCHITECTURES
from ml.beats.averaging import history, learn_averaged, members
from ml.beats.learning import Lesson, Options, Prepared
from ml.beats.protocols import Data, Fold, Indices, Protocol, by_class, by_patient, folds, load
from ml.beats.segments import Segments
from ml.beats.tempering import Probabilities

DESCRIPTION = "run.json"
WATCHED = 8
"""One in so many of a fold's patients (of its segments, where folds are by class) says when to stop."""


class RunError(OSError):
    """A folder holds another run, or an unfinished one; the message says which."""


@dataclass(frozen=True)
class Run:
    """What is trained, and how.

    Parameters
    ----------
    architecture : str
        Its name on the command line.
    protocol : str
        What it learns from and is judged on.
    fold_k : int
        How many folds; `interpatient` has one whatever this says.
    options : Options
        How long and how fast.
    data : Data
        The recordings.
    cache, folder : Path
        Prepared segments, and this run's own folder.
    """

    architecture: str
    protocol: Protocol
    fold_k: int
    options: Options
    data: Data
    cache: Path
    folder: Path

    def parameters(self) -> dict[str, Any]:
        """Return what must be the same for the same numbers."""
        options = asdict(self.options)
        del options["logdir"]
        return {"architecture": self.architecture, "protocol": self.protocol, "fold_k": self.fold_k} | options

    def prepare(self) -> Prepared:
        """Return what to learn from."""
        return ARCHITECTURES[self.architecture]().load(self.protocol, self.data, self.cache)

    def model(self, fold: int) -> Path:
        """Return where the model of a fold is kept; folds are counted from 1."""
        return self.folder / f"fold_{fold}.keras"

    def answers(self, fold: int) -> Path:
        """Return where the answers of a fold are kept."""
        return self.folder / f"fold_{fold}.npz"

    def epochs(self, fold: int) -> Path:
        """Return where the epochs of a fold are kept."""
        return self.folder / f"fold_{fold}"


@dataclass(frozen=True, eq=False)
class Answers:
    """What the models of a run answered, each on segments it had not seen.

    Parameters
    ----------
    segments : Segments
        All those of the protocol.
    places : ndarray of int64, shape (n,)
        Which of them were judged.
    folds : ndarray of int64, shape (n,)
        By which fold, from 1.
    probabilities : ndarray of float32, shape (n, n_classes)
        Not calibrated.
    histories : sequence
        Of each fold, the figures of each epoch.
    parameters : mapping
        The run's.
    seconds : float
        That answering took.
    """

    segments: Segments
    places: Indices
    folds: Indices
    probabilities: Probabilities
    histories: Sequence[Sequence[Mapping[str, float]]]
    parameters: Mapping[str, Any]
    seconds: float


def train(run: Run, cluster: str | None = None, tell: Callable[[str], None] = lambda _line: None) -> None:
    """Train the folds that are not there yet.

    Parameters
    ----------
    run : Run
        What to train.
    cluster : str, optional
        The address of a Dask scheduler whose workers see the same data folder, or `local` for one process for
        each core of this machine. The numbers are the same.
    tell : callable
        Told of each fold that is done.

    Raises
    ------
    RunError
        When the folder holds a run with other parameters or of other data, or there are too few folds.
    """
    number, missing = _missing(run)
    with _mapper(cluster) as each:
        for fold, (model, answers) in each(_train_fold, run, missing):
            _write(run.model(fold), model)
            _write(run.answers(fold), answers)
            tell(f"fold {fold} of {number} is trained")


def train_abreast(run: Run, tell: Callable[[str], None] = lambda _line: None) -> None:
    """Let the folds that are not there yet learn in one program; `train` then has them answer.

    Parameters
    ----------
    run : Run
        What to train.
    tell : callable
        Told of each epoch.

    Raises
    ------
    RunError
        As `train`.
    OSError
        When Keras is not over JAX.
    """
    _number, missing = _missing(run)
    if missing:
        prepared = run.prepare()
        divided = folds(run.protocol, prepared.segments, run.options.seed, run.fold_k)
        lessons = {fold: _lesson(run, prepared, divided[fold - 1]) for fold in missing}
        learn_abreast(
            {
                folder: (lesson, options)
                for fold, lesson in lessons.items()
                for folder, options in members(run.options, run.epochs(fold)).items()
            },
            tell,
        )


def read_answers(run: Run) -> Answers:
    """Return what the models of a finished run answered; its parameters are those it was trained with.

    Raises
    ------
    RunError
        When there is no run, it is of other data, or folds are missing.
    """
    path = run.folder / DESCRIPTION
    if not path.exists():
        raise RunError(f"{run.folder} holds no run: train it first")
    parameters = json.loads(path.read_text(encoding="utf-8"))
    segments = load(run.protocol, run.data, run.cache)
    if parameters.pop("data_hash") != segments.data_hash:
        raise RunError(f"{run.folder} holds a run of other data")
    number = len(folds(run.protocol, segments, parameters["seed"], parameters["fold_k"]))
    missing = [str(fold) for fold in range(1, number + 1) if not run.answers(fold).exists()]
    if missing:
        raise RunError(f"{run.folder}: fold {', '.join(missing)} of {number} is not trained yet")
    places, probabilities, histories, seconds = [], [], [], 0.0
    for fold in range(1, number + 1):
        with np.load(run.answers(fold), allow_pickle=False) as arrays:
            places.append(arrays["places"])
            probabilities.append(arrays["probabilities"])
            histories.append(json.loads(str(arrays["history"])))
            seconds += float(arrays["seconds"])
    return Answers(
        segments,
        np.concatenate(places),
        np.repeat(np.arange(1, number + 1), [len(some) for some in places]),
        np.concatenate(probabilities),
        histories,
        parameters,
        seconds,
    )


def watched(run: Run, segments: Segments, train: Indices) -> tuple[Indices, Indices]:
    """Divide what a fold learns from into what it does learn from and what says when to stop."""
    if not run.options.early_stopping:
        return train, train[:0]
    if run.protocol == "oh2018":
        assigned = by_class(segments.labels[train], WATCHED, run.options.seed)
    else:
        among = np.zeros(len(segments.labels), np.bool_)
        among[train] = True
        assigned = by_patient(segments, WATCHED, run.options.seed, among)[train]
    return train[assigned != 0], train[assigned == 0]


def _train_fold(run: Run, fold: int) -> tuple[bytes, bytes]:
    """Return the model of a fold and its answers, as files; run on whatever machine."""
    prepared, architecture = run.prepare(), ARCHITECTURES[run.architecture]()
    divided = folds(run.protocol, prepared.segments, run.options.seed, run.fold_k)[fold - 1]
    logdir = run.options.logdir / run.folder.name / f"fold_{fold}" if run.options.logdir else None
    options = replace(run.options, logdir=logdir)
    model = learn_averaged(_lesson(run, prepared, divided), options, run.epochs(fold))
    architecture.probabilities(model, prepared, divided.test[:2])  # the first answer takes longer
    started = time.perf_counter()
    probabilities = architecture.probabilities(model, prepared, divided.test)
    seconds = time.perf_counter() - started
    answers = io.BytesIO()
    np.savez_compressed(
        answers,
        places=divided.test,
        probabilities=probabilities,
        seconds=seconds,
        history=np.asarray(json.dumps(history(options, run.epochs(fold)))),
    )
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        return (Path(folder) / "model.keras").read_bytes(), answers.getvalue()


def _missing(run: Run) -> tuple[int, list[int]]:
    """Return how many folds a run has and which are missing, once its folder is found to be its own."""
    if run.fold_k < 2 and run.protocol != "interpatient":
        raise RunError("it takes two folds or more")
    segments = load(run.protocol, run.data, run.cache)
    _claim(run, segments)
    number = len(folds(run.protocol, segments, run.options.seed, run.fold_k))
    return number, [fold for fold in range(1, number + 1) if not run.answers(fold).exists()]


def _lesson(run: Run, prepared: Prepared, divided: Fold) -> Lesson:
    """Return what a fold learns."""
    train, watch = watched(run, prepared.segments, divided.train)
    return ARCHITECTURES[run.architecture]().lesson(prepared, train, watch, run.options)


@contextmanager
def _mapper(cluster: str | None) -> Iterator[Callable[..., Iterable[tuple[int, tuple[bytes, bytes]]]]]:
    """Give what trains folds and yields each as it is done: here, or by the workers of a cluster."""
    if cluster is None:
        yield lambda function, run, places: ((fold, function(run, fold)) for fold in places)
        return
    from distributed import Client, as_completed  # noqa: PLC0415 - the extra `cluster`

    # One fold at a time in each process: TensorFlow's state is the process's.
    options: dict[str, Any] = {"threads_per_worker": 1} if cluster == "local" else {"address": cluster}
    with Client(**options) as client:

        def each(
            function: Callable[[Run, int], tuple[bytes, bytes]], run: Run, places: Iterable[int]
        ) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
            futures = {client.submit(function, run, fold, pure=False): fold for fold in places}
            for future in as_completed(list(futures)):
                yield futures[future], future.result()

        yield each


def _claim(run: Run, segments: Segments) -> None:
    """Note what the folder is of, or make sure that it is of this run."""
    described = run.parameters() | {"data_hash": segments.data_hash}
    path = run.folder / DESCRIPTION
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != described:
            other = sorted(key for key in described.keys() | found if described.get(key) != found.get(key))
            raise RunError(f"{run.folder} holds a run with other {', '.join(other)}: take another folder")
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    _write(path, (json.dumps(described, indent=2) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves none by this name."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
