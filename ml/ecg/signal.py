from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.ecg.leads import STANDARD_LEADS

__all__ = ["STANDARD_LEADS", "Signal"]


@dataclass(frozen=True, eq=False)
class Signal:
    """A multi-lead ECG as voltages over time.

    Parameters
    ----------
    leads : tuple of str
        Lead names in the field's spelling (``I``, ``aVR``, ``V1``), unique, one per column.
    samples_mv : ndarray of float32, shape (n_samples, n_leads)
        Millivolts; NaN where the machine recorded nothing. Made read-only.
    sampling_rate_hz : float
        Samples per second and lead.
    resolution_uv : tuple of float, optional
        Microvolts between neighbouring values, per lead; None where the source does not tell.

    Raises
    ------
    ValueError
        When shape, names and rate do not fit together.
    """

    leads: tuple[str, ...]
    samples_mv: npt.NDArray[np.float32]
    sampling_rate_hz: float
    resolution_uv: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.samples_mv.ndim != 2 or self.samples_mv.shape[1] != len(self.leads) or not self.leads:
            raise ValueError("samples_mv must have one column per lead")
        if len(set(self.leads)) < len(self.leads):
            raise ValueError("lead names must be unique")
        if len(self.samples_mv) < 2 or not 0 < self.sampling_rate_hz < float("inf"):
            raise ValueError("a signal needs two samples and a sampling rate")
        resolution = self.resolution_uv or (1.0,) * len(self.leads)
        if len(resolution) != len(self.leads) or not all(0 < step < float("inf") for step in resolution):
            raise ValueError("a resolution is a number of microvolts for each lead")
        self.samples_mv.setflags(write=False)

    @property
    def duration_s(self) -> float:
        """Seconds covered: the number of samples over the sampling rate."""
        return len(self.samples_mv) / self.sampling_rate_hz

    def lead(self, name: str) -> npt.NDArray[np.float32]:
        """Return one lead's millivolts, shape (n_samples,)."""
        return self.samples_mv[:, self.leads.index(name)]
