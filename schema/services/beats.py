"""The beats of a prediction: listed, drawn, explained, and what they amount to."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from schema.errors import ValidationFailedError
from schema.models.predictions import WHOLE, BeatClass, Feedback, FeedbackType
from schema.pagination import Page, PageRequest, encode_cursor

if TYPE_CHECKING:
    from ml.beats.packing import KeptBeats
    from ml.beats.predicting import Saliency
    from ml.ecg.signal import Signal
    from ml.ecg.tracing import Tracing

Key = tuple[float, int]
Judgements = Mapping[int, BeatClass | None]
"""What a reader holds beats to be, by number; None where the model is wrong and they do not tell how."""
LONGEST_STRIP_S = 30.0
EVEN_ODDS = 0.5
SALIENCY_PARTS = 100
"""Into so many parts at most what a beat hangs on is told."""
CONCEPTS = {
    BeatClass.LBBB: "LBBB",
    BeatClass.RBBB: "RBBB",
    BeatClass.APB: "ATRIAL_PREMATURE_COMPLEX",
    BeatClass.PVC: "VENTRICULAR_PREMATURE_COMPLEX",
}
"""What a tracing shows that has beats of a class; normal beats alone do not tell a rhythm."""


class BeatSort(StrEnum):
    """What beats are listed by."""

    POSITION = "position"
    CERTAINTY = "certainty"


@dataclass(frozen=True, slots=True)
class BeatRow:
    """One beat, `number` counted from 1."""

    number: int
    seconds: float
    label: BeatClass
    confidence: float
    probabilities: tuple[tuple[BeatClass, float], ...]
    conformal: tuple[BeatClass, ...]


@dataclass(frozen=True, slots=True)
class BeatFilter:
    """Which beats to list; what is None does not narrow.

    Parameters
    ----------
    as_judged
        Whether `label` is what the reader holds them to be of, where they have judged them; the model's else.
    judged
        Whether the reader has confirmed or corrected them.
    judgements
        Those of the reader.
    """

    label: BeatClass | None
    as_judged: bool
    judged: bool | None
    judgements: Judgements


@dataclass(frozen=True, slots=True)
class BeatFinding:
    """What beats of one class amount to, `judged_count` of them by the word of a reader."""

    concept_id: str
    confidence: float
    beat_count: int
    judged_count: int


@dataclass(frozen=True, slots=True)
class StripRow:
    """A stretch of the recording to draw, with the beats in it."""

    lead: str
    start_s: float
    seconds: float
    tracing: "Tracing"
    beats: list[BeatRow]


@dataclass(frozen=True, slots=True)
class SaliencyRow:
    """What the class of a beat hangs on, in parts of the same length from `start_s` on, the most being 1."""

    start_s: float
    part_s: float
    label: BeatClass
    weights: list[float]


def beat(kept: "KeptBeats", at: int) -> BeatRow:
    """Return one beat by its place, counted from 0."""
    names = [BeatClass(name) for name in kept.classes]
    shares = kept.probabilities[at].tolist()
    return BeatRow(
        number=at + 1,
        seconds=round(float(kept.positions[at]) / kept.sampling_rate_hz, 4),
        label=names[kept.labels[at]],
        confidence=float(shares[kept.labels[at]]),
        probabilities=tuple(zip(names, shares, strict=True)),
        conformal=tuple(name for name, inside in zip(names, kept.sets[at], strict=True) if inside),
    )


def judgements(opinions: Iterable[Feedback]) -> dict[int, BeatClass | None]:
    """Return what a reader holds beats to be by their opinions in force."""
    held = {}
    for each in opinions:
        told = each.original if each.type == FeedbackType.CORRECT.value else each.corrected_class
        if each.target != WHOLE:
            held[each.target] = BeatClass(told) if told else None
    return held


def counts_as_judged(counts: Mapping[str, int], opinions: Iterable[Feedback]) -> dict[str, int]:
    """Return how many beats of each class there are to a reader, from how many there are to the model."""
    held = dict(counts)
    for each in opinions:
        if each.target != WHOLE and each.type != FeedbackType.CORRECT.value and each.original in held:
            held[each.original] -= 1
            if each.corrected_class is not None:
                held[each.corrected_class] += 1
    return held


def page_of_beats(
    kept: "KeptBeats", chosen: BeatFilter, sort: BeatSort, request: PageRequest, *, descending: bool
) -> Page[BeatRow]:
    """Return a page of the beats that a reader has asked for."""
    sure = kept.confidences
    places = [at for at in range(len(kept)) if _is_chosen(kept, at, chosen)]

    def key(at: int) -> Key:
        value = (float(sure[at]), at) if sort is BeatSort.CERTAINTY else (0.0, at)
        return (-value[0], -value[1]) if descending else value

    ordered = sorted(places, key=key)
    start, stop = _stretch([key(at) for at in ordered], key, len(kept), sort, request)
    return Page(
        rows=[beat(kept, at) for at in ordered[start:stop]],
        has_next=stop < len(ordered),
        has_previous=start > 0,
        cursor_of=lambda row: encode_cursor([sort.value, row.number]),
        count=lambda: len(ordered),
    )


def _is_chosen(kept: "KeptBeats", at: int, chosen: BeatFilter) -> bool:
    if chosen.judged is not None and chosen.judged is not (at + 1 in chosen.judgements):
        return False
    own = BeatClass(kept.classes[kept.labels[at]])
    held = chosen.judgements.get(at + 1, own) if chosen.as_judged else own
    return chosen.label is None or held is chosen.label


def _stretch(
    keys: Sequence[Key], key: Callable[[int], Key], beats: int, sort: BeatSort, request: PageRequest
) -> tuple[int, int]:
    """Return where a page starts and stops among ordered beats."""
    if request.cursor is None:
        if request.forward:
            return 0, min(request.limit, len(keys))
        return max(len(keys) - request.limit, 0), len(keys)
    match request.cursor:
        case (sort.value, int(number)) if 0 < number <= beats:
            at = key(number - 1)
        case _:
            raise ValidationFailedError.of("after" if request.forward else "before", "bad_cursor")
    if request.forward:
        start = bisect_right(keys, at)
        return start, min(start + request.limit, len(keys))
    stop = bisect_left(keys, at)
    return max(stop - request.limit, 0), stop


def strip(kept: "KeptBeats", signal: "Signal", start_s: float) -> StripRow:
    """Return what there is to draw of a stretch of the first lead that was read."""
    from ml.ecg.tracing import tracing  # noqa: PLC0415 - NumPy, with the first strip

    lead, rate = kept.leads[0], kept.sampling_rate_hz
    stop_s = start_s + signal.duration_s
    first, last = kept.positions.searchsorted([start_s * rate, stop_s * rate])
    return StripRow(
        lead,
        start_s,
        signal.duration_s,
        tracing(signal.lead(lead), signal.sampling_rate_hz),
        [beat(kept, at) for at in range(first, last)],
    )


def saliency(kept: "KeptBeats", told: "Saliency") -> SaliencyRow:
    """Return what a beat hangs on in few enough parts to draw."""
    import numpy as np  # noqa: PLC0415 - with the first prediction

    size = -(-len(told.weights) // SALIENCY_PARTS)
    parts = [float(part.max()) for part in np.split(told.weights, range(size, len(told.weights), size))]
    most = max(parts, default=0.0) or 1.0
    return SaliencyRow(
        start_s=told.start / kept.sampling_rate_hz,
        part_s=size / kept.sampling_rate_hz,
        label=BeatClass(kept.classes[told.label]),
        weights=[round(part / most, 4) for part in parts],
    )


def unsure_count(kept: "KeptBeats") -> int:
    """Return how many beats are less likely than not to be of the class that they were given."""
    return int((kept.confidences < EVEN_ODDS).sum())


def findings(kept: "KeptBeats", judged: Judgements) -> list[BeatFinding]:
    """Return what the beats amount to as a reader has judged them, the most frequent first.

    Confidence is their mean, in per cent: what the reader has confirmed or corrected is certain. A beat
    that they hold to be wrong without telling its class counts for none.
    """
    shares: dict[BeatClass, list[float]] = {}
    sure, told = kept.confidences.tolist(), dict.fromkeys(CONCEPTS, 0)
    for at, label in enumerate(kept.labels.tolist()):
        held = judged.get(at + 1, BeatClass(kept.classes[label]))
        if held in CONCEPTS:
            shares.setdefault(held, []).append(1.0 if at + 1 in judged else sure[at])
            told[held] += at + 1 in judged
    found = [
        BeatFinding(CONCEPTS[held], round(sum(its) / len(its) * 100, 1), len(its), told[held])
        for held, its in shares.items()
    ]
    return sorted(found, key=lambda each: -each.beat_count)
