"""Leads at another sampling rate, as recordings of several databases are brought to one."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import signal

MAX_DENOMINATOR = 1000


def at_rate(
    leads: npt.NDArray[np.float64], rate_hz: float, to_hz: float
) -> tuple[npt.NDArray[np.float64], float]:
    """Return leads without gaps, shape (n_samples, n_leads), at (very nearly) another rate.

    Returns
    -------
    tuple of ndarray and float
        The samples, and by what places in them are multiplied.
    """
    ratio = Fraction(to_hz / rate_hz).limit_denominator(MAX_DENOMINATOR)
    samples = signal.resample_poly(leads, ratio.numerator, ratio.denominator, axis=0, padtype="line")
    return samples, float(ratio)
