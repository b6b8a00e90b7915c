"""Made ECGs."""

import numpy as np
import numpy.typing as npt


def made(
    times_s: npt.ArrayLike, rate_hz: float, duration_s: float, noise_mv: float = 0.01
) -> npt.NDArray[np.float64]:
    """Return beats of P, QRS and T waves at these times."""
    at = np.arange(0, duration_s, 1 / rate_hz)
    lead = np.random.default_rng(5).normal(0, noise_mv, len(at))
    for beat in np.atleast_1d(times_s):
        for delay, height, width in (
            (-0.16, 0.12, 0.025),
            (0, 1.2, 0.011),
            (0.03, -0.25, 0.012),
            (0.3, 0.35, 0.05),
        ):
            lead += height * np.exp(-0.5 * ((at - beat - delay) / width) ** 2)
    return lead
