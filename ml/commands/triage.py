"""`train`, `evaluate`, `predict` and `reference triage`."""

import argparse
import os
import sys
from contextlib import ExitStack

from ml.commands.figures import finish, logged
from ml.commands.retrain import feedback_file
from ml.corrections import Corrections, TooFewOpinionsError
from ml.registry.artefact import with_file
from ml.registry.contents import REFERENCE
from ml.registry.home import Home
from ml.registry.manifest import ArtefactError
from ml.registry.named import named
from ml.triage import dataset
from ml.triage.batch import BatchError, answer_file
from ml.triage.corrections import read_visits, taught
from ml.triage.encoding import see
from ml.triage.evaluation import Report, cross_validate, score
from ml.triage.features import Visit
from ml.triage.learning import Options, learn
from ml.triage.monitored import reference
from ml.triage.packaging import FAMILY, NO_CORRECTIONS, package
from ml.triage.predicting import TriagePredictor, load, model_of
from ml.triage.tracking import log


def train(options: argparse.Namespace) -> int:
    """Judge in folds, train on all visits of a file, write the artefact and log both; 1 as `evaluate`."""
    data, learning = dataset.load(options.data), _options(options)
    if options.output.exists():
        raise FileExistsError(f"{options.output} is there already")
    corrections = _corrections(options, data)
    besides = taught(corrections)
    report = cross_validate(data, learning, _tell, besides)
    learnt = learn([see(visit) for visit in data.visits], data.levels, learning, besides)
    artefact = package(learnt, data, report, options.output, corrections)
    register = logged(options.output, lambda: log(artefact, report, options.run_name))
    if learning.trials:
        print(f"settled on {learnt.options.to_json()}", file=sys.stderr)
    print(register, file=sys.stderr)
    return _finish(report, options)


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures; with `--require`, 1 where an aim is missed."""
    data = dataset.load(options.data)
    if options.model is None:
        return _finish(cross_validate(data, _options(options), _tell), options)
    artefact = named(FAMILY, options.model)
    if artefact.manifest.data_hash == data.data_hash:
        print("it has learnt from these very visits: the figures flatter it", file=sys.stderr)
    load(artefact).verify_examples()
    return _finish(score(data, model_of(artefact)), options)


def refer(options: argparse.Namespace) -> int:
    """Add to a version that is not sealed what the visits it learnt from looked like."""
    artefact, data = named(FAMILY, str(options.folder)), dataset.load(options.data)
    if artefact.manifest.data_hash != data.data_hash:
        raise ArtefactError(f"{options.folder} has not learnt from {options.data}")
    with_file(artefact, REFERENCE, reference(model_of(artefact), data.visits).to_bytes())
    return 0


def predict(options: argparse.Namespace) -> int:
    """Answer a CSV file as JSON lines; 1 when a row could not be read."""
    predictor = TriagePredictor()
    if options.model is not None:
        predictor = load(named(FAMILY, options.model))
        predictor.verify_examples()
    good = bad = 0
    with ExitStack() as stack:
        source = stack.enter_context(options.input.open(encoding="utf-8-sig", errors="replace", newline=""))
        output = sys.stdout
        if options.output:
            output = stack.enter_context(options.output.open("w", encoding="utf-8"))
        try:
            for row in answer_file(source, predictor):
                print(row.to_json(), file=output)
                good, bad = good + (row.answer is not None), bad + (row.answer is None)
        except BatchError as error:
            print(f"{options.input}: {error}", file=sys.stderr)
            return 2
    print(f"{good} visits answered, {bad} rows with errors", file=sys.stderr)
    return 1 if bad else 0


def _corrections(options: argparse.Namespace, data: dataset.Dataset) -> Corrections[Visit]:
    """Return what readers said; of what is kept, nothing where that is too little."""
    source = feedback_file(options, Home.of_environment(os.environ), FAMILY)
    if source is None:
        return NO_CORRECTIONS
    try:
        corrections = read_visits(source, data, options.min_feedback)
    except TooFewOpinionsError as error:
        if options.feedback is not None:
            raise
        print(f"{error}: left out", file=sys.stderr)
        return NO_CORRECTIONS
    print(f"learning from {corrections.opinions} opinions of readers besides: {source}", file=sys.stderr)
    return corrections


def _options(options: argparse.Namespace) -> Options:
    return Options(
        n_estimators=options.n_estimators,
        max_depth=options.max_depth,
        seed=options.seed,
        trials=options.tune or 0,
    )


def _finish(report: Report, options: argparse.Namespace) -> int:
    return finish(report.text(), report.figures(), report.missed(), options)


def _tell(done: int, folds: int) -> None:
    """Show on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\rfold {done} of {folds}", end="" if done < folds else "\n", file=sys.stderr, flush=True)
