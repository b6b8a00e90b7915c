"""What a record's beats are learnt from, on made records in which every wave is known."""

import numpy as np
import pytest

from ml.beats.variants import (
    BLOCK_BEATS,
    SHORTEST_S,
    SHORTEST_USUAL_S,
    Told,
    _fibrillating,
    _Recorded,
    _with_atrial_beats,
    _with_fusion_beats,
    variants,
)
from ml.ecg.annotated import AnnotatedRecord

RATE_HZ = 360
BEATS = 10 * BLOCK_BEATS


@pytest.fixture(scope="module")
def record() -> AnnotatedRecord:
    """Return beats 300 samples apart with a P wave of 0.3 and a QRS of 1 mV; every tenth is ventricular."""
    peaks = np.arange(1, BEATS + 1) * 300
    symbols = ["V" if beat % 10 == 9 else "N" for beat in range(BEATS)]
    leads = np.zeros((peaks[-1] + 300, 2))
    for peak, symbol in zip(peaks, symbols, strict=True):
        width, height = (12, -2.0) if symbol == "V" else (3, 1.0)
        leads[peak - width : peak + width + 1] = height
        if symbol == "N":
            leads[peak - 60] = 0.3
    return AnnotatedRecord("made", ("MLII", "V1"), leads, RATE_HZ, peaks, tuple(symbols))


@pytest.fixture(scope="module")
def recorded(record: AnnotatedRecord) -> _Recorded:
    return _Recorded(record.samples_mv, RATE_HZ, record.beats())


@pytest.fixture(scope="module")
def symbols(record: AnnotatedRecord) -> np.ndarray:
    return np.asarray(record.symbols)


def test_fibrillation_leaves_the_qrs_and_makes_the_intervals_uneven(
    recorded: _Recorded, symbols: np.ndarray
) -> None:
    made = _fibrillating(recorded, np.random.default_rng(1))
    intervals = np.diff(made.peaks)

    assert made.rate_hz == RATE_HZ
    assert len(made.peaks) == len(symbols)
    assert made.leads[made.peaks[symbols == "N"], 0] == pytest.approx(1.0, abs=0.2)
    assert intervals.std() / intervals.mean() > 0.1
    assert intervals.min() >= SHORTEST_USUAL_S * RATE_HZ - 1
    assert np.median(np.abs(made.leads[made.peaks - 60, 0])) < 0.2


def test_while_the_atria_fibrillate_no_beat_is_told_premature(record: AnnotatedRecord) -> None:
    labelled = AnnotatedRecord(
        "made",
        record.leads,
        record.samples_mv,
        RATE_HZ,
        record.positions,
        tuple("A" if beat % 7 == 3 else symbol for beat, symbol in enumerate(record.symbols)),
    )
    fibrillating = [each.told for each in variants(labelled) if (each.told == Told.NOTHING).any()]

    assert len(fibrillating) == 2
    for told in fibrillating:
        assert set(np.asarray(labelled.symbols)[told == Told.NOTHING]) == {"A"}
        assert (told == Told.NOTHING).sum() == labelled.symbols.count("A")


def test_a_beat_made_premature_comes_early_with_its_qrs_and_without_its_p_wave(
    recorded: _Recorded, symbols: np.ndarray
) -> None:
    made, told = _with_atrial_beats(recorded, symbols, np.random.default_rng(1))
    early = told == Told.PREMATURE
    intervals = np.diff(made.peaks, prepend=0)

    assert 0.02 < early.mean() < 0.6
    assert (symbols[early] == "N").all()
    assert (intervals[early] < 300).mean() > 0.95
    assert intervals[early].min() >= SHORTEST_S * RATE_HZ - 1
    assert made.leads[made.peaks[early], 0] == pytest.approx(1.0, abs=0.3)
    assert made.leads[made.peaks[symbols == "V"], 0] == pytest.approx(-2.0, abs=0.3)
    kept = ~early & (symbols == "N")
    assert np.median(made.leads[made.peaks[kept] - 60, 0]) == pytest.approx(0.3, abs=0.05)
    assert np.median(made.leads[made.peaks[early] - 60, 0]) < 0.2


def test_where_the_rhythm_is_uneven_by_itself_hardly_a_beat_is_made_premature(
    recorded: _Recorded, symbols: np.ndarray
) -> None:
    uneven = _fibrillating(recorded, np.random.default_rng(1))
    _, told = _with_atrial_beats(uneven, symbols, np.random.default_rng(1))

    assert (told == Told.PREMATURE).mean() < 0.02  # a few, where the intervals are even by chance


def test_a_fusion_lies_between_the_ventricular_and_the_usual_beat(
    recorded: _Recorded, symbols: np.ndarray
) -> None:
    made, told = _with_fusion_beats(recorded, symbols, np.random.default_rng(1))
    fused = told == Told.FUSION
    heights = made.leads[made.peaks[fused], 0]

    assert (symbols[fused] == "V").all()
    assert fused.sum() / (symbols == "V").sum() == pytest.approx(0.5, abs=0.15)
    assert heights.min() == pytest.approx(1 - 0.7 * 3, abs=0.1)
    assert heights.max() == pytest.approx(1 - 0.3 * 3, abs=0.1)
    assert made.leads[made.peaks[(symbols == "V") & ~fused], 0] == pytest.approx(-2.0, abs=0.1)


def test_without_usual_beats_nothing_is_fused(recorded: _Recorded) -> None:
    made, told = _with_fusion_beats(recorded, np.full(BEATS, "V"), np.random.default_rng(1))

    assert not told.any()
    assert made.peaks.tolist() == recorded.peaks.tolist()


def test_the_same_record_gives_the_same_variants(record: AnnotatedRecord) -> None:
    for first, second in zip(variants(record), variants(record), strict=True):
        assert (first.inputs.shapes == second.inputs.shapes).all()
        assert (first.inputs.rhythm == second.inputs.rhythm).all()
        assert (first.told == second.told).all()
        assert np.isfinite(first.inputs.shapes).all()
