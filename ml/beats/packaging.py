"""A trained Keras model as an artefact: model and graph, examples, card, and what serving needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.beats.cards import citation, licence
from ml.beats.classes import FAMILY
from ml.beats.exporting import ExportError, archived, bare, to_onnx
from ml.beats.settings import Settings
from ml.judging.learnt import LEARNT, write_learnt
from ml.registry.artefact import Artefact, write_artefact
from ml.registry.contents import CARD, EXAMPLES, GRAPH, KERAS
from ml.registry.manifest import MAX_PARITY, Manifest, TensorSpec
from ml.versions import code_version

MAX_EXAMPLES = 16
EXAMPLES_BYTES = 2**16


@dataclass(frozen=True)
class Facts:
    """What is known of a trained model.

    Parameters
    ----------
    architecture : str
        ``cnn-lstm`` or ``best``.
    classes : tuple of str
        In the order of its outputs.
    temperature : float
        What calibrates it.
    coverage, threshold : float
        The aim of the conformal sets, and the least probability that is in one.
    metrics : mapping of str to float
        As it was evaluated.
    data_hash : str
        Of what it was trained on.
    card : str
        The model card, Markdown.
    databases : tuple of str
        What it was trained on, by the names of `ml.databases`.
    learnt : frozenset of str, optional
        The fingerprints of the records that it learnt from (`ml/judging/learnt.py`); None where nobody knows.
    """

    architecture: str
    classes: tuple[str, ...]
    temperature: float
    coverage: float
    threshold: float
    metrics: Mapping[str, float]
    data_hash: str
    card: str
    databases: tuple[str, ...] = ("mitdb",)
    learnt: frozenset[str] | None = None


def package(
    model: Any, folder: Path, facts: Facts, inputs: Mapping[str, npt.NDArray[np.float32]]
) -> Artefact:
    """Write a model as an artefact, not sealed yet, into a new folder.

    Parameters
    ----------
    model : keras.Model
        Trained.
    folder : Path
        Where to.
    facts : Facts
        What is known of it.
    inputs : mapping of str to ndarray
        Real inputs by the names of its input layers, hundreds if there are (of short stretches, for a model
        of sequences): the graph must answer them as the model does. The first few, 64 kB at most but one at
        least, are kept as examples, to be verified by whoever loads it.

    Raises
    ------
    ExportError
        When the graph's answers are further than 1e-5 from the model's: it is not written.
    """
    model = _rounded(model)
    graph = to_onnx(model)
    expected = np.asarray(model.predict(_given(model, inputs), verbose=0), np.float32)
    parity = _difference(graph, inputs, expected)
    if not parity <= MAX_PARITY:
        raise ExportError(f"parity fails: {parity:.1e} from the Keras model, above {MAX_PARITY:g}")
    settings = Settings(facts.temperature, facts.coverage, (facts.threshold,) * len(facts.classes))
    manifest = Manifest(
        family=FAMILY,
        architecture=facts.architecture,
        classes=facts.classes,
        inputs=tuple(TensorSpec(each.name, tuple(each.shape)) for each in model.inputs),
        metrics=facts.metrics,
        parity=parity,
        data_hash=facts.data_hash,
        code_version=code_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licence=licence(facts.databases),
        citation=citation(facts.databases),
        settings=settings.to_json(),
    )
    files = {
        GRAPH: graph,
        KERAS: archived(model),
        EXAMPLES: _examples(inputs, expected),
        CARD: facts.card.encode(),
        **({LEARNT: write_learnt(facts.learnt)} if facts.learnt is not None else {}),
    }
    return write_artefact(folder, manifest, files)


def _given(model: Any, inputs: Mapping[str, npt.NDArray[np.float32]]) -> Any:
    """Return the inputs as the model was built to take them: by name, in its order, or alone."""
    given = [inputs[each.name] for each in model.inputs]
    if len(given) == 1:
        return given[0]
    return dict(inputs) if isinstance(model.input, dict) else given


def _examples(inputs: Mapping[str, npt.NDArray[np.float32]], expected: npt.NDArray[np.float32]) -> bytes:
    each = sum(array[0].nbytes for array in inputs.values())
    number = min(max(EXAMPLES_BYTES // each, 1), MAX_EXAMPLES)
    kept = {name: array[:number] for name, array in (*inputs.items(), ("expected", expected))}
    written = BytesIO()
    np.savez_compressed(written, allow_pickle=False, **kept)
    return written.getvalue()


def _difference(graph: bytes, inputs: Mapping[str, Any], expected: npt.NDArray[np.float32]) -> float:
    import onnxruntime  # noqa: PLC0415 - as in `predicting`

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, dict(inputs))[0] - expected).max())


def _rounded(model: Any) -> Any:
    """Return the model with its weights rounded to half precision.

    Rounded so, they take half of the place once packed, and move answers by about a thousandth.
    """
    return bare(model, [each.astype(np.float16).astype(np.float32) for each in model.get_weights()])
