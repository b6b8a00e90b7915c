"""How well texts are read, held to floors: well below today's figures, well above the naive reader's."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.__main__ import main
from ml.language.evaluation import Counts, Report, reliability
from tests.support.chat_server import chatting


@dataclass(frozen=True)
class Evaluation:
    """One run of the command: what it printed, and the figures it wrote."""

    exit_status: int
    printed: str
    report: Report


@pytest.fixture(scope="module")
def evaluation(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Run the command once for all, with an endpoint that refuses: the rules are measured beside it alone."""
    written = tmp_path_factory.mktemp("evaluation") / "report.json"
    command = ["evaluate", "language", "--data", str(shared_data / "grading"), "--language-model"]
    with (
        chatting() as chat,
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(io.StringIO()) as printed,
    ):
        chat.refuses(401)
        patch.setenv("OPENAI_BASE_URL", chat.base_url)
        status = main([*command, "--json", str(written)])
    return Evaluation(status, printed.getvalue(), Report(**json.loads(written.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def report(evaluation: Evaluation) -> Report:
    return evaluation.report


def test_real_answers_nobody_looked_at_are_read_better_than_by_their_longest_names(report: Report) -> None:
    assert report.answers["unseen half"]["f1"] >= 0.90
    assert report.answers["naive, all"]["f1"] < 0.75
    assert report.answers["agreement of the annotators"]["f1"] >= 0.98


def test_answers_are_judged_as_their_authors_meant(report: Report) -> None:
    assert report.judgements["all"] >= 0.90
    assert report.judgements["own, unseen"] >= 0.75
    assert report.judgements["own, by the rules' maker"] >= 0.93


def test_phrases_are_linked_with_few_claims_and_the_right_polarity(report: Report) -> None:
    assert report.linking["concept among the claims"] >= 0.87
    assert report.linking["claims a phrase"] <= 3.0
    assert report.linking["polarity accuracy"] >= 0.97


def test_both_languages_are_read(report: Report) -> None:
    assert report.pairs["fr, unseen"]["f1"] >= 0.85
    assert report.pairs["en, unseen"]["f1"] >= 0.88


def test_confidence_can_be_believed_on_answers_nobody_looked_at(report: Report) -> None:
    assert report.confidence["unseen half"]["ece"] <= 5
    assert report.confidence["90-100"]["right"] >= 90


def test_a_confidence_is_held_against_how_often_it_was_right() -> None:
    # In the nineties one of two is right (97 and 93 against 50); in the fifties the one is wrong.
    verdicts = [(97.0, True), (93.0, False), (57.0, False)]

    # The gaps, weighed by claims: (2 x |95 - 50| + 1 x |57 - 0|) / 3.
    assert reliability(verdicts) == pytest.approx(
        {
            "claims": 3,
            "confidence": 247 / 3,
            "right": 100 / 3,
            "ece": 49.0,
        }
    )


def test_counts_are_worked_out_by_hand() -> None:
    counts = Counts()
    counts.add({("A", "present"), ("B", "absent")}, {("A", "present"), ("B", "present"), ("C", "present")})

    # One right, two wrong, one missed: 1/3, 1/2, and 2 x 1 / (2 + 2 + 1).
    assert counts.row() == {"precision": 1 / 3, "recall": 1 / 2, "f1": 0.4}
    assert Counts().row() == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_the_command_prints_the_table_and_writes_the_figures(evaluation: Evaluation) -> None:
    assert evaluation.exit_status == 0
    assert "unseen half" in evaluation.printed
    assert f"{evaluation.report.answers['unseen half']['f1']:.3f}" in evaluation.printed


def test_the_command_measures_with_the_configured_endpoint(evaluation: Evaluation) -> None:
    answers = evaluation.report.answers
    asked = answers["questions to the model"]
    assert "all, with a model" in evaluation.printed
    assert answers["all, with a model"] == answers["all"]
    assert asked["in vain"] == asked["asked"] == 40


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "language", "--data", str(tmp_path / "nowhere" / "grading")]) == 2
    assert "nowhere" in capsys.readouterr().err
