"""What a language model is worth on the labelled real answers, in every mood of a scripted endpoint."""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.__main__ import main
from ml.language.batch import AnswerReader
from ml.language.endpoint import LanguageModelSettings
from ml.language.evaluation import LABELS, _answers, answers_with_model
from tests.support.chat_server import ChatServer
from tests.support.language import the_reader

pytestmark = pytest.mark.timeout(300)
MOST_LOST = 0.005
"""F1 that a model which lies about everything as well as it can may cost."""
Mood = Callable[[Any], object]
Measure = Callable[[Mood], dict[str, dict[str, float]]]


@pytest.fixture(scope="module")
def reader(shared_data: Path) -> AnswerReader:
    return the_reader(shared_data / "ontology" / "edu-ecg.json")


@pytest.fixture(scope="module")
def truth(shared_data: Path) -> dict[str, set[tuple[str, str]]]:
    """Return what both annotators found in each labelled answer."""
    path = shared_data / "grading" / "student-answers.dev.jsonl"
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    texts = {(row["student"], row["case"]): row["text"] for row in rows}
    found: list[dict[tuple[str, str], set[tuple[str, str]]]] = []
    for name in ("first", "second"):
        lines = (LABELS / f"student-answers.{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found.append(
            {
                (row["student"], row["case"]): {(each["concept"], each["polarity"]) for each in row["claims"]}
                for row in map(json.loads, lines)
            }
        )
    return {texts[key]: found[0][key] & found[1][key] for key in found[0]}


def claim(concept: str, polarity: str, *quotes: str) -> dict[str, object]:
    return {
        "concept": concept,
        "polarity": polarity,
        "certainty": "asserted",
        "confidence": 99,
        "quotes": list(quotes),
    }


def quotes(text: str, longest: int = 3) -> Iterator[str]:
    """Yield every stretch of so many words at most."""
    words = list(re.finditer(r"\S+", text))
    for size in range(1, longest + 1):
        for at in range(len(words) - size + 1):
            yield text[words[at].start() : words[at + size - 1].end()]


def oracle(reader: AnswerReader, truth: dict[str, set[tuple[str, str]]]) -> Mood:
    """Return a model that knows what the annotators found and quotes the whole text for it."""
    crosswalk = reader.crosswalk
    assert crosswalk is not None

    def mood(question: Any) -> object:
        right = truth.get(question["text"], set())
        return {
            "claims": [
                claim(concept, polarity, quote)
                for concept in question["candidates"]
                for polarity in ("present", "absent")
                if {(out, polarity) for out in crosswalk.outward(concept)} & right
                for quote in quotes(question["text"], 1)
            ]
        }

    return mood


def lying(polarity: str) -> Mood:
    """Return a model that claims everything it is offered of every word."""
    return lambda question: {
        "claims": [
            claim(concept, polarity, quote)
            for concept in question["candidates"]
            for quote in quotes(question["text"])
        ]
    }


def noisy(question: Any) -> object:
    dice = random.Random(len(question["text"]))  # noqa: S311 - chance of a test
    words = list(quotes(question["text"]))
    offered = list(question["candidates"])
    chosen = dice.sample(offered, min(5, len(offered)))
    return {
        "claims": [claim(each, dice.choice(("present", "absent")), dice.choice(words)) for each in chosen]
    }


def inventing(question: Any) -> object:
    return {
        "claims": [
            *(claim(each, "absent", "words that nobody wrote") for each in question["candidates"]),
            claim("NOT_OFFERED", "present", question["text"]),
        ]
    }


@pytest.fixture(scope="module")
def alone(shared_data: Path, reader: AnswerReader) -> dict[str, float]:
    """Return how the rules alone do."""
    answers = shared_data / "grading" / "student-answers.dev.jsonl"
    return _answers(answers, LABELS, reader, lambda _text: set())["all"]


@pytest.fixture
def figures(shared_data: Path, chat: ChatServer, reader: AnswerReader) -> Measure:
    """Return what measures a mood."""

    def measure(mood: Mood) -> dict[str, dict[str, float]]:
        chat.thinks(mood)
        model = LanguageModelSettings("key", "m", chat.base_url, timeout_s=60.0)
        answers = shared_data / "grading" / "student-answers.dev.jsonl"
        return answers_with_model(answers, LABELS, reader, model)

    return measure


@pytest.mark.parametrize(
    "mood",
    [lambda _question: {"claims": []}, inventing, lambda _question: "wrong JSON"],
    ids=["silent", "inventing", "malformed"],
)
def test_a_model_with_nothing_sound_to_say_changes_no_figure(
    figures: Measure, alone: dict[str, float], mood: Mood
) -> None:
    found = figures(mood)
    assert found["all, with a model"] == alone
    assert found["questions to the model"]["asked"] == 40


@pytest.mark.parametrize("mood", [lying("present"), lying("absent"), noisy])
def test_a_model_that_lies_with_words_of_the_text_costs_next_to_nothing(
    figures: Measure, alone: dict[str, float], mood: Mood
) -> None:
    assert figures(mood)["all, with a model"]["f1"] >= alone["f1"] - MOST_LOST


def test_a_model_that_knows_better_never_does_harm(
    figures: Measure,
    alone: dict[str, float],
    reader: AnswerReader,
    truth: dict[str, set[tuple[str, str]]],
) -> None:
    assert figures(oracle(reader, truth))["all, with a model"]["f1"] >= alone["f1"]


def test_without_an_endpoint_the_command_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["evaluate", "language", "--data", str(tmp_path), "--language-model"]) == 2
    assert "OPENAI_BASE_URL" in capsys.readouterr().err
