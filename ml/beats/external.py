"""Judges a model as it is served on annotated records of whatever database: protocol `external`.

Records that the version has learnt from are left out (`ml/judging/learnt.py`).
The annotated beats are taken for the R peaks, so that only their naming is judged. Classes are the AAMI's; a
beat that is truly F or Q cannot be named rightly by a model of the product's classes.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.beats.classes import AAMI_CLASSES, AAMI_CODES, AAMI_OF_PRODUCT
from ml.beats.evaluation import Evaluation
from ml.beats.metrics import Figures, figures
from ml.beats.predicting import BeatAnswer, BeatPredictor
from ml.ecg.annotated import BEAT_SYMBOLS, AnnotatedRecord, RecordError, read_annotated, record_names
from ml.ecg.signal import Signal
from ml.judging.learnt import learnt, of_record
from ml.registry.artefact import Artefact
from ml.versions import code_version


def evaluate_external(
    artefact: Artefact,
    data: Path,
    annotator: str = "atr",
    progress: Callable[[str], None] = lambda _name: None,
) -> Evaluation:
    """Judge a verified artefact on the annotated records of a folder that it has not learnt from.

    Parameters
    ----------
    artefact : Artefact
        What to judge.
    data : Path
        A folder of WFDB records.
    annotator : str
        The ending of the annotations.
    progress : callable
        Told each record before it is read.

    Raises
    ------
    RecordError
        When there is no such record, or one is damaged.
    """
    known = learnt(artefact) or frozenset()
    names = [name for name in record_names(data, annotator) if not _is_of(data / f"{name}.dat", known)]
    if not names:
        raise RecordError(f"{data}: this version has learnt from every record")
    predictor = BeatPredictor(artefact)
    parts: dict[str, Figures] = {}
    seconds, beats, digest = 0.0, 0, hashlib.sha256()
    for name in names:
        progress(name)
        record = read_annotated(data, name, annotator)
        digest.update(repr((name, record.leads, record.sampling_rate_hz, record.symbols)).encode())
        digest.update(record.samples_mv.tobytes() + record.positions.tobytes())
        truth, peaks = _annotated(record)
        signal = record.signal()
        started = time.perf_counter()
        answer = classified(predictor, signal, peaks)
        seconds, beats = seconds + time.perf_counter() - started, beats + len(peaks)
        called = np.asarray([AAMI_CLASSES.index(AAMI_OF_PRODUCT.get(each, each)) for each in answer.classes])
        parts[name] = figures(truth, called[answer.labels], AAMI_CLASSES)
    total = np.sum([part.counts for part in parts.values()], axis=0)
    manifest = artefact.manifest
    return Evaluation(
        protocol="external",
        parameters={
            "architecture": manifest.architecture,
            "model": artefact.digest,
            "trained_on": manifest.data_hash,
            "data": data.name,
        },
        data_hash=digest.hexdigest(),
        code_version=code_version(),
        pooled=Figures(AAMI_CLASSES, total),
        parts=parts,
        records=parts,
        latency_per_sample_ms=1000 * seconds / max(beats, 1),
    )


def _is_of(signals: Path, known: frozenset[str]) -> bool:
    """Return whether a record is one of those, by the file of its signals."""
    return signals.exists() and of_record(signals) in known


def classified(predictor: BeatPredictor, signal: Signal, peaks: npt.NDArray[np.int64]) -> BeatAnswer:
    """Have annotated beats classified in the leads that a model reads of a recording by itself."""
    chosen = predictor.leads_of(signal) or signal.leads[:1]
    columns = [signal.leads.index(lead) for lead in chosen]
    return predictor.classify(replace(signal, leads=chosen, samples_mv=signal.samples_mv[:, columns]), peaks)


def _annotated(record: AnnotatedRecord) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the classes of the annotated beats and their positions."""
    places = [place for place, symbol in enumerate(record.symbols) if symbol in BEAT_SYMBOLS]
    classes = [AAMI_CLASSES.index(AAMI_CODES[record.symbols[place]]) for place in places]
    return np.asarray(classes, np.int64), record.positions[places]
