"""The engine against teachers' rulings."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml.__main__ import main
from ml.language.agreement import RulingsError, agreement

RULING: dict[str, Any] = {
    "text": "Bloc de branche gauche, hypertrophie ventriculaire gauche",
    "picked": [],
    "language": "fr",
    "key": [{"concept": "LBBB", "coefficient": 1.0, "role": "scored"}],
    "concept": "LBBB",
    "engine": "missed",
    "ruled": "found",
}


def written(folder: Path, *changes: dict[str, Any]) -> Path:
    path = folder / "rulings.jsonl"
    path.write_text("".join(json.dumps(RULING | change) + "\n" for change in changes), encoding="utf-8")
    return path


def test_the_present_engine_is_compared_and_so_is_the_one_that_marked(tmp_path: Path) -> None:
    """Found as ruled, found though ruled partial, extra though ruled withdrawn, and no longer said."""
    found = agreement(
        written(
            tmp_path,
            {},
            {"ruled": "partial", "engine": "partial", "language": "en"},
            {"concept": "LVH", "engine": "extra", "ruled": "withdrawn"},
            {"concept": "AV_BLOCK_1", "engine": "wrong", "ruled": "withdrawn"},
        )
    )
    assert found.overall["all"] == {"rulings": 4, "now": 0.5, "when marked": 0.25}
    assert found.overall["en"] == {"rulings": 1, "now": 0.0, "when marked": 1.0}
    assert list(found.concepts) == ["LBBB", "AV_BLOCK_1", "LVH"]
    assert found.concepts["LBBB"] == {"rulings": 2, "now": 0.5, "when marked": 0.5}


def test_a_concept_the_ontology_has_dropped_is_left_out_and_counted(tmp_path: Path) -> None:
    gone = [{"concept": "GONE", "coefficient": 1.0, "role": "scored"}]
    found = agreement(written(tmp_path, {"concept": "GONE"}, {"key": [*RULING["key"], *gone]}))
    assert (found.left_out, found.overall["all"]["now"]) == (1, 1.0)


@pytest.mark.parametrize("change", [{"ruled": "splendid"}, {"key": 3}, {"key": [{}]}, {"picked": None}])
def test_a_line_that_is_no_ruling_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(RulingsError, match="line 2 is no ruling"):
        agreement(written(tmp_path, {}, change))


def test_the_command_prints_the_table_and_writes_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, figures = written(tmp_path, {}), tmp_path / "figures.json"
    assert main(["evaluate", "language", "--rulings", str(path), "--json", str(figures)]) == 0
    said = capsys.readouterr().out
    assert "Agreement with teachers' rulings" in said
    assert "LBBB" in said
    kept = json.loads(figures.read_text(encoding="utf-8"))
    assert kept["rulings"]["overall"]["all"] == {"rulings": 1, "now": 1.0, "when marked": 0.0}


def test_what_cannot_be_measured_on_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rulings.jsonl"
    assert main(["evaluate", "language", "--rulings", str(path)]) == 2
    path.write_text("no json\n", encoding="utf-8")
    assert main(["evaluate", "language", "--rulings", str(path)]) == 2
    assert "line 1 is no ruling" in capsys.readouterr().err
    assert main(["evaluate", "language"]) == 2
    assert "--rulings" in capsys.readouterr().err
