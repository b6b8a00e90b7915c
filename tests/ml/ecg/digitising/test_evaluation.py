"""The benchmark: what it counts, and that a printed record comes back."""

import numpy as np
import pytest

from ml.ecg.digitising.evaluation import Page, Report, judge
from ml.ecg.digitising.printing import CONDITIONS, print_page
from ml.ecg.signal import STANDARD_LEADS, Signal
from tests.support.ecg import made


@pytest.fixture(scope="module")
def signal() -> Signal:
    beat = made(np.arange(0.6, 10, 0.83), 500, 10)
    leads = [gain * np.roll(beat, 10 * place) for place, gain in enumerate(np.linspace(0.4, 1.3, 12))]
    return Signal(STANDARD_LEADS, np.stack(leads, axis=1).astype(np.float32), 500)


@pytest.mark.parametrize("layout, condition", [("3x4+3", "perspective"), ("6x2", "blurred, JPEG")])
def test_a_printed_record_comes_back_from_a_spoiled_page(signal: Signal, layout: str, condition: str) -> None:
    printed = CONDITIONS[condition](print_page(signal, layout), 1)

    found = judge(signal, printed, "made", layout, condition)

    assert found.refusal is None
    assert found.mean_db > 12
    assert found.covered > 0.98


def test_an_aim_that_is_missed_is_told_and_refusals_count() -> None:
    good = Page("1", "6x2", "clean", 1.0, None, {"I": 25.0, "II": 21.0}, 1.0)
    poor = Page("1", "6x2", "perspective", 1.0, None, {"I": 11.0, "II": 9.0}, 1.0)
    refused = Page("2", "6x2", "clean", 1.0, "no_grid")

    assert Report([good]).faults() == []
    assert Report([good, poor]).faults() == ["perspective: 10.0 dB, not 12"]
    assert Report([good, refused]).faults() == ["clean: 50% refused, not 2%"]
    assert Report([good]).summary("clean")["mean_db"] == 23
