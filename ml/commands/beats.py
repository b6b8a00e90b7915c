"""`train`, `evaluate`, `predict` and `reference beats`, and `report`."""

import argparse
import contextlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from ml.beats.answers import summary, write_answer
from ml.beats.classes import FAMILY
from ml.beats.drawing import draw_beats
from ml.beats.evaluation import Evaluation
from ml.beats.evaluation import evaluate as judge
from ml.beats.external import evaluate_external
from ml.beats.models import predictor
from ml.beats.monitored import referred
from ml.beats.protocols import Data, load
from ml.beats.quality import Verdict
from ml.beats.recipes import recipe
from ml.beats.recordings import read_recording
from ml.beats.reporting import write_report
from ml.beats.synthetic import LIST, write_synthetic
from ml.beats.tracking import log
from ml.beats.training import Run, read_answers, train_abreast
from ml.beats.training import train as train_folds
from ml.commands.figures import finish, show
from ml.registry.manifest import ArtefactError
from ml.registry.named import named, registered
from ml.registry.store import CHAMPION, StoreError

SYNTHETIC_FOLDS = 2
SYNTHETIC_EPOCHS = 8
SYNTHETIC_SEED = 1


def train(options: argparse.Namespace) -> int:
    """Train what is not trained yet, judge it and write its report; of `champion`, also make the artefact."""
    run = _run(options, options.architecture)
    evaluation = _judged(run, options)
    if run.protocol == "champion":
        folder = run.folder / "artefact"
        if not folder.exists():
            from ml.beats.releasing import release  # noqa: PLC0415 - brings ONNX, of the extra `train`

            with contextlib.redirect_stdout(sys.stderr):
                release(run, evaluation, folder)
        print(f"python -m ml registry register {folder} --alias challenger", file=sys.stderr)
    return _finish(evaluation, options)


def evaluate(options: argparse.Namespace) -> int:
    """Judge by a protocol; with `--require`, 1 where an aim is missed."""
    model = registered(FAMILY, options.model) if options.model else None
    if options.protocol == "external":
        if options.data_dir is None:
            raise OSError("no data: give --data, a folder of WFDB records with annotated beats")
        artefact = model or registered(FAMILY, CHAMPION)
        evaluation = evaluate_external(
            artefact, options.data_dir, options.annotator, lambda record: show(f"record {record}")
        )
        _log(evaluation, [], None)
        return _finish(evaluation, options)
    architecture = model.manifest.architecture if model else options.architecture
    return _finish(_judged(_run(options, architecture), options), options)


def predict(options: argparse.Namespace) -> int:
    """Classify the beats of a recording; 1 where its quality does not allow it."""
    recording = read_recording(options.input, options.fs)
    model = predictor(options.model)
    signal = recording.signal
    if recording.peaks is None or options.detect_r:
        answer = model.predict(signal)
    else:
        answer = model.classify(signal, recording.peaks)
    print(summary(answer))
    if options.output_csv:
        write_answer(answer, options.output_csv)
    if options.output_fig:
        draw_beats(
            signal.lead(answer.leads[0] if answer.leads else signal.leads[0]), answer, options.output_fig
        )
    return 1 if answer.quality.verdict is Verdict.INSUFFICIENT else 0


def refer(options: argparse.Namespace) -> int:
    """Add to a version that is not sealed what the recordings it learnt from looked like."""
    artefact, data = named(FAMILY, str(options.folder)), Data(options.data, tuple(options.further or ()))
    with tempfile.TemporaryDirectory() as cache:
        learnt = load("champion", data, Path(cache))
    if artefact.manifest.data_hash != learnt.data_hash:
        raise ArtefactError(f"{options.folder} has not learnt from these recordings")
    referred(artefact, data)
    return 0


def report(options: argparse.Namespace) -> int:
    """Write the report of a run that is there."""
    run = _run(options, options.architecture)
    answers = read_answers(run)
    folder = options.output or run.folder / "report"
    evaluation = judge(answers, fold_avg=options.fold_avg)
    for path in write_report(evaluation, answers, folder, options.template):
        print(path)
    return 0


def _run(options: argparse.Namespace, architecture: str) -> Run:
    """Return the run that is asked for: the kept recipe, and what differs from it."""
    made = recipe(architecture, options.protocol)
    fold_k, learning = made.fold_k, replace(made.options, logdir=options.logdir)
    folder, data = options.models_dir, options.data_dir
    if options.synthetic:
        folder = data = options.models_dir / f"synthetic-{options.synthetic_n}"
        fold_k = min(fold_k, SYNTHETIC_FOLDS)
        learning = replace(
            learning,
            epochs=SYNTHETIC_EPOCHS,
            batch_size=learning.batch_size // 2,
            early_stopping=0,
            networks=1,
        )
    asked = {
        name: getattr(options, name)
        for name in ("epochs", "batch_size", "learning_rate", "early_stopping", "seed", "networks")
        if getattr(options, name) is not None
    }
    learning = replace(learning, **asked)
    if options.synthetic and not (data / LIST).exists():
        write_synthetic(data, options.synthetic_n, SYNTHETIC_SEED)
    if data is None:
        raise OSError("no data: give --data-dir, the folder of MIT-BIH, or --synthetic")
    return Run(
        architecture,
        options.protocol,
        options.fold_k or fold_k,
        learning,
        Data(data, tuple(options.further or ())),
        options.models_dir / "cache",
        folder / f"{architecture}-{options.protocol}",
    )


def _judged(run: Run, options: argparse.Namespace) -> Evaluation:
    """Train the folds that are missing, write the report and log both."""
    with contextlib.redirect_stdout(sys.stderr):  # where Keras shows how far it is
        if options.abreast:
            train_abreast(run, _tell)
        train_folds(run, options.cluster, _tell)
    answers = read_answers(run)
    evaluation = judge(answers, fold_avg=options.fold_avg)
    files = write_report(evaluation, answers, run.folder / "report")
    _log(evaluation, files, run.model(1))
    return evaluation


def _log(evaluation: Evaluation, files: list[Path], model: Path | None) -> None:
    """Log to MLflow; where that fails, the run's folder has everything all the same."""
    try:
        _tell(f"MLflow: run {log(evaluation, files, model)}")
    except StoreError as error:
        _tell(f"MLflow: {error}")


def _finish(evaluation: Evaluation, options: argparse.Namespace) -> int:
    return finish(evaluation.markdown().rstrip("\n"), evaluation.figures(), evaluation.faults(), options)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
