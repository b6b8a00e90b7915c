"""What a version learnt from, as counts that travel with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.monitoring.reference import (
    BINS,
    MAX_BYTES,
    MAX_CATEGORIES,
    Categorical,
    Numeric,
    Reference,
    ReferenceFormatError,
    Row,
    merged,
    reference_of,
)
from ml.registry.artefact import SEAL, seal, with_file
from ml.registry.contents import REFERENCE
from ml.registry.manifest import ArtefactError
from tests.support.models import write_toy

ROWS: list[Row] = [{"age": float(age), "sexe": "F" if age % 3 else "M"} for age in range(1, 101)] + [
    {"sexe": None}
] * 10
MADE = Reference.of(ROWS, ("age",), ("sexe",))

values = st.none() | st.floats(-50, 200) | st.just(float("nan"))
rows = st.lists(
    st.fixed_dictionaries({}, optional={"age": values, "sexe": st.sampled_from([None, "F", "M", "X"])})
)


def test_a_version_without_a_reference_has_none(tmp_path: Path) -> None:
    assert reference_of(write_toy(tmp_path / "toy")) is None


def test_it_travels_with_a_version_that_is_not_sealed_yet(tmp_path: Path) -> None:
    plain = write_toy(tmp_path / "toy")
    artefact = with_file(plain, REFERENCE, MADE.to_bytes())

    assert reference_of(artefact) == MADE
    assert artefact.digest != plain.digest
    assert replace(artefact.manifest, files=plain.manifest.files) == plain.manifest
    with pytest.raises(ArtefactError, match="sealed"):
        with_file(seal(artefact, b"k" * 32), REFERENCE, MADE.to_bytes())
    assert (artefact.folder / SEAL).exists()


def test_numbers_are_counted_in_bins_of_equal_mass_and_names_by_frequency() -> None:
    age, sex = MADE.features

    assert age == Numeric("age", tuple(float(each) for each in range(10, 100, 10)))
    assert MADE.counts["age"] == (10,) + (10,) * BINS
    assert sex == Categorical("sexe", ("F", "M"))
    assert MADE.counts["sexe"] == (10, 67, 33, 0)
    assert MADE.rows == 110


def test_later_rows_are_counted_alike_and_what_is_unheard_of_as_another() -> None:
    later: list[Row] = [
        {"age": 10.0, "sexe": "F"},
        {"age": 10.5, "sexe": "other"},
        {"age": 1e9, "sexe": "M"},
        {"age": float("nan")},
        {},
    ]
    assert MADE.count(later) == {"age": (2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1), "sexe": (2, 1, 1, 1)}


@given(rows)
def test_a_row_has_the_places_that_it_is_counted_in(later: list[Row]) -> None:
    places = [MADE.places(row) for row in later]

    assert MADE.count(later) == {
        each.name: tuple(sum(at[number] == bin_ for at in places) for bin_ in range(each.cells))
        for number, each in enumerate(MADE.features)
    }


def test_a_feature_nobody_has_and_one_that_never_varies_have_one_bin() -> None:
    made = Reference.of([{"same": 3.0}] * 5, ("same", "never"), ())

    assert made.counts == {"same": (0, 5), "never": (5, 0)}
    assert made.count([{"same": 4.0, "never": 1.0}]) == {"same": (0, 1), "never": (0, 1)}


def test_values_that_are_often_the_same_have_fewer_bins() -> None:
    made = Reference.of([{"pain": float(each % 3)} for each in range(90)], ("pain",), ())
    assert made.features == (Numeric("pain", (0.0, 1.0)),)
    assert made.counts["pain"] == (0, 30, 30, 30)


def test_what_is_below_a_value_that_most_have_has_a_bin_of_its_own() -> None:
    glasgow = [15.0] * 96 + [14.0, 13.0, 8.0, 3.0]
    normal = [37.0] * 80 + [36.0] * 5 + [39.0] * 15
    made = Reference.of(
        [{"glasgow": a, "temperature": b} for a, b in zip(glasgow, normal, strict=True)],
        ("glasgow", "temperature"),
        (),
    )

    assert made.features == (Numeric("glasgow", (14.0,)), Numeric("temperature", (36.0, 37.0)))
    assert made.counts == {"glasgow": (0, 4, 96), "temperature": (0, 5, 80, 15)}


@given(rows, rows, st.integers(0, 9))
def test_the_counts_of_two_days_added_are_those_of_both_together(
    a: list[Row], b: list[Row], cut: int
) -> None:
    whole = MADE.count([*a, *b])
    assert merged(MADE.count(a), MADE.count(b)) == whole
    assert merged(MADE.count(a[:cut]), MADE.count([]), MADE.count(a[cut:] + b)) == whole


def test_counts_of_other_features_are_not_added_up() -> None:
    with pytest.raises(ValueError, match="different features"):
        merged(MADE.count(ROWS), {"age": (1,)})
    with pytest.raises(ValueError, match="argument"):
        merged(MADE.count(ROWS), {"age": (1,), "sexe": (1,)})


def test_the_most_frequent_categories_are_kept_and_it_stays_small() -> None:
    generator = np.random.default_rng(1)
    wide: list[Row] = [
        {f"n{each}": float(generator.normal()) for each in range(30)}
        | {f"c{each}": f"category {generator.zipf(1.3)} of many" for each in range(30)}
        for _ in range(500)
    ]
    made = Reference.of(wide, [f"n{each}" for each in range(30)], [f"c{each}" for each in range(30)])

    assert len(made.counts["c0"]) == MAX_CATEGORIES + 2
    assert made.counts["c0"][-1] > 0
    assert list(made.counts["c0"][1:-1]) == sorted(made.counts["c0"][1:-1], reverse=True)
    assert len(made.to_bytes()) < MAX_BYTES
    assert Reference.from_bytes(made.to_bytes()) == made


def test_no_rows_and_features_beyond_the_limits_make_none() -> None:
    with pytest.raises(ValueError, match="no rows"):
        Reference.of([], ("age",), ())
    with pytest.raises(ReferenceFormatError, match="65 features"):
        Reference.of([{}], [f"n{each}" for each in range(65)], ()).to_bytes()
    with pytest.raises(ReferenceFormatError, match="more than"):
        Reference.of([{"c": "x" * MAX_BYTES}], (), ("c",)).to_bytes()


def changed(**entry: Any) -> bytes:
    document = json.loads(MADE.to_bytes())
    document["features"][0] |= entry
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"format": 2, "features": []}',
        b'{"format": 1, "features": []}',
        b"[" * 60_000,
        b" " * (MAX_BYTES + 1),
        changed(counts=[10] * 10),
        changed(counts=[11] + [10] * 10),
        changed(counts=[-10, 30] + [10] * 9),
        changed(counts=[10.0] + [10] * 10),
        changed(edges=[1, 1, 2, 3, 4, 5, 6, 7, 8]),
        changed(edges=[float("inf"), *range(8)]),
        changed(edges=["a"] * 9),
        changed(edges=3),
        changed(name="../x"),
        changed(name="sexe"),
    ],
)
def test_what_is_none_is_told(data: bytes) -> None:
    with pytest.raises(ReferenceFormatError, match=r"no reference|more than"):
        Reference.from_bytes(data)
