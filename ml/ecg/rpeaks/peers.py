"""Other people's detectors, to compare ours with; none of them is needed to find R peaks."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.ecg.rpeaks.evaluation import Detector

Lead = npt.NDArray[np.float64]


def installed_peers() -> tuple[dict[str, Detector], list[str]]:
    """Return the detectors that are installed, by name, and the names of those that are not."""
    found: dict[str, Detector] = {}
    missing: list[str] = []
    for name, (module, make) in _PEERS.items():
        try:
            found[name] = make(importlib.import_module(module))
        except ModuleNotFoundError:
            missing.append(name)
    return found, missing


def _gqrs(processing: Any) -> Detector:
    return lambda lead, rate_hz: processing.gqrs_detect(sig=lead, fs=rate_hz)


def _xqrs(processing: Any) -> Detector:
    return lambda lead, rate_hz: processing.xqrs_detect(sig=lead, fs=rate_hz, verbose=False)


def _neurokit(neurokit2: Any) -> Detector:
    def detect(lead: Lead, rate_hz: float) -> Any:
        clean = neurokit2.ecg_clean(lead, sampling_rate=int(rate_hz))
        return neurokit2.ecg_peaks(clean, sampling_rate=int(rate_hz))[1]["ECG_R_Peaks"]

    return detect


def _sleepecg(sleepecg: Any) -> Detector:
    detect: Detector = sleepecg.detect_heartbeats
    return detect


_PEERS: dict[str, tuple[str, Callable[[Any], Detector]]] = {
    "wfdb gqrs": ("wfdb.processing", _gqrs),
    "wfdb xqrs": ("wfdb.processing", _xqrs),
    "NeuroKit2": ("neurokit2", _neurokit),
    "SleepECG": ("sleepecg", _sleepecg),
}
