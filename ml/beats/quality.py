"""How far an ECG can be trusted to be classified, and why not further."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How far the beats' classes can be trusted, best first; `INSUFFICIENT` has no classes."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INSUFFICIENT = "insufficient"


class Reason(StrEnum):
    """Why a verdict is not `HIGH`, or what was left out."""

    TOO_SHORT = "too_short"  # less than two seconds, or fewer than three beats
    SAMPLING_RATE = "sampling_rate"  # outside 100 to 1,000 Hz (medium above, insufficient below)
    HEART_RATE = "heart_rate"  # implausible: a wrong sampling rate, or beats missed or doubled
    FLAT = "flat"  # for most, or a part, of the time
    CLIPPED = "clipped"  # at the highest or lowest value of the recorder
    GAPS = "gaps"  # not recorded
    NOISE = "noise"
    AMPLITUDE = "amplitude"  # no voltages of a heart: a wrong unit
    INVERTED = "inverted"  # lead II points downwards: electrodes swapped, or the axis
    MISSING_LEAD = "missing_lead"  # neither lead II nor one like it
    ONE_LEAD = "one_lead"  # the second one the model knows is not there
    OUT_OF_DISTRIBUTION = "out_of_distribution"  # beats unlike any it has learnt from
    FROM_PAPER = "from_paper"  # read off a picture of paper, not measured
    CUT = "cut"  # longer than an hour: only the first was read
    NO_BEATS = "no_beats"


@dataclass(frozen=True)
class Quality:
    """A verdict and every reason for it, the gravest first."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
