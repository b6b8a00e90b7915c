"""What the readers of signals have in common: their limits, and channels put together to one signal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.decoded import MAX_LEADS, MAX_VALUES, DecodeError, DecodeFailure
from ml.ecg.leads import unique_leads
from ml.ecg.signal import STANDARD_LEADS, Signal

MILLIVOLTS = {"NV": 1e-6, "UV": 1e-3, "MV": 1.0, "V": 1e3}
_IMPLAUSIBLE_MV = 1e6
_INDEPENDENT = ("I", "II", *STANDARD_LEADS[6:])

Samples = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Channel:
    """One lead as a reader found it.

    Parameters
    ----------
    lead : str or None
        Its name in our spelling; None when what the file calls it is no lead.
    millivolts : ndarray, shape (n_samples,)
        NaN where the machine recorded nothing.
    resolution_uv : float or None
        Microvolts between neighbouring values.
    """

    lead: str | None
    millivolts: Samples
    resolution_uv: float | None = None


@dataclass(frozen=True, eq=False)
class StoredLead:
    """One lead as stored: whole numbers, and the millivolts that one of them stands for."""

    lead: str | None
    counts: npt.NDArray[np.signedinteger[Any]]
    gain_mv: float

    def channel(self) -> Channel:
        """Return its voltages."""
        return calibrated(self.lead, self.counts, gain_mv=self.gain_mv)


def with_frontal(leads: Sequence[StoredLead]) -> list[StoredLead]:
    """Insert III, aVR, aVL and aVF where a recorder stored I, II and V1 to V6 alone.

    By Einthoven and Goldberger: III = II - I, aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2.
    """
    if tuple(lead.lead for lead in leads) != _INDEPENDENT or leads[0].gain_mv != leads[1].gain_mv:
        return list(leads)
    one, two = (lead.counts.astype(np.int64) for lead in leads[:2])
    whole, half = leads[0].gain_mv, leads[0].gain_mv / 2
    return [
        *leads[:2],
        StoredLead("III", two - one, whole),
        StoredLead("aVR", -one - two, half),
        StoredLead("aVL", 2 * one - two, half),
        StoredLead("aVF", 2 * two - one, half),
        *leads[2:],
    ]


def unit_mv(unit: str) -> float:
    """Return what a unit of voltage is in millivolts; raise ValueError for any other unit."""
    name = unit.strip().replace("µ", "u").replace("μ", "u").upper()
    name = {"MICROVOLT": "UV", "MICROVOLTS": "UV", "MILLIVOLT": "MV", "MILLIVOLTS": "MV"}.get(name, name)
    if name not in MILLIVOLTS:
        raise ValueError("not a unit of voltage")
    return MILLIVOLTS[name]


def check_size(samples: int, leads: int) -> None:
    """Refuse what a header announces before room is made for it.

    Raises
    ------
    DecodeError
        TOO_LARGE beyond `MAX_LEADS` leads, TOO_LONG beyond `MAX_VALUES` samples of all leads together.
    ValueError
        When there is nothing.
    """
    if samples < 2 or leads < 1:
        raise ValueError("no samples")
    if leads > MAX_LEADS:
        raise DecodeError(DecodeFailure.TOO_LARGE)
    if samples * leads > MAX_VALUES:
        raise DecodeError(DecodeFailure.TOO_LONG)


def calibrated(
    lead: str | None,
    counts: npt.NDArray[Any],
    *,
    gain_mv: float,
    offset_mv: float = 0.0,
    missing: npt.NDArray[np.bool_] | None = None,
) -> Channel:
    """Return counts × gain + offset as a channel, NaN where nothing was recorded."""
    if not np.isfinite([gain_mv, offset_mv]).all() or gain_mv == 0:
        raise ValueError("not a calibration")
    values = (counts * np.float64(gain_mv) + offset_mv).astype(np.float32)
    if missing is not None:
        values[missing] = np.nan
    return Channel(lead, values, abs(gain_mv) * 1e3)


def placed(channel: Channel, at: int, length: int) -> Channel:
    """Return a lead on the time that all leads share, NaN where it was not recorded."""
    values = np.full(length, np.nan, np.float32)
    values[at : at + len(channel.millivolts)] = channel.millivolts
    return Channel(channel.lead, values, channel.resolution_uv)


def assemble(channels: Sequence[Channel], sampling_rate_hz: float) -> Signal:
    """Put channels of one length together; raise ValueError when they are not the voltages of a heart."""
    check_size(len(channels[0].millivolts), len(channels))
    samples = np.empty((len(channels[0].millivolts), len(channels)), np.float32)
    recorded = False
    for index, channel in enumerate(channels):
        if len(channel.millivolts) != len(samples):
            raise ValueError("leads of different lengths")
        samples[:, index] = channel.millivolts
        known = channel.millivolts[~np.isnan(channel.millivolts)]
        recorded = recorded or bool(known.size)
        if known.size and max(-float(known.min()), float(known.max())) > _IMPLAUSIBLE_MV:
            raise ValueError("not the voltage of a heart")
    if not recorded:
        raise ValueError("nothing was recorded")
    steps = [channel.resolution_uv for channel in channels]
    resolution = tuple(step for step in steps if step is not None)
    return Signal(
        unique_leads(channel.lead for channel in channels),
        samples,
        sampling_rate_hz,
        resolution if len(resolution) == len(steps) else None,
    )
