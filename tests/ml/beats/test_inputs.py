"""What the stronger model is shown hardly changes with gain, drift, rate and marks, and is always bounded."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import signal

from ml.beats.inputs import (
    CHANNELS,
    LEAD_RHYTHM,
    QRS,
    RHYTHM_LENGTH,
    SHAPE_LENGTH,
    BeatInputs,
    beat_inputs,
)
from ml.ecg.annotated import AnnotatedRecord, read_annotated


@pytest.fixture(scope="module")
def minutes(shared_data: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]]:
    """Return three minutes of a woman with ventricular beats: both leads, R peaks, codes."""
    record: AnnotatedRecord = read_annotated(shared_data / "mitdb", "119")
    within = record.beats() < 180 * 360 - 400
    symbols = [symbol for symbol in record.symbols if symbol not in "+~|"]
    return record.samples_mv[: 180 * 360], record.beats()[within], symbols[: within.sum()]


def differing(one: BeatInputs, other: BeatInputs) -> tuple[float, float]:
    """Return how far shapes and rhythm of the middle beats lie apart, as root mean squares."""
    shapes = (one.shapes - other.shapes)[5:-5]
    rhythm = (one.rhythm - other.rhythm)[5:-5]
    return float(np.sqrt((shapes**2).mean())), float(np.sqrt((rhythm**2).mean()))


def test_gain_offset_and_slow_drift_change_nothing(
    minutes: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]],
) -> None:
    leads, peaks, _ = minutes
    drift = 0.5 * np.sin(2 * np.pi * 0.1 * np.arange(len(leads)) / 360)
    plain = beat_inputs(leads, 360, peaks)

    shapes, rhythm = differing(plain, beat_inputs(3 * leads + 1.5 + drift[:, None], 360, peaks))

    assert shapes < 0.02
    assert rhythm < 0.05


def test_a_recording_of_another_rate_is_shown_the_same(
    minutes: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]],
) -> None:
    leads, peaks, _ = minutes
    plain = beat_inputs(leads, 360, peaks)
    for rate, up, down in ((128, 16, 45), (500, 25, 18), (1000, 25, 9)):
        other = beat_inputs(
            signal.resample_poly(leads, up, down), rate, np.round(peaks * rate / 360).astype(int)
        )
        shapes, rhythm = differing(plain, other)
        assert shapes < 0.2 * plain.shapes.std()
        assert rhythm < 0.1 * plain.rhythm.std()


def test_peaks_marked_somewhat_elsewhere_hardly_matter(
    minutes: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]],
) -> None:
    leads, peaks, symbols = minutes
    jitter = np.random.default_rng(1).integers(-7, 8, len(peaks))  # 20 ms
    plain, other = beat_inputs(leads, 360, peaks), beat_inputs(leads, 360, peaks + jitter)
    normal = np.asarray([symbol == "N" for symbol in symbols])

    shift = np.abs((other.shapes - plain.shapes)[normal][:, QRS]).mean()
    unaligned = np.abs(np.roll(plain.shapes, 1, axis=1) - plain.shapes)[normal][:, QRS].mean()
    assert shift < unaligned


def test_a_ventricular_beat_differs_from_the_usual_one_and_comes_early(
    minutes: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]],
) -> None:
    leads, peaks, symbols = minutes
    shown = beat_inputs(leads, 360, peaks)
    differing = (shown.shapes[..., 2:] ** 2).mean(axis=(1, 2))
    normal, ventricular = (np.asarray([each == symbol for each in symbols]) for symbol in "NV")

    assert np.median(differing[ventricular]) > 10 * np.median(differing[normal])
    assert np.median(shown.rhythm[ventricular, 0]) < np.median(shown.rhythm[normal, 0]) - 0.3


def test_an_inverted_lead_gives_inverted_shapes_and_the_same_rhythm(
    minutes: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]],
) -> None:
    leads, peaks, _ = minutes
    plain, inverted = beat_inputs(leads, 360, peaks), beat_inputs(leads * [1, -1], 360, peaks)

    assert inverted.shapes == pytest.approx(plain.shapes * [1, -1, 1, -1], abs=1e-5)
    assert inverted.rhythm == pytest.approx(plain.rhythm, abs=1e-5)


def test_a_second_lead_is_shown_beside_the_first_and_a_missing_one_as_zeros(
    minutes: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], list[str]],
) -> None:
    leads, peaks, _ = minutes
    both, swapped = beat_inputs(leads, 360, peaks), beat_inputs(leads[:, ::-1], 360, peaks)
    one = beat_inputs(leads[:, :1], 360, peaks)
    flat = beat_inputs(leads * [1, 0] + [0, 0.3], 360, peaks)

    assert swapped.shapes == pytest.approx(both.shapes[..., [1, 0, 3, 2]], abs=1e-5)
    assert swapped.rhythm[:, LEAD_RHYTHM] == pytest.approx(
        both.rhythm[:, LEAD_RHYTHM][:, [1, 0, 3, 2]], abs=1e-5
    )
    assert (one.shapes[..., [1, 3]] == 0).all()
    assert flat.shapes == pytest.approx(one.shapes)
    assert flat.rhythm == pytest.approx(one.rhythm)


def test_intervals_are_told_by_those_around() -> None:
    # One beat a second, the eleventh 0.4 s early: log(0.6) before it, log(1.4) after, times three.
    seconds = np.arange(1, 21).astype(float)
    seconds[10] -= 0.4
    samples = np.zeros((21 * 200, 1))
    shown = beat_inputs(samples, 200, (seconds * 200).astype(int))

    assert shown.rhythm[10, :2] == pytest.approx(3 * np.log([0.6, 1.4]), abs=1e-5)
    assert shown.rhythm[[0, 5, 19], :2] == pytest.approx(0, abs=1e-5)


def test_what_is_usual_follows_a_lasting_change_of_shape() -> None:
    # Six hundred beats; from the three hundredth on, inverted (the patient has turned over).
    peaks = np.arange(1, 601) * 200
    bells = signal.convolve(
        np.isin(np.arange(601 * 200), peaks).astype(float), signal.windows.gaussian(41, 6)
    )
    samples = (
        np.roll(bells, -20)[: 601 * 200, None]
        * np.where(np.arange(601 * 200) < 300 * 200 + 100, 1, -1)[:, None]
    )
    differing = np.abs(beat_inputs(samples, 250, peaks).shapes[..., 2]).max(axis=1)

    assert differing[:200].max() < 0.1
    assert differing[400:-1].max() < 0.1
    assert differing[[290, 310]].max() > 1


@pytest.mark.parametrize(
    "samples, peaks",
    [
        (np.full((2000, 2), np.nan), [300, 700]),
        (np.zeros((2000, 2)), [300, 700]),
        (np.array([[0.1, 0.2], [np.inf, 0.1], [-0.3, np.nan]]), [1]),
        (np.array([[0.5]]), [0]),
        (np.random.default_rng(1).normal(size=(3000, 1)) * 1e6, [0, 0, 1, 2999]),
        (np.random.default_rng(1).normal(size=(3000, 2)), [1500]),
    ],
)
def test_any_signal_gives_bounded_inputs(samples: npt.NDArray[np.float64], peaks: list[int]) -> None:
    shown = beat_inputs(samples, 360, peaks)

    assert shown.shapes.shape == (len(peaks), SHAPE_LENGTH, CHANNELS)
    assert shown.rhythm.shape == (len(peaks), RHYTHM_LENGTH)
    assert shown.shapes.dtype == shown.rhythm.dtype == np.float32
    assert np.abs(shown.shapes).max() <= 8
    assert np.abs(shown.rhythm).max() <= 4


def test_no_beats_give_no_inputs() -> None:
    for samples in (np.zeros((0, 2)), np.zeros((500, 2))):
        shown = beat_inputs(samples, 360, [])
        assert shown.shapes.shape == (0, SHAPE_LENGTH, CHANNELS)
        assert shown.rhythm.shape == (0, RHYTHM_LENGTH)


def test_what_is_no_recording_of_one_or_two_leads_at_a_usable_rate_is_refused() -> None:
    for samples, rate in ((np.zeros(500), 360), (np.zeros((500, 3)), 360), (np.zeros((500, 2)), 99)):
        with pytest.raises(ValueError, match=r"leads|Hz"):
            beat_inputs(samples, rate, [100])
