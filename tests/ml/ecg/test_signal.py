import numpy as np
import pytest

from ml.ecg.signal import Signal


def test_duration_is_samples_over_rate() -> None:
    assert Signal(("I",), np.zeros((5000, 1), np.float32), 500).duration_s == 10


def test_a_lead_is_found_by_name() -> None:
    signal = Signal(("I", "II"), np.array([[1, 2], [3, 4]], np.float32), 500)
    assert signal.lead("II").tolist() == [2, 4]


def test_samples_cannot_be_changed() -> None:
    signal = Signal(("I",), np.zeros((2, 1), np.float32), 500)
    with pytest.raises(ValueError, match="read-only"):
        signal.samples_mv[0, 0] = 1


@pytest.mark.parametrize(
    "leads,shape,rate_hz",
    [
        (("I",), (2, 2), 500),
        (("I", "I"), (2, 2), 500),
        ((), (2, 0), 500),
        (("I",), (1, 1), 500),
        (("I",), (2, 1), 0),
    ],
)
def test_what_does_not_fit_together_is_no_signal(
    leads: tuple[str, ...], shape: tuple[int, int], rate_hz: float
) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        Signal(leads, np.zeros(shape, np.float32), rate_hz)


@pytest.mark.parametrize("rate_hz", [float("nan"), float("inf"), -1])
def test_a_rate_that_is_no_rate_is_refused(rate_hz: float) -> None:
    with pytest.raises(ValueError, match="sampling rate"):
        Signal(("I",), np.zeros((2, 1), np.float32), rate_hz)
