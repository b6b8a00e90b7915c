"""A language model's comment says no more than the correction, and never keeps anybody waiting or wrong."""

import json
from typing import Any

import pytest

from ml.language.commenting import LONGEST_COMMENT, Comment, Commenter
from ml.language.endpoint import LanguageModelSettings
from ml.language.grading import Grade, KeyItem, grade
from tests.support.chat_server import ChatServer
from tests.support.language import the_matcher

RULES = the_matcher()
TEXT = "M. Untel : rythme sinusal, onde P avant chaque QRS"
GOOD = "Tu as bien vu le rythme sinusal. La prochaine fois, pense à regarder la branche gauche."


@pytest.fixture
def commenter(chat: ChatServer) -> Commenter:
    return Commenter(RULES, LanguageModelSettings("none", "toy-7b", chat.base_url, timeout_s=2.0))


def marked(text: str = TEXT) -> Grade:
    key = [KeyItem("SINUS_RHYTHM"), KeyItem("LBBB")]
    return grade(RULES.match(text), [], key, RULES.ontology)


def comment(commenter: Commenter, chat: ChatServer, said: object) -> Comment | None:
    chat.says(said)
    return commenter.comment(TEXT, marked(), "fr")


def test_a_comment_comes_with_the_model_that_wrote_it(commenter: Commenter, chat: ChatServer) -> None:
    assert comment(commenter, chat, {"comment": f"  {GOOD}\n"}) == Comment(GOOD, "toy-7b")


def test_the_model_is_told_the_correction_and_no_name(commenter: Commenter, chat: ChatServer) -> None:
    comment(commenter, chat, {"comment": GOOD})
    asked: dict[str, Any] = chat.question()
    assert set(asked) == {"answer", "correction"}
    assert "Untel" not in json.dumps(chat.asked)
    assert any("Bloc de branche gauche" in each for each in asked["correction"])
    assert "French" in chat.asked[-1]["messages"][0]["content"]


@pytest.mark.parametrize(
    "said",
    [
        {"comment": "C'est une embolie pulmonaire : il fallait la voir."},
        {"comment": "Regarde <b>ici</b>."},
        {"comment": "Voir https://example.org pour la suite."},
        {"comment": "x" * (LONGEST_COMMENT + 1)},
        {"comment": "   "},
        {"comment": GOOD, "grade": 100},
        {"text": GOOD},
        "no JSON at all",
    ],
    ids=["another diagnosis", "markup", "a link", "long", "blank", "more fields", "other fields", "no JSON"],
)
def test_what_may_not_be_shown_is_no_comment(commenter: Commenter, chat: ChatServer, said: object) -> None:
    assert comment(commenter, chat, said) is None


def test_a_model_that_refuses_gives_no_comment(commenter: Commenter, chat: ChatServer) -> None:
    chat.refuses(401)
    assert commenter.comment(TEXT, marked(), "fr") is None


def test_what_the_student_named_themself_may_be_spoken_of(commenter: Commenter, chat: ChatServer) -> None:
    text = "flutter atrial"
    said = "Un flutter atrial aurait des ondes F : relis les dérivations inférieures."
    chat.says({"comment": said})
    assert commenter.comment(text, marked(text), "fr") == Comment(said, "toy-7b")
