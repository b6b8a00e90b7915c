"""Scale is checked in pixels of the PNG: 12 a millimetre, so 300 a second and 120 a millivolt."""

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ml.ecg.rendering import BOLD_GRID, FINE_GRID, INK, PAPER, render
from ml.ecg.signal import STANDARD_LEADS, Signal

LEFT_PX = 15 * 12
RATE_HZ = 500


def twelve_leads(
    seconds: float = 10.0, spikes_s: dict[str, list[float]] | None = None, mv: float = 1.0
) -> Signal:
    """Return flat leads with triangular spikes 40 ms wide at chosen times."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    samples = np.zeros((time.size, 12), np.float32)
    for lead, centres in (spikes_s or {}).items():
        for centre in centres:
            rise = np.clip(1 - np.abs(time - centre) / 0.02, 0, 1) * mv
            samples[:, STANDARD_LEADS.index(lead)] += rise.astype(np.float32)
    return Signal(STANDARD_LEADS, samples, RATE_HZ)


def darkness(signal: Signal) -> npt.NDArray[np.bool_]:
    """Return where the page is inked: true for pixels more than half ink."""
    with Image.open(io.BytesIO(render(signal).png)) as page:
        brightness: npt.NDArray[np.int64] = np.asarray(page.convert("RGB"), np.int64).sum(axis=2)
    return brightness < (sum(BOLD_GRID) + sum(INK)) // 2


def baseline(dark: npt.NDArray[np.bool_], row: int) -> int:
    """Return the height of a row's zero line, read off the foot of its pulse at the very left."""
    inked = np.flatnonzero(dark[:-150, 5 * 12 + 4])
    lines = np.split(inked, np.flatnonzero(np.diff(inked) > 10) + 1)
    return round(float(lines[row].mean()))


def peak_x(dark: npt.NDArray[np.bool_], zero: int, above_mv: float, left: int, right: int) -> float:
    """Return the mean x of what is inked about a voltage above a zero line between two columns."""
    y = round(zero - above_mv * 120)
    return left + float(np.flatnonzero(dark[y, left:right]).mean())


def test_a_millivolt_of_calibration_is_ten_millimetres_high_and_five_wide() -> None:
    dark = darkness(twelve_leads())
    for row in range(4):
        zero = baseline(dark, row)
        assert abs(int(np.flatnonzero(dark[: zero - 60, 120]).max()) - (zero - 120)) <= 1
        edges = np.flatnonzero(dark[zero - 60, 60:180]) + 60
        assert edges.min() == pytest.approx(90, abs=2)
        assert edges.max() == pytest.approx(150, abs=2)


def test_zero_lines_lie_on_the_bold_grid() -> None:
    dark = darkness(twelve_leads())
    assert [baseline(dark, row) % 60 for row in range(4)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "lead,row,second",
    [("I", 0, 1.0), ("II", 1, 2.2), ("aVR", 0, 3.0), ("aVF", 2, 4.8), ("V2", 1, 6.0), ("V6", 2, 9.5)],
)
def test_a_spike_stands_at_its_own_time_in_its_leads_column(lead: str, row: int, second: float) -> None:
    """Columns run on: a spike at 3 s is in the second column, 3 × 300 px right of the trace's left end."""
    dark = darkness(twelve_leads(spikes_s={lead: [second]}))
    expected = LEFT_PX + round(second * 300)
    peak = peak_x(dark, baseline(dark, row), 0.8, expected - 40, expected + 40)
    assert peak == pytest.approx(expected, abs=1.5)


def test_a_spike_is_as_high_as_its_voltage() -> None:
    dark = darkness(twelve_leads(spikes_s={"II": [5.0]}, mv=1.5))
    column = dark[:, LEFT_PX + 1500]
    zero = baseline(dark, 3)
    top = int(np.flatnonzero(column[: zero - 10])[np.flatnonzero(column[: zero - 10]) > zero - 250].min())
    assert zero - top == pytest.approx(180, abs=4)


def test_a_spike_outside_its_leads_column_is_not_drawn_there() -> None:
    flat, spiked = darkness(twelve_leads()), darkness(twelve_leads(spikes_s={"V1": [1.0]}))
    np.testing.assert_array_equal(flat, spiked)


def test_the_rhythm_strip_shows_lead_two_over_all_ten_seconds() -> None:
    beats = [0.5 + 0.9 * index for index in range(10)]
    dark = darkness(twelve_leads(spikes_s={"II": beats}))
    line = dark[baseline(dark, 3) - 96, LEFT_PX + 80 :]
    assert len(np.flatnonzero(np.diff(np.flatnonzero(line)) > 100)) + 1 == 10


def test_the_grid_is_crisp_every_millimetre_and_bold_every_five() -> None:
    with Image.open(io.BytesIO(render(twelve_leads()).png)) as page:
        line = np.asarray(page.convert("RGB"))[30]
    colours = {tuple(int(part) for part in pixel) for pixel in line}
    assert colours == {PAPER, FINE_GRID, BOLD_GRID}
    fine = np.flatnonzero((line == FINE_GRID).all(axis=1))
    bold = np.flatnonzero((line == BOLD_GRID).all(axis=1))
    assert set(fine % 12) == {0}
    assert set(bold % 60) == {0, 1}


def test_the_png_is_small_and_says_its_true_size() -> None:
    """A line a second: 270 mm at 12 pixels a millimetre; the PNG states 12,000 pixels a metre."""
    noise = np.random.default_rng(7).normal(0, 0.1, (5000, 12)).astype(np.float32)
    rendering = render(Signal(STANDARD_LEADS, noise, RATE_HZ))
    assert rendering.pixels_per_mm == 12
    assert rendering.width == 270 * 12 + 1
    assert len(rendering.png) < 500_000
    position = rendering.png.index(b"pHYs")
    assert int.from_bytes(rendering.png[position + 4 : position + 8], "big") == 12_000
    with Image.open(io.BytesIO(rendering.png)) as page:
        assert page.size == (rendering.width, rendering.height)


def test_a_constant_offset_does_not_move_the_trace() -> None:
    signal = twelve_leads(spikes_s={"V4": [8.0]})
    shifted = replace(signal, samples_mv=signal.samples_mv + np.float32(4))
    assert (darkness(signal) != darkness(shifted)).sum() <= 10, "more than what float32 rounds"


def test_rows_grow_for_tall_complexes() -> None:
    """35 mm, 2 mm of air and 5 mm below the row before make 42, so 45 mm between rows instead of 25."""
    flat, tall = render(twelve_leads()), render(twelve_leads(spikes_s={"V5": [8.0]}, mv=3.5))
    assert tall.height - flat.height == 20 * 12


def test_what_leaves_the_page_is_marked_at_its_edge() -> None:
    calm, wild = (darkness(twelve_leads(spikes_s={"V1": [6.0]}, mv=mv)) for mv in (1.0, 30.0))
    x = LEFT_PX + 1800
    assert not calm[0, x - 20 : x + 20].any()
    assert wild[15, x - 20 : x + 20].sum() >= 14


def test_other_leads_are_stacked_one_a_row_in_the_usual_order() -> None:
    samples = np.zeros((5000, 3), np.float32)
    samples[1000:1010, 0] = 1
    rendering = render(Signal(("V1", "MLII", "I"), samples, RATE_HZ))
    dark = darkness(Signal(("V1", "MLII", "I"), samples, RATE_HZ))
    assert rendering.height == (15 + 25 + 25 + 15 + 10) * 12 + 1
    x = LEFT_PX + 606
    assert [bool(dark[baseline(dark, row) - 60, x - 8 : x + 8].any()) for row in range(3)] == [
        False,
        True,
        False,
    ]


def test_twelve_leads_of_five_seconds_are_stacked() -> None:
    assert render(twelve_leads(5.0)).width == (20 + 125) * 12 + 1


def test_a_longer_record_shows_ten_seconds_and_says_so() -> None:
    ten, thirty = darkness(twelve_leads(10.0)), darkness(twelve_leads(30.0))
    assert ten.shape == thirty.shape
    caption = slice(-80, -10)
    assert thirty[caption].sum() > ten[caption].sum()
    np.testing.assert_array_equal(ten[:-80], thirty[:-80])


def test_nothing_is_drawn_where_nothing_was_recorded() -> None:
    samples = np.zeros((5000, 12), np.float32)
    samples[500:750] = np.nan
    samples[:, 3] = np.nan
    dark = darkness(Signal(STANDARD_LEADS, samples, RATE_HZ))
    zero = baseline(dark, 0)
    assert not dark[zero, LEFT_PX + 310 : LEFT_PX + 440].any()
    assert dark[zero, LEFT_PX + 460 : LEFT_PX + 740].all()
    assert not dark[zero, LEFT_PX + 760 : LEFT_PX + 1490].any()


def test_thirty_two_leads_of_wild_noise_take_a_bounded_effort() -> None:
    """An amplifier's full range at 8 kHz in every lead: the page stays below 65 megapixels."""
    noise = np.random.default_rng(3).uniform(-30, 30, (80_000, 32)).astype(np.float32)
    rendering = render(Signal(tuple(map(str, range(32))), noise, 8000))
    assert rendering.width * rendering.height < 65_000_000


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 360.0, 1000.0, 8000.0])
def test_time_has_the_same_scale_at_every_sampling_rate(rate_hz: float) -> None:
    time = np.arange(round(10 * rate_hz)) / rate_hz
    samples = np.tile((np.abs(time - 5) < 0.0201)[:, None], (1, 12)).astype(np.float32)
    dark = darkness(Signal(STANDARD_LEADS, samples, rate_hz))
    x = LEFT_PX + 1500
    assert peak_x(dark, baseline(dark, 3), 0.5, x - 60, x + 60) == pytest.approx(x, abs=3)
