"""Segments and folds: the counts of the literature on the real records, the rest worked out by hand."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ml.beats.classes import AAMI_CODES, AAMI_OF_PRODUCT
from ml.beats.protocols import Data, by_class, by_patient, folds, load
from ml.beats.segments import (
    BEATS,
    RECORDS,
    RUNS,
    Segments,
    beats,
    product_beats,
    read_segments,
    runs,
    segment,
)
from ml.ecg.annotated import BEAT_SYMBOLS, DS1, DS2, AnnotatedRecord, RecordError


def record(symbols: str, positions: list[int], samples: int = 5000) -> AnnotatedRecord:
    lead = np.random.default_rng(3).normal(size=(samples, 2))
    return AnnotatedRecord("1", ("MLII", "V1"), lead, 360.0, np.asarray(positions, np.int64), tuple(symbols))


def annotated(data: Path, name: str) -> AnnotatedRecord:
    """Return a record's annotations without its samples."""
    annotation = wfdb.rdann(str(data / name), "atr")
    return record("".join(annotation.symbol), annotation.sample.tolist(), samples=0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("segments")


@pytest.fixture(scope="module")
def published(shared_data: Path, cache: Path) -> Segments:
    return load("oh2018", Data(shared_data / "mitdb"), cache)


def test_the_runs_of_the_48_records_are_those_of_the_paper(published: Segments) -> None:
    assert published.counts() == {"Normal": 8245, "LBBB": 344, "RBBB": 660, "APB": 1004, "PVC": 6246}
    assert published.samples.shape == (16499, 1000)
    assert sorted(set(published.records)) == list(RECORDS)


def test_the_beats_of_both_divisions_are_those_de_chazal_counted(shared_data: Path) -> None:
    counts = [
        Counter(name for each in division for name, _, _ in beats(annotated(shared_data / "mitdb", each)))
        for division in (DS1, DS2)
    ]

    assert counts[0] == {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8}
    assert counts[1] == {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7}


def test_any_annotation_ends_a_run_and_other_kinds_of_beats_are_none() -> None:
    one = record("NNNVVN+NN~NF/N", [n * 300 for n in range(1, 15)])

    assert list(runs(one)) == [
        ("Normal", 300, 900),
        ("PVC", 1200, 1500),
        ("Normal", 1800, 1800),
        ("Normal", 2400, 2700),
        ("Normal", 3300, 3300),
        ("Normal", 4200, 4200),
    ]


def test_every_beat_has_a_class_and_nothing_else_has() -> None:
    assert set(AAMI_CODES) == BEAT_SYMBOLS
    assert list(beats(record("N+AF~", [1, 2, 3, 4, 5]))) == [("N", 1, 1), ("S", 3, 3), ("F", 4, 4)]
    assert list(product_beats(record("N+aFEj", [1, 2, 3, 4, 5, 6]))) == [
        ("Normal", 1, 1),
        ("APB", 3, 3),
        ("PVC", 5, 5),
    ]
    assert AAMI_OF_PRODUCT == {"Normal": "N", "LBBB": "N", "RBBB": "N", "APB": "S", "PVC": "V"}


def test_a_segment_reaches_from_99_before_the_first_peak_to_160_after_the_last() -> None:
    lead = np.arange(3000.0)
    part = segment(lead, 500, 700, 1000)

    # 401 to 860: 460 samples, the mean between 630 and 631, then zeros.
    expected = (np.arange(401, 861) - 630.5) / np.arange(401, 861).std()
    assert part[:460] == pytest.approx(expected)
    assert (part[460:] == 0).all()


def test_a_segment_is_cut_to_its_length_and_ends_with_the_record() -> None:
    lead = np.random.default_rng(1).normal(size=3000)

    assert segment(lead, 500, 2500, 1000).std() == pytest.approx(1, abs=1e-6)
    assert np.count_nonzero(segment(lead, 40, 40, 1000)) == 40 + 161
    assert np.count_nonzero(segment(lead, 2950, 2950, 1000)) == 99 + 50
    assert (segment(np.full(3000, 7.0), 500, 500, 1000) == 0).all()


def test_what_is_kept_is_read_again_and_made_anew_for_other_files(
    shared_data: Path, tmp_path: Path, published: Segments
) -> None:
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    for ending in ("hea", "dat", "atr"):
        (data / f"100.{ending}").write_bytes((shared_data / "mitdb" / f"100.{ending}").read_bytes())
    first = read_segments(data, BEATS, cache, ["100"])
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    again = read_segments(data, BEATS, cache, ["100"])

    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == kept
    assert again.data_hash == first.data_hash
    assert (again.samples == first.samples).all()
    assert first.counts() == {"N": 2239, "S": 33, "V": 1, "F": 0, "Q": 0}
    assert (first.firsts[:2].tolist(), first.lasts[:2].tolist()) == ([77, 370], [77, 370])
    assert read_segments(data, RUNS, cache, ["100"]).data_hash != first.data_hash

    wfdb.wrann("100", "atr", np.array([77, 400]), ["N", "V"], write_dir=str(data))
    other = read_segments(data, BEATS, cache, ["100"])
    assert other.data_hash != first.data_hash
    assert other.counts() == {"N": 1, "S": 0, "V": 1, "F": 0, "Q": 0}
    assert published.data_hash != first.data_hash


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"record 100: .*100\.hea is missing"):
        load("patients", Data(tmp_path), tmp_path)


def made(records: list[str], labels: list[int]) -> Segments:
    return Segments(
        np.zeros((len(labels), 4), np.float32),
        np.asarray(labels),
        np.asarray(records),
        np.zeros(len(labels), np.int64),
        np.zeros(len(labels), np.int64),
        ("a", "b"),
        "",
    )


@pytest.mark.parametrize("protocol", ["oh2018", "patients"])
def test_every_segment_is_judged_once_by_what_learnt_from_all_others(
    published: Segments, protocol: str
) -> None:
    divided = folds(protocol, published, seed=7)  # type: ignore[arg-type] # a parameter of the test

    assert len(divided) == 10
    assert sorted(np.concatenate([fold.test for fold in divided])) == list(range(16499))
    for fold in divided:
        assert set(fold.train) == set(range(16499)) - set(fold.test)


def test_folds_by_class_have_equal_shares_and_follow_the_seed(published: Segments) -> None:
    for fold in folds("oh2018", published, seed=1):
        assert abs(np.bincount(published.labels[fold.test]) - [824.5, 34.4, 66, 100.4, 624.6]).max() <= 1
    assert (by_class(published.labels, 10, 1) == by_class(published.labels, 10, 1)).all()
    assert (by_class(published.labels, 10, 1) != by_class(published.labels, 10, 2)).any()


def test_no_patient_is_on_both_sides_and_201_and_202_are_one(published: Segments) -> None:
    for fold in folds("patients", published, seed=1):
        patients = published.patients()
        assert not set(patients[fold.train]) & set(patients[fold.test])
        assert {"201", "202"} & set(published.records[fold.test]) in ({"201", "202"}, set())


def test_further_patients_are_learnt_from_in_every_fold_and_judged_in_none() -> None:
    names, labels = [name for name in RECORDS for _ in range(3)], [0, 0, 1] * 48
    own, both = made(names, labels), made([*names, "ludb-7", "ptbxl-15.1"], [*labels, 1, 1])
    for alone, more in zip(folds("patients", own, seed=3), folds("patients", both, seed=3), strict=True):
        assert more.test.tolist() == alone.test.tolist()
        assert more.train.tolist() == [*alone.train.tolist(), 144, 145]
    three = made([*names, "ludb-7", "svdb-800"], [*labels, 1, 1])
    for fold in folds("champion", three, 3, 5):
        assert (144 in fold.train) != (144 in fold.test)
        assert 145 in fold.train
        assert 145 not in fold.test


def test_a_run_is_known_by_its_first_and_last_peak(published: Segments) -> None:
    of_the_first = published.records == "100"
    assert published.firsts[of_the_first][:2].tolist() == [77, 2044]
    assert published.lasts[of_the_first][:2].tolist() == [1809, 2044]
    assert (published.firsts <= published.lasts).all()


def test_patients_are_dealt_out_so_that_every_fold_has_its_share() -> None:
    # Four patients of 10 of class a each, two of them with 4 of class b: one such in each of two folds.
    segments = made(
        [name for name, rare in (("w", 4), ("x", 4), ("y", 0), ("z", 0)) for _ in range(10 + rare)],
        [label for rare in (4, 4, 0, 0) for label in [0] * 10 + [1] * rare],
    )
    for seed in range(5):
        assigned = by_patient(segments, 2, seed)
        for fold in (0, 1):
            assert np.bincount(segments.labels[assigned == fold]).tolist() == [20, 4]


def test_between_patients_ds1_is_learnt_and_ds2_judged_and_choices_stay_within_ds1() -> None:
    names = [*DS1, *DS2]
    segments = made(names, [place % 2 for place in range(44)])
    (fold,) = folds("interpatient", segments, seed=0)

    assert set(segments.records[fold.train]) == set(DS1)
    assert set(segments.records[fold.test]) == set(DS2)
    development = folds("development", made(list(DS1), [place % 2 for place in range(22)]), 0, 5)
    assert sorted(np.concatenate([each.test for each in development])) == list(range(22))
    assert all(set(each.train) == set(range(22)) - set(each.test) for each in development)
