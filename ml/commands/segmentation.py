"""`train segmentation`, `evaluate segmentation` and `predict segmentation`."""

import argparse
import json
import sys

from ml.commands.figures import finish, logged, show
from ml.registry.named import named
from ml.segmentation.dataset import data_hash, load, read_images, split
from ml.segmentation.evaluation import judge
from ml.segmentation.faults import VolumeError
from ml.segmentation.kept import write
from ml.segmentation.measuring import measure
from ml.segmentation.predicting import FAMILY
from ml.segmentation.predicting import load as load_predictor
from ml.segmentation.segments import CODES


def phantoms(options: argparse.Namespace) -> int:
    """Write made patients."""
    from ml.segmentation.phantoms import write_phantoms  # noqa: PLC0415 - only this makes any

    write_phantoms(options.output, options.count, options.seed)
    print(f"{options.count} phantoms in {options.output}", file=sys.stderr)
    return 0


def train(options: argparse.Namespace) -> int:
    """Train on four patients in five, judge on the fifth, write the artefact and log it."""
    from ml.segmentation.network import Options  # noqa: PLC0415 - TensorFlow takes seconds
    from ml.segmentation.training import train as learn  # noqa: PLC0415 - the same

    if options.output.exists():
        raise FileExistsError(f"{options.output} is there already")
    trained = learn(
        load(options.data, options.images),
        options.images,
        Options(epochs=options.epochs, seed=options.seed),
        options.output,
        lambda epoch, epochs, loss: show(f"epoch {epoch} of {epochs}, loss {loss:.3f}"),
    )
    print(f"\n{logged(options.output, lambda: trained.log(options.run_name))}", file=sys.stderr)
    return finish(trained.report.text(), trained.report.figures(), trained.report.missed(), options)


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures of patients it has not learnt from; with `--require`, 1 where an aim is missed."""
    artefact = named(FAMILY, options.model)
    predictor = load_predictor(artefact)
    predictor.verify_examples()
    exams = load(options.data, predictor.images)
    if artefact.manifest.data_hash == data_hash(exams):
        _, exams = split(exams, options.seed)
    report = judge(predictor, exams, show)
    return finish(report.text(), report.figures(), report.missed(), options)


def predict(options: argparse.Namespace) -> int:
    """Segment images, write the label map and print the volumes."""
    predictor = load_predictor(named(FAMILY, options.model))
    predictor.verify_examples()
    if len(options.input) != len(predictor.images):
        print(f"it is shown {len(predictor.images)} images: {', '.join(predictor.images)}", file=sys.stderr)
        return 2
    try:
        volumes = read_images(options.input)
    except VolumeError as error:
        print(error, file=sys.stderr)
        return 2
    told = predictor.segment(volumes)
    likely = {segment: told.probabilities[..., code] for segment, code in CODES.items()}
    figures = measure(told.codes, volumes[0].voxel_mm3, likely)
    options.output.write_bytes(write(told.codes, volumes[0]))
    document = {
        "volumes_cm3": {each.segment.value: each.volume_cm3 for each in figures.segments},
        "total_cm3": figures.volume_cm3,
        "components": figures.components,
        "confidence": figures.confidence,
    }
    print(json.dumps(document))
    return 0
