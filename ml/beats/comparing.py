"""A challenger of beats beside the champion, on annotated records neither has learnt from.

The primary measure is macro F1 over the product's classes that the records have, with whole patients drawn
anew; the margin is one point, as for each class's recall. Annotated beats are taken for the R peaks, as in
`ml/beats/external.py`, so that only their naming is judged; beats of other kinds are not.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.beats.classes import CHAMPION_CODES, FAMILY, PRODUCT_CLASSES
from ml.beats.external import classified
from ml.beats.predicting import BeatPredictor
from ml.beats.segments import patient_of
from ml.ecg.annotated import BEAT_SYMBOLS, read_annotated, record_names
from ml.judging.learnt import of_record
from ml.judging.paired import Measure, macro_f1
from ml.judging.verdict import Answered, Check, Verdict, enough, judge, unseen
from ml.registry.artefact import Artefact

MEASURE = Measure("macro_f1", macro_f1, 0.01)

Indices = npt.NDArray[np.int64]
_NONE: Indices = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class _Record:
    """What is known of a record's beats, and what each model said of them in how many seconds."""

    truth: Indices
    said: list[Indices]
    sure: list[npt.NDArray[np.float32]]
    seconds: list[float]


def compare(champion: Artefact, challenger: Artefact, data: Path, *, assume: bool = False) -> Verdict:
    """Judge both on a folder of WFDB records with annotations (.atr), as far as neither learnt from them."""
    names = record_names(data)
    prints = [of_record(data / f"{name}.dat") for name in names]
    there = unseen(champion, challenger, prints, "", assume=assume)
    models = [BeatPredictor(each) for each in (champion, challenger)]
    held_out = [names[at] for at in there.places]
    records = [_asked(data, name, models) for name in held_out]
    truth = np.concatenate([_NONE, *(each.truth for each in records)])
    whose = np.repeat([patient_of(name) for name in held_out], [len(each.truth) for each in records])
    incomparable = there.incomparable or (None if enough(truth, whose) else "too_few")
    checks: tuple[Check, ...] = ()
    if incomparable is None:
        answered = [_together(records, number) for number in range(len(models))]
        checks = judge(MEASURE, PRODUCT_CLASSES, truth, whose, *answered)
    return Verdict(
        FAMILY,
        champion.digest,
        challenger.digest,
        incomparable,
        len(truth),
        len(np.unique(whose)),
        there.left_out,
        there.assumed,
        checks,
    )


def _asked(data: Path, name: str, models: Sequence[BeatPredictor]) -> _Record:
    """Have each model classify the beats of a record, and keep those of the product's kinds."""
    record = read_annotated(data, name)
    beats = [at for at, symbol in enumerate(record.symbols) if symbol in BEAT_SYMBOLS]
    kinds = [CHAMPION_CODES.get(record.symbols[at]) for at in beats]
    known = np.array([kind is not None for kind in kinds], np.bool_)
    truth = np.array([PRODUCT_CLASSES.index(kind) for kind in kinds if kind is not None], np.int64)
    made = _Record(truth, [], [], [])
    signal = record.signal()
    for model in models:
        began = time.perf_counter()
        answer = classified(model, signal, record.positions[beats])
        made.seconds.append(time.perf_counter() - began)
        places = np.array([PRODUCT_CLASSES.index(each) for each in answer.classes])
        made.said.append(places[answer.labels][known])
        made.sure.append(answer.confidences[known])
    return made


def _together(records: Sequence[_Record], number: int) -> Answered:
    """Return what one model said of all records."""
    said = np.concatenate([each.said[number] for each in records])
    sure = np.concatenate([each.sure[number] for each in records])
    return Answered(said, said, sure, sum(each.seconds[number] for each in records))
