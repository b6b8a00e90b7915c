"""A trained U-Net as an artefact: model and graph, examples, card, and a manifest."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ml.beats.exporting import ExportError, archived, to_onnx
from ml.judging.learnt import LEARNT, write_learnt
from ml.registry.artefact import Artefact, open_unsealed, write_artefact
from ml.registry.contents import CARD, EXAMPLES, GRAPH, KERAS
from ml.registry.manifest import MAX_PARITY, Json, Manifest, TensorSpec
from ml.segmentation.dataset import Exam
from ml.segmentation.evaluation import Report, judge
from ml.segmentation.inputs import slices_of
from ml.segmentation.predicting import ARCHITECTURE, FAMILY, load
from ml.segmentation.segments import SEGMENTS
from ml.versions import code_version

KEPT_EXAMPLES = 2


@dataclass(frozen=True)
class Facts:
    """What is told of a training.

    Parameters
    ----------
    images
        What the network is shown, in this order.
    settings
        How it learnt, and where from besides the first data.
    data_hash
        Of all of these, held out or not.
    learnt
        Fingerprints of every image that it learnt from.
    besides
        What its card says of corrections; empty without any.
    """

    images: tuple[str, ...]
    settings: Mapping[str, Json]
    data_hash: str
    learnt: Iterable[str]
    besides: str = ""


def package(model: Any, folder: Path, held_out: Sequence[Exam], facts: Facts) -> tuple[Artefact, Report]:
    """Write a model as an artefact, not sealed yet, into a new folder, judged on exams held out.

    Raises
    ------
    ExportError
        When the graph's answers are further than 1e-5 from the model's: it is not written.
    """
    graph = to_onnx(model)
    slices = slices_of(held_out[0].volumes()[0])
    expected = np.asarray(model.predict(slices, verbose=0), np.float32)
    middle = slice(len(slices) // 2, len(slices) // 2 + KEPT_EXAMPLES)
    examples = BytesIO()
    np.savez_compressed(examples, slices=slices[middle], expected=expected[middle])
    manifest = Manifest(
        family=FAMILY,
        architecture=ARCHITECTURE,
        classes=tuple(SEGMENTS),
        inputs=(TensorSpec("slices", (None, None, None, len(facts.images))),),
        metrics={},
        parity=_difference(graph, slices, expected),
        data_hash=facts.data_hash,
        code_version=code_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licence="MIT",
        citation="Ronneberger, Fischer, Brox. U-Net. MICCAI 2015.",
        settings={"images": list(facts.images), **facts.settings},
    )
    if not manifest.parity <= MAX_PARITY:
        raise ExportError(f"parity fails: {manifest.parity:.1e} from the Keras model, above {MAX_PARITY:g}")
    files = {
        GRAPH: graph,
        KERAS: archived(model),
        EXAMPLES: examples.getvalue(),
        LEARNT: write_learnt(facts.learnt),
        CARD: b"# Being judged\n",
    }
    with tempfile.TemporaryDirectory() as scratch:
        trial = write_artefact(Path(scratch) / "trial", manifest, files)
        report = judge(load(trial), held_out, lambda _: None)
    files[CARD] = card(report, facts, manifest.code_version).encode()
    write_artefact(folder, replace(manifest, metrics=report.metrics()), files)
    return open_unsealed(folder), report


def card(report: Report, facts: Facts, code: str) -> str:
    """Return the model card."""
    settings = "\n".join(f"- {name}: {value}" for name, value in facts.settings.items())
    return f"""# A 2D U-Net that segments brain tumours slice by slice

It is shown {", ".join(facts.images)}, on the same voxels, and tells necrosis, oedema and enhancing tumour
apart.
{facts.besides}
{report.text()}

Those figures are of held-out patients of the very data that it was trained on. Where that was phantoms, they
say nothing of real images. It has not been judged on BraTS. It is no medical device.

## How it was made

{settings}
- data: {facts.data_hash}
- code: {code}
"""


def _difference(graph: bytes, slices: Any, expected: Any) -> float:
    import onnxruntime  # noqa: PLC0415 - as in `predicting`

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, {"slices": slices})[0] - expected).max())
