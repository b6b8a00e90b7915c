"""Digitising, on pages whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.ecg.digitising.digitise import MAX_PIXELS, digitise
from ml.ecg.digitising.digitised import Anchor, Digitised, DigitisingError, Paper, Refusal
from ml.ecg.digitising.layouts import CABRERA, LAYOUTS, lead_at
from ml.ecg.readers import kept, read_kept
from tests.ml.ecg.digitising.pages import BASELINES_MM, LEFT_MM, SCALE, SPIKE_MV, page, peak, turned

COLUMNS = [["I", "II", "III"], ["aVR", "aVL", "aVF"], ["V1", "V2", "V3"], ["V4", "V5", "V6"]]


@pytest.fixture(scope="module")
def straight() -> Digitised:
    return digitise(page())


def test_every_lead_is_where_and_as_high_as_it_was_drawn(straight: Digitised) -> None:
    assert straight.layout == "3x4+1"
    assert set(straight.signal.leads) == set(SPIKE_MV)
    assert straight.signal.sampling_rate_hz == 500
    assert straight.signal.duration_s == pytest.approx(10, abs=0.02)
    for column, leads in enumerate(COLUMNS):
        for lead in leads:
            (trace,) = [each for each in straight.traces if each.lead == lead and each.row < 3]
            seconds, height = peak(trace.millivolts)
            assert trace.start_s == 2.5 * column
            assert seconds == pytest.approx(1, abs=0.02)
            assert height == pytest.approx(SPIKE_MV[lead], abs=0.06)


def test_what_is_not_printed_is_not_there(straight: Digitised) -> None:
    v4 = straight.signal.lead("V4")

    assert np.isnan(v4[: round(7.4 * 500)]).all()
    assert not np.isnan(v4[round(7.6 * 500) : round(9.9 * 500)]).any()
    assert not np.isnan(straight.signal.lead("II")[50:-50]).any()


def test_the_scale_is_the_paper_s_and_the_pulse_is_no_beat(straight: Digitised) -> None:
    assert straight.grid.pixels_per_mm == pytest.approx(SCALE, rel=0.001)
    assert straight.grid.angle_deg == pytest.approx(0, abs=0.02)
    assert straight.pulse_mm == pytest.approx(10, abs=0.2)
    assert straight.gain_mm_mv == 10
    first = straight.signal.lead("I")[:400]
    assert np.nanmax(np.abs(first - np.nanmedian(first))) < 0.05


def test_each_trace_says_where_in_the_picture_it_lies(straight: Digitised) -> None:
    trace = next(each for each in straight.traces if each.lead == "III")

    at = int(np.nanargmin(trace.y))
    assert trace.x[at] == pytest.approx((LEFT_MM + 25) * SCALE, abs=3)
    assert trace.y[at] == pytest.approx((BASELINES_MM[2] + 0.5 - 4) * SCALE, abs=3)
    assert trace.quality.followed > 0.98
    assert trace.quality.off_paper == 0


def test_a_grey_copy_turned_in_the_scanner_reads_the_same() -> None:
    found = digitise(turned(page(), -3.0).convert("L"))

    assert found.grid.angle_deg == pytest.approx(-3, abs=0.03)
    for lead in ("II", "V1", "V6"):
        trace = next(each for each in found.traces if each.lead == lead)
        assert peak(trace.millivolts)[1] == pytest.approx(SPIKE_MV[lead], abs=0.07)


def test_scale_names_and_points_may_be_told(straight: Digitised) -> None:
    row, column = next((each.row, each.column) for each in straight.traces if each.lead == "aVF")
    trace = next(each for each in straight.traces if each.lead == "aVF")
    at = len(trace.x) * 3 // 4
    x, y = float(trace.x[at]), float(trace.y[at] - 4 * SCALE)
    names = (*reversed(SPIKE_MV), "II")

    told = digitise(page(), Paper("3x4+1", leads=names, gain_mm_mv=5), [Anchor(row, x, y)])

    assert [each.lead for each in told.traces] == list(names)
    assert peak(told.traces[0].millivolts)[1] == pytest.approx(2 * SPIKE_MV["I"], abs=0.1)
    anew = next(each for each in told.traces if (each.row, each.column) == (row, column))
    assert anew.y[at] == pytest.approx(y, abs=2), "the curve goes through the point"
    for now, before in zip(told.traces, straight.traces, strict=True):
        if now.row != row:
            np.testing.assert_allclose(now.millivolts, 2 * before.millivolts, atol=0.002)


def test_an_order_may_be_told(straight: Digitised) -> None:
    assert [lead_at(LAYOUTS["3x4"], 0, column, CABRERA) for column in range(4)] == ["aVL", "II", "V1", "V4"]
    assert [trace.lead for trace in straight.traces][:4] == ["I", "aVR", "V1", "V4"]


@pytest.mark.parametrize(
    "picture, reason",
    [
        (page(grid=False), Refusal.NO_GRID),
        (Image.fromarray(np.random.default_rng(1).integers(0, 255, (600, 900), np.uint8)), Refusal.NO_GRID),
        (page(rows=0), Refusal.NO_TRACE),
        (page(rows=2), Refusal.UNKNOWN_LAYOUT),
        (Image.new("L", (100, 2000)), Refusal.TOO_COARSE),
        (Image.new("L", (MAX_PIXELS // 1000 + 1, 1000)), Refusal.TOO_MANY_PIXELS),
    ],
    ids=["no grid", "noise", "grid alone", "two rows", "a strip", "too large"],
)
def test_what_is_no_printed_ecg_is_refused_with_a_reason(picture: Image.Image, reason: Refusal) -> None:
    with pytest.raises(DigitisingError) as refused:
        digitise(picture)
    assert refused.value.reason is reason


def test_the_command_writes_the_kept_form_and_a_picture_to_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page().save(tmp_path / "scan.png")

    assert main(["digitise", str(tmp_path / "scan.png"), "--output", str(tmp_path / "out")]) == 0

    signal = read_kept((tmp_path / "out" / "signal.dcm").read_bytes())
    assert set(signal.leads) == set(SPIKE_MV)
    assert kept.write(signal)
    with Image.open(tmp_path / "out" / "overlay.png") as drawn:
        assert drawn.width >= 1600
    assert "3x4+1" in capsys.readouterr().out


def test_the_command_says_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "scan.png")

    assert main(["digitise", str(tmp_path / "scan.png"), "--output", str(tmp_path / "out")]) == 1
    assert "too_coarse" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
