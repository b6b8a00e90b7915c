"""Made records in place of MIT-BIH's: same names, same files, beats of the product's five kinds.

For trying things out without a download: the kinds differ as they do in patients, by their shape and by when
they come, but much more plainly. Figures on them say nothing about any ECG.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.beats.segments import RATE_HZ, RECORDS

LIST = "RECORDS"
LEADS = ("MLII", "V1")

Wave = tuple[float, float, float]
"""Of a bell curve: millivolts, and seconds from the R peak and wide."""

_P: Wave = (0.12, -0.16, 0.025)
_T: Wave = (0.3, 0.28, 0.05)
_WAVES: dict[str, tuple[Wave, ...]] = {
    "N": (_P, (-0.1, -0.025, 0.008), (1.1, 0.0, 0.011), (-0.2, 0.028, 0.01), _T),
    "L": (_P, (0.9, 0.0, 0.03), (0.75, 0.06, 0.03), (-0.35, 0.3, 0.06)),
    "R": (_P, (0.9, 0.0, 0.011), (-0.55, 0.045, 0.018), (0.35, 0.085, 0.018), (-0.2, 0.3, 0.05)),
    "A": ((-0.15, -0.11, 0.018), (-0.1, -0.025, 0.008), (1.0, 0.0, 0.011), (-0.2, 0.028, 0.01), _T),
    "V": ((1.6, 0.0, 0.045), (-0.6, 0.1, 0.04), (-0.5, 0.32, 0.07)),
}
_SECOND_LEAD = {"N": 0.6, "L": -0.8, "R": 1.2, "A": 0.6, "V": -0.7}


@dataclass(frozen=True, eq=False)
class Made:
    """A made record.

    Parameters
    ----------
    samples : ndarray of float64, shape (n_samples, 2)
        Millivolts of `LEADS`, `RATE_HZ` a second.
    peaks : ndarray of int64, shape (n_beats,)
        Samples of the R peaks.
    symbols : list of str
        What each beat was made to be, by PhysioNet's codes.
    """

    samples: npt.NDArray[np.float64]
    peaks: npt.NDArray[np.int64]
    symbols: list[str]


def write_synthetic(folder: Path, n_beats: int, seed: int) -> None:
    """Write 48 records with `n_beats` beats in all, their annotations and, when all are there, their list."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(RECORDS):
        rhythm = {0: "L", 1: "R"}.get(place % 6, "N")
        _write(folder, name, rhythm, max(n_beats // len(RECORDS), 12), np.random.default_rng([seed, place]))
    (folder / LIST).write_text("\n".join(RECORDS) + "\n", encoding="ascii")


def make(rhythm: str, n_beats: int, generator: np.random.Generator) -> Made:
    """Return a record: a rhythm, with an early beat of the atria or of the ventricles now and then."""
    symbols = [rhythm, *generator.choice([rhythm, "A", "V"], n_beats - 2, p=[0.6, 0.2, 0.2]), rhythm]
    usual = generator.uniform(0.7, 1.0)
    intervals = np.asarray(
        [
            usual * ({"A": 0.65, "V": 0.6}.get(symbol, 1.3 if before == "V" else 1.0))
            for before, symbol in zip(["N", *symbols], symbols, strict=False)
        ]
    ) * generator.normal(1, 0.02, n_beats)
    peaks = np.round((0.5 + np.cumsum(intervals)) * RATE_HZ).astype(np.int64)
    samples = np.zeros((int(peaks[-1] + RATE_HZ), len(LEADS)))
    seconds = np.arange(len(samples)) / RATE_HZ
    for peak, symbol in zip(peaks, symbols, strict=True):
        start, end = max(peak - 150, 0), min(peak + 200, len(samples))
        beat = _beat(seconds[start:end] - seconds[peak], symbol) * generator.normal(1, 0.05)
        samples[start:end] += np.outer(beat, [1, _SECOND_LEAD[symbol]])
    samples *= generator.uniform(0.7, 1.3)
    samples += 0.1 * np.sin(2 * np.pi * 0.2 * seconds)[:, None]
    samples += generator.normal(0, 0.02, samples.shape)
    return Made(samples, peaks, symbols)


def _write(folder: Path, name: str, rhythm: str, n_beats: int, generator: np.random.Generator) -> None:
    """Write one record."""
    import wfdb  # noqa: PLC0415 - pandas, when records are written

    made = make(rhythm, n_beats, generator)
    wfdb.wrsamp(
        name,
        fs=RATE_HZ,
        units=["mV", "mV"],
        sig_name=list(LEADS),
        p_signal=made.samples,
        fmt=["212", "212"],
        adc_gain=[200, 200],
        baseline=[1024, 1024],
        write_dir=str(folder),
    )
    wfdb.wrann(name, "atr", made.peaks, made.symbols, write_dir=str(folder))


def _beat(seconds: npt.NDArray[np.float64], symbol: str) -> npt.NDArray[np.float64]:
    waves = [
        height * np.exp(-((seconds - centre) ** 2) / (2 * width**2))
        for height, centre, width in _WAVES[symbol]
    ]
    return np.asarray(np.sum(waves, axis=0))
