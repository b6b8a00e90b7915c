"""Lines in, lines out: the form others rely on."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.language.batch import AnswerReader, answer_reader, read_lines
from ml.language.checking import OntologyError
from ml.language.judging import Judgment
from ml.language.types import Certainty, Expression, FindingKind, Polarity
from server.__main__ import main
from tests.support.language import the_reader

OURS = the_reader()


def test_a_line_has_the_form_that_is_promised() -> None:
    text = "BBD complet, PR à 240 ms, pas de FA"
    (found,) = read_lines([json.dumps({"id": "a1", "text": text})], OURS)

    assert found.keys() == {
        "id",
        "claims",
        "measurements",
        "findings",
        "unresolved",
        "judgment",
        "ms",
    }
    assert found["id"] == "a1"
    claims = {claim["concept"]: claim for claim in found["claims"]}
    assert claims["RBBB_COMPLETE"] == {
        "concept": "RBBB_COMPLETE",
        "polarity": "present",
        "certainty": "asserted",
        "expression": "explicit",
        "confidence": 97.0,
        "spans": [[0, 11]],
        "method": "exact",
    }
    assert claims["ATRIAL_FIBRILLATION"]["polarity"] == "absent"
    assert claims["AV_BLOCK_1"]["expression"] == "implied"
    assert found["measurements"] == [
        {
            "name": "pr",
            "value": 240.0,
            "unit": "ms",
            "span": [13, 24],
            "meaning": "PR_PROLONGED",
            "agrees": None,
        }
    ]
    assert found["judgment"] is None


def test_a_key_or_an_anchor_gives_a_grade_and_a_judgment_against_it() -> None:
    key = [{"concept": "RBBB_COMPLETE", "coefficient": 0.5}, {"concept": "AXIS_LEFT"}]
    keyed, anchored = read_lines(
        [
            json.dumps({"id": 1, "text": "BBD complet", "key": key}),
            json.dumps({"id": 2, "text": "BBD complet", "anchor": "Bloc de branche droit complet"}),
        ],
        OURS,
    )

    # 100 x 0.5 / (0.5 + 1.0)
    assert keyed["grade"]["score"] == 33.3
    assert [item["verdict"] for item in keyed["grade"]["items"]] == ["found", "missed"]
    assert (anchored["grade"]["score"], anchored["judgment"]) == (100.0, "explicit_correct")


@pytest.mark.parametrize(
    "line, error",
    [
        ("{", "line 1 is not a JSON object"),
        ("[1]", "line 1 is not a JSON object"),
        ('{"id": 7}', "'text' is missing or is not a text"),
        ('{"id": 7, "text": 3}', "'text' is missing or is not a text"),
        ('{"id": 7, "text": "x", "language": "de"}', "'language' is none of auto, fr, en"),
        ('{"id": 7, "text": "x", "key": 3}', "'key' is not a list"),
        ('{"id": 7, "text": "x", "key": ["LBBB"]}', "'key' has an item without a 'concept'"),
        ('{"id": 7, "text": "x", "key": [{"concept": "NOPE"}]}', "'key' names the unknown concept NOPE"),
        ('{"id": 7, "text": "x", "anchor": 3}', "'anchor' is not a text"),
    ],
)
def test_a_bad_line_says_what_is_wrong_and_the_others_are_read(line: str, error: str) -> None:
    bad, good = read_lines([line, '{"id": 8, "text": "BBG"}'], OURS)

    assert bad["error"] == error
    assert good["claims"][0]["concept"] == "LBBB"


def test_a_coefficient_out_of_bounds_is_named() -> None:
    line = '{"id": 7, "text": "x", "key": [{"concept": "LBBB", "coefficient": 3}]}'
    (found,) = read_lines([line], OURS)

    assert "not within 0.5 and 1.0" in found["error"]


def test_a_key_may_be_given_in_the_other_ontologys_concepts(shared_data: Path) -> None:
    reader = the_reader(shared_data / "ontology" / "edu-ecg.json")
    key = [{"concept": "BLOC_DE_BRANCHE_DROIT_COMPLET"}]
    (found,) = read_lines([json.dumps({"id": 1, "text": "BBD complet", "key": key})], reader)

    assert found["grade"]["items"][0]["concept"] == "BLOC_DE_BRANCHE_DROIT_COMPLET"
    assert found["grade"]["score"] == 100.0


@given(text=st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_line_of_known_words(text: str) -> None:
    (found,) = read_lines([json.dumps({"id": 1, "text": text, "anchor": text})], OURS)

    for claim in found["claims"]:
        assert claim["polarity"] in list(Polarity)
        assert claim["certainty"] in list(Certainty)
        assert claim["expression"] in list(Expression)
        assert 50 <= claim["confidence"] <= 100
        assert all(0 <= start < end <= len(text) for start, end in claim["spans"])
    assert all(each["kind"] in list(FindingKind) for each in found["findings"])
    assert found["judgment"] is None or found["judgment"] in list(Judgment)


def test_the_same_text_is_read_the_same_way_twice() -> None:
    line = json.dumps({"id": 1, "text": "Tachycardie à QRS larges, TV probable, TSV non exclue"})
    first, second = read_lines([line, line], OURS)

    assert first | {"ms": 0} == second | {"ms": 0}


def test_the_command_reads_a_file_with_the_other_ontology(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_lines = tmp_path / "in.jsonl"
    given_lines.write_text('{"id": "x", "text": "BBD complet"}\n\n', encoding="utf-8")
    ontology = shared_data / "ontology" / "edu-ecg.json"
    arguments = [
        "--input",
        str(given_lines),
        "--output",
        str(tmp_path / "out.jsonl"),
        "--ontology",
        str(ontology),
    ]

    assert main(["match", *arguments, "--faults"]) == 0
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["claims"][0]["concept"] == "BLOC_DE_BRANCHE_DROIT_COMPLET"
    assert "PR n’est plus court" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["nonsense", '{"version": 1, "concepts": {"A": {"parents": ["B"]}}}'])
def test_a_broken_ontology_is_refused_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(OntologyError):
        answer_reader(path)
    assert main(["match", "--ontology", str(path)]) == 2
    assert "broken.json" in capsys.readouterr().err


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", "--input", str(tmp_path / "nowhere.jsonl")]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_a_reader_without_another_ontology_has_no_faults() -> None:
    assert isinstance(OURS, AnswerReader)
    assert OURS.faults == ()


def test_the_judgement_is_against_the_scored_items_as_the_mark_is() -> None:
    key = [{"concept": "LBBB_COMPLETE"}, {"concept": "ATRIAL_FIBRILLATION", "role": "descriptive"}]

    line = OURS.line({"id": 1, "text": "BBG complet", "key": key})

    assert line["judgment"] == "explicit_correct"
    assert line["grade"]["score"] == 100.0


@pytest.mark.parametrize(
    "anchor, concepts",
    [
        (
            "SCA ST- avec sous-décalage diffus et sus-décalage en aVR",
            ["NSTEMI", "ST_DEPRESSION", "ST_ELEVATION_AVR"],
        ),
        ("SCA ST- avec miroir", ["NSTEMI", "RECIPROCAL_CHANGES"]),
        ("Tachycardie jonctionnelle par réentrée", ["PAROXYSMAL_SVT"]),
        ("SCA ST+ inférieur étendu au VD", ["STEMI_INFERIOR", "RIGHT_VENTRICULAR_INFARCTION"]),
    ],
)
def test_a_key_in_words_is_read_no_wider_than_it_is_meant(anchor: str, concepts: list[str]) -> None:
    line = OURS.line({"id": "1", "text": "", "anchor": anchor})

    assert [item["concept"] for item in line["grade"]["items"]] == concepts


@pytest.mark.parametrize("text", ["Bouveret", "Réentrée intranodale", "Tachycardie orthodromique"])
def test_each_sort_of_junctional_reentry_answers_its_wider_name(text: str) -> None:
    line = OURS.line({"id": "1", "text": text, "anchor": "Tachycardie jonctionnelle réentrante"})

    assert line["grade"]["score"] == 100.0
