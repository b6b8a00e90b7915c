"""What serving a beat classifier needs besides its graph, as its manifest keeps it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ml.registry.manifest import Json
from ml.registry.predictor import LoadError


@dataclass(frozen=True)
class Settings:
    """How a network's probabilities become confidence and sets.

    Parameters
    ----------
    temperature : float
        What their logarithms are divided by.
    coverage : float
        The share of beats whose set is to hold the truth: 0.9.
    thresholds : tuple of float
        A class is in the set when its calibrated probability is at least this; one for each class.
    """

    temperature: float
    coverage: float
    thresholds: tuple[float, ...]

    def to_json(self) -> dict[str, Json]:
        """Return them as a manifest's `settings`."""
        return {**asdict(self), "thresholds": list(self.thresholds)}

    @classmethod
    def from_json(cls, settings: Mapping[str, Json], classes: Sequence[str]) -> "Settings":
        """Read a manifest's `settings`.

        Raises
        ------
        LoadError
            When they are not those of a classifier of these classes.
        """
        match settings:
            case {
                "temperature": int() | float() as temperature,
                "coverage": int() | float() as coverage,
                "thresholds": [*thresholds],
            } if len(thresholds) == len(classes):
                limits = tuple(float(each) for each in thresholds if isinstance(each, int | float))
                if 0 < temperature < math.inf and 0 < coverage < 1 and len(limits) == len(classes):
                    return cls(float(temperature), float(coverage), limits)
        raise LoadError("its settings are no temperature, coverage and one threshold for each class")
