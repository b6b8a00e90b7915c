"""The closed list of ways a volume cannot be used. Light: no NumPy, no nibabel."""

from enum import StrEnum


class Fault(StrEnum):
    """Why; callers turn each into one sentence that says what to do."""

    NOT_NIFTI = "not_nifti"
    UNSUPPORTED = "unsupported"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    DAMAGED = "damaged"
    NOT_3D = "not_3d"
    BAD_GEOMETRY = "bad_geometry"
    CONTRADICTING_GEOMETRY = "contradicting_geometry"
    NOT_LABELS = "not_labels"
    UNKNOWN_LABELS = "unknown_labels"
    OTHER_SHAPE = "other_shape"
    OTHER_GEOMETRY = "other_geometry"
    NOT_PROBABILITIES = "not_probabilities"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"


class VolumeError(ValueError):
    """The one error of reading volumes: a code, numbers that it names, and which file.

    Parameters
    ----------
    fault : Fault
        Why.
    file : str
        Which of several files, as whoever reads them calls it.
    values : str
        What its words name: labels, shapes. Never a text of the file's.
    """

    def __init__(self, fault: Fault, file: str = "", **values: str) -> None:
        super().__init__(" ".join([fault.value, *values.values()]))
        self.fault = fault
        self.file = file
        self.values_named = values

    def of(self, file: str) -> "VolumeError":
        """Return the same error of a file."""
        return VolumeError(self.fault, file, **self.values_named)
