"""`train triage`, `evaluate triage` and `predict triage`."""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

from ml.triage.batch import BatchError, answer_file
from ml.triage.dataset import Dataset, DatasetError, load
from ml.triage.encoding import see
from ml.triage.evaluation import cross_validate, score
from ml.triage.learning import Options, learn
from ml.triage.model import CALIBRATION, MODEL, PREPROCESSOR, ModelError, TriageModel
from ml.triage.predicting import TriagePredictor


def train(options: argparse.Namespace) -> int:
    """Train on all visits of a file and write the model's files."""
    data = _load(options.data)
    if data is None:
        return 2
    learnt = learn([see(visit) for visit in data.visits], data.levels, _options(options))
    learnt.write(options.output)
    print(f"{options.output}: {', '.join(sorted(learnt.files))}, learnt from {len(data.visits)} visits")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures; with `--require`, 1 where an aim is missed."""
    data = _load(options.data)
    if data is None:
        return 2
    if options.model is None:
        report = cross_validate(data, _options(options), _tell)
    else:
        model = _model(options.model)
        if model is None:
            return 2
        report = score(data, model)
    print(report.text())
    if options.json:
        options.json.write_text(json.dumps(report.figures(), indent=2) + "\n", encoding="utf-8")
    faults = report.missed() if options.require else []
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def predict(options: argparse.Namespace) -> int:
    """Answer a CSV file as JSON lines; 1 when a row could not be read."""
    model = None
    if options.model is not None and (model := _model(options.model)) is None:
        return 2
    good = bad = 0
    with ExitStack() as stack:
        source = stack.enter_context(options.input.open(encoding="utf-8-sig", errors="replace", newline=""))
        output = sys.stdout
        if options.output:
            output = stack.enter_context(options.output.open("w", encoding="utf-8"))
        try:
            for row in answer_file(source, TriagePredictor(model)):
                print(row.to_json(), file=output)
                good, bad = good + (row.answer is not None), bad + (row.answer is None)
        except BatchError as error:
            print(f"{options.input}: {error}", file=sys.stderr)
            return 2
    print(f"{good} visits answered, {bad} rows with errors", file=sys.stderr)
    return 1 if bad else 0


def _options(options: argparse.Namespace) -> Options:
    return Options(n_estimators=options.n_estimators, max_depth=options.max_depth, seed=options.seed)


def _load(path: Path) -> Dataset | None:
    try:
        return load(path)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return None


def _model(folder: Path) -> TriageModel | None:
    try:
        return TriageModel.from_files(
            {name: (folder / name).read_bytes() for name in (MODEL, PREPROCESSOR, CALIBRATION)}
        )
    except ModelError as error:
        print(f"{folder}: {error}", file=sys.stderr)
        return None


def _tell(done: int, folds: int) -> None:
    """Show on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\rfold {done} of {folds}", end="" if done < folds else "\n", file=sys.stderr, flush=True)
