"""A visit as the numbers the model is shown: plain columns, written to and read from JSON.

Text reaches the model as the complaint it states and the concepts in it, which are the same in French and
English. What was answered to the scale's questions does not: no visit the model learnt from has such answers.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.triage.complaints import match
from ml.triage.features import BY_NAME, FEATURES, Visit
from ml.triage.levels import Ktas, urgency
from ml.triage.rules import rule
from ml.triage.scale import french
from ml.triage.trees import Floats

_MEASURED = tuple(each.name for each in FEATURES if each.name != "glycemie")
"""No visit the model learns from has a blood sugar: the scale's rules alone look at it."""
_SCALE = ("scale:median", "scale:level", "scale:experts")
_UNKNOWN = float(urgency("3B"))
"""Where the scale says nothing: its middle."""
_RAREST = 5
"""A concept of fewer visits is no column."""
_PRIOR = 5.0
"""How many visits the mean of all counts for in a complaint's mean."""
NEVER_LESS_URGENT = {
    "saturation_oxygene": -1,
    "glasgow": -1,
    "scale:median": -1,
    "scale:level": -1,
    "scale:experts": -1,
}
"""Columns of which less never makes a visit less urgent, whatever the data say by chance.

Not pain: experts give a stroke or a faint without pain more than a sprain with it.
"""


class EncoderError(ValueError):
    """A text that is no encoder; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What any encoder takes from a visit: the columns common to all, the complaint, the concepts."""

    columns: tuple[float, ...]
    complaint: str
    concepts: frozenset[str]


def see(visit: Visit) -> Seen:
    """Look at a visit; missing values are imputed."""
    values = visit.imputed()
    stated = match(visit.complaint)
    ruling = rule(Visit(visit.values, visit.complaint, {}), stated.complaint, french())
    columns = (
        *(values[name] for name in _MEASURED),
        values["frequence_cardiaque"] / values["pression_systolique"],
        _UNKNOWN if ruling.complaint is None else float(urgency(ruling.complaint.median)),
        _UNKNOWN if ruling.level is None else float(urgency(ruling.level)),
    )
    return Seen(columns, stated.complaint or "", stated.concepts)


@dataclass(frozen=True, slots=True)
class Encoder:
    """The columns, and what experts gave each complaint on average.

    Parameters
    ----------
    concepts
        The concepts with a column.
    experts
        The mean KTAS level of the visits with a complaint, drawn towards the mean of all.
    mean
        That mean; stands in for complaints no visit had.
    """

    concepts: tuple[str, ...]
    experts: Mapping[str, float]
    mean: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return (*_MEASURED, "indice_de_choc", *_SCALE, *(f"concept:{each}" for each in self.concepts))

    def encode(self, seen: Sequence[Seen]) -> Floats:
        """Return the columns of visits, shape (visits, columns)."""
        rows = [
            (
                *each.columns,
                self.experts.get(each.complaint, self.mean),
                *(concept in each.concepts for concept in self.concepts),
            )
            for each in seen
        ]
        return np.array(rows, np.float64).reshape(len(seen), len(self.columns))

    def to_json(self) -> str:
        """Write it down."""
        document = {
            "columns": self.columns,
            "concepts": self.concepts,
            "experts": dict(sorted(self.experts.items())),
            "mean": self.mean,
            "defaults": {name: BY_NAME[name].default for name in _MEASURED},
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Encoder":
        """Read what `to_json` wrote.

        Raises
        ------
        EncoderError
            When it is not that, or was written for other columns or defaults than this code has.
        """
        try:
            document = json.loads(text)
            encoder = cls(
                tuple(map(str, document["concepts"])),
                {str(name): float(mean) for name, mean in document["experts"].items()},
                float(document["mean"]),
            )
            columns, defaults = tuple(document["columns"]), document["defaults"]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise EncoderError(f"it is no encoder: {error!r}") from error
        if columns != encoder.columns or defaults != {name: BY_NAME[name].default for name in _MEASURED}:
            raise EncoderError("it was written for another table of features")
        return encoder


def fit_encoder(seen: Sequence[Seen], levels: Sequence[Ktas]) -> Encoder:
    """Return an encoder of what these visits hold."""
    concepts = Counter(concept for each in seen for concept in each.concepts)
    mean = float(np.mean(levels))
    by_complaint: dict[str, list[Ktas]] = {}
    for each, level in zip(seen, levels, strict=True):
        if each.complaint:
            by_complaint.setdefault(each.complaint, []).append(level)
    return Encoder(
        tuple(sorted(concept for concept, times in concepts.items() if times >= _RAREST)),
        {
            name: round((sum(given) + _PRIOR * mean) / (len(given) + _PRIOR), 6)
            for name, given in by_complaint.items()
        },
        round(mean, 6),
    )
