"""What readers said, settled: one label an input, by more than half of its readers."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ml.corrections import MOST_WEIGHT, Corrections, CorrectionsError, Opinion, read_corrections


def opinion(line: Mapping[str, Any]) -> Opinion[str]:
    return Opinion(line["input"], line["input"].upper(), line["label"])


def said(tmp_path: Path, *lines: tuple[str, str, str]) -> Path:
    path = tmp_path / "corrections.jsonl"
    documents = (
        {"family": "toy", "input": each, "reader": who, "label": label} for each, who, label in lines
    )
    path.write_text("".join(json.dumps(each) + "\n" for each in documents), encoding="utf-8")
    return path


def settled(path: Path, at_least: int = 1) -> Corrections[str]:
    return read_corrections(path, "toy", opinion, at_least)


def test_what_more_than_half_of_the_readers_say_is_learnt_and_counts_by_how_many_more_they_are(
    tmp_path: Path,
) -> None:
    found = settled(said(tmp_path, ("a", "1", "x"), ("a", "2", "x"), ("a", "3", "y"), ("b", "1", "y")))
    assert [(each.about, each.label, each.weight) for each in found.settled] == [("A", "x", 1), ("B", "y", 1)]
    assert (found.opinions, found.tied) == (4, 0)


def test_what_readers_do_not_agree_on_is_left_out_and_counted(tmp_path: Path) -> None:
    even, plural = (
        [("a", "1", "x"), ("a", "2", "y")],
        [("b", r, c) for r, c in zip("1234", "xxyz", strict=True)],
    )
    found = settled(said(tmp_path, *even, *plural, ("c", "1", "x")))
    assert [each.input for each in found.settled] == ["c"]
    assert found.tied == 2


def test_one_reader_counts_once_on_the_same_input_with_what_they_said_last(tmp_path: Path) -> None:
    found = settled(said(tmp_path, ("a", "1", "x"), ("a", "1", "y"), ("a", "1", "y")))
    assert [(each.label, each.weight) for each in found.settled] == [("y", 1)]
    assert found.opinions == 1


def test_however_many_agree_an_input_counts_no_more_than_so_much(tmp_path: Path) -> None:
    found = settled(said(tmp_path, *(("a", str(each), "x") for each in range(20))))
    assert [each.weight for each in found.settled] == [MOST_WEIGHT]


def test_too_few_opinions_and_a_broken_line_are_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(CorrectionsError, match="1 opinions, at least 2"):
        settled(said(tmp_path, ("a", "1", "x")), at_least=2)
    path = said(tmp_path, ("a", "1", "x"))
    path.write_text(path.read_text(encoding="utf-8") + "{", encoding="utf-8")
    with pytest.raises(CorrectionsError, match=r"corrections.jsonl:2"):
        settled(path)


def test_the_lineage_names_the_file_and_what_came_of_it(tmp_path: Path) -> None:
    path = said(tmp_path, ("a", "1", "x"), ("b", "1", "x"))
    found = settled(path).without(frozenset("a"))
    assert found.lineage("4") == {
        "feedback_hash": hashlib.sha256(path.read_bytes()).hexdigest(),
        "feedback_opinions": 2,
        "feedback_inputs": 1,
        "feedback_undecided": 0,
        "feedback_unusable": 0,
        "parent_version": "4",
    }
    assert Corrections[str]().lineage("4") == {}
