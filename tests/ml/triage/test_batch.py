"""CSV files of visits: bad rows told beside good ones, in order, in little memory."""

import io
import json
from pathlib import Path

import pytest

from ml.__main__ import main
from ml.registry.artefact import Artefact
from ml.triage.batch import COLUMNS, BatchError, Row, answer_file
from ml.triage.predicting import TriagePredictor

HEAD = "age;sexe;frequence_cardiaque;pression_systolique;pression_diastolique;temperature;motif_consultation"
GOOD = "62;M;98;140;90;37,2;douleur thoracique"


@pytest.fixture(scope="module")
def rules_alone() -> TriagePredictor:
    return TriagePredictor()


def answered(text: str, predictor: TriagePredictor) -> list[Row]:
    return list(answer_file(io.StringIO(text, newline=""), predictor))


def test_bad_rows_are_told_with_their_fields_and_the_good_ones_kept(rules_alone: TriagePredictor) -> None:
    rows = answered(
        f"{HEAD}\n{GOOD}\n-3;M;rapide;140;90;98,6;toux\n62;M;98\n\n62;;;;;;\n"
        '30;F;80;120;70;36,8;"fièvre; toux"\n',
        rules_alone,
    )
    assert [(row.line, row.answer is not None) for row in rows] == [
        (2, True),
        (3, False),
        (4, False),
        (6, True),
        (7, True),
    ]
    assert [(each.field, each.code) for each in rows[1].errors] == [
        ("age", "out_of_range"),
        ("frequence_cardiaque", "not_a_number"),
        ("temperature", "other_unit"),
    ]
    assert [(each.field, each.code) for each in rows[2].errors] == [("row", "columns")]
    assert rows[0].answer is not None
    assert rows[0].answer.ruling.complaint is not None
    assert rows[0].answer.ruling.complaint.id == "douleur_thoracique_sca"
    assert rows[3].answer is not None
    assert rows[3].answer.quality == "insufficient"


def test_commas_separate_too_and_unknown_columns_are_passed_over(rules_alone: TriagePredictor) -> None:
    (row,) = answered(
        'Nom,AGE,temperature,ecg_typique_sca,motif_consultation\nX,50,"38,5",oui,SCA\n', rules_alone
    )
    assert row.answer is not None
    assert row.answer.level == "1"
    assert "X" not in row.to_json()


def test_each_row_is_one_line_of_json(rules_alone: TriagePredictor) -> None:
    good, bad = (json.loads(row.to_json()) for row in answered(f"{HEAD}\n{GOOD}\nx{GOOD}\n", rules_alone))
    assert good["gravityLevel"] == "JAUNE"
    assert good["predictionQuality"] == "low"
    assert good["missingFeatures"][0] == "frequence_respiratoire"
    assert (good["mlAvailable"], good["mlError"]) == (False, "no model is loaded")
    assert bad["errors"][0]["field"] == "age"


@pytest.mark.parametrize("text", ["", "a;b;c\n1;2;3\n", "age;age\n1;2\n", "\x00\x01"])
def test_a_file_without_the_features_is_refused(rules_alone: TriagePredictor, text: str) -> None:
    with pytest.raises(BatchError):
        answered(text, rules_alone)


def test_a_field_that_is_not_closed_costs_no_more_than_its_row(rules_alone: TriagePredictor) -> None:
    rows = answered(f'{HEAD}\n{GOOD}\n62;M;98;140;90;37,2;"toux\n' + "x" * 200_000, rules_alone)
    assert rows[0].answer is not None
    assert [each.code for row in rows[1:] for each in row.errors] == ["unreadable"]


def test_few_rows_are_held_at_once(rules_alone: TriagePredictor) -> None:
    drawn = 0

    class Counting(io.StringIO):
        def __next__(self) -> str:  # type: ignore[override] # typeshed has the bytes of its base
            nonlocal drawn
            drawn += 1
            return super().__next__()

    rows = answer_file(Counting(f"{HEAD}\n" + f"{GOOD}\n" * 5_000), rules_alone)
    assert next(rows).line == 2
    assert drawn <= 1_001


def test_the_command_answers_a_file_and_fails_where_rows_do(
    artefact: Artefact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "visits.csv"
    source.write_text(f"{HEAD}\n{GOOD}\n-1{GOOD}\n", encoding="utf-8")
    command = ["predict", "triage", "--input", str(source), "--model", str(artefact.folder)]
    assert main(command) == 1
    told = capsys.readouterr()
    good, bad = map(json.loads, told.out.splitlines())
    assert good["model"]["level"] in {1, 2, 3, 4, 5}
    assert bad["errors"]
    assert "1 visits answered, 1 rows with errors" in told.err
    source.write_text(f"{HEAD}\n{GOOD}\n", encoding="utf-8")
    output = tmp_path / "answers.jsonl"
    assert main([*command, "--output", str(output)]) == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == 1


def test_the_command_names_a_model_or_file_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "visits.csv"
    source.write_text("a\n1\n", encoding="utf-8")
    assert main(["predict", "triage", "--input", str(source)]) == 2
    assert "names none of" in capsys.readouterr().err
    assert main(["predict", "triage", "--input", str(tmp_path / "none.csv")]) == 2
    assert main(["predict", "triage", "--input", str(source), "--model", str(tmp_path)]) == 2


def test_the_columns_are_those_of_the_table() -> None:
    assert len(COLUMNS) == 12
