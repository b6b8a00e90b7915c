"""Where a language model may help, and what it may cost and be told."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from ml.language.types import Fallback
from schema.context import Context, Services
from schema.models.accounts import Account
from schema.models.disagreements import Disagreement
from schema.policy import Actor, Role
from schema.services.answers import Draft
from schema.services.grading import Key
from server.app import close_services, wire_services
from server.settings import load_settings
from server.signing import Signer
from tests.schema.conftest import the_schema
from tests.support.chat_server import ChatServer
from tests.support.language import the_matcher

TEXT = "BBG complet chez M. Untel, onde delltah en V2"
SAYS = {
    "claims": [
        {
            "concept": "LBBB_COMPLETE",
            "polarity": "absent",
            "certainty": "asserted",
            "confidence": 80,
            "quotes": ["BBG complet"],
        }
    ]
}


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Callable[..., Services]]:
    """Return what wires a platform with these settings; all of them share a data folder."""
    opened: list[Services] = []

    def wire(**given: Any) -> Services:
        settings = load_settings(None, data_dir=tmp_path, **given)
        opened.append(wire_services(settings, Signer(settings.secret)))
        SQLModel.metadata.create_all(opened[-1].database.engine)
        return opened[-1]

    yield wire
    for each in opened:
        close_services(each)


@pytest.mark.parametrize(
    "given",
    [{"openai_base_url": "http://127.0.0.1:9/v1"}, {"openai_api_key": "k" * 20}],
    ids=["a local endpoint without a key", "a key for the provider's own"],
)
def test_a_language_model_helps_teachers_and_reads_no_student_unless_told_to(
    given: dict[str, str], wired: Callable[..., Services]
) -> None:
    services = wired(**given)
    assert services.proposer.version != services.matcher.version
    assert services.matcher.version == the_matcher().version
    allowed = wired(**given, model_reads_answers=True)
    assert allowed.matcher.version == allowed.proposer.version == services.proposer.version


def test_students_answers_are_read_by_no_model_where_none_is_configured(
    wired: Callable[..., Services],
) -> None:
    services = wired(model_reads_answers=True)
    assert services.matcher.version == the_matcher().version
    assert services.budget is None


def test_an_unreachable_language_model_leaves_the_rules_reading_and_is_asked_again(
    wired: Callable[..., Services],
) -> None:
    services = wired(openai_base_url="http://127.0.0.1:9/v1")
    first = services.proposer.match("Fibrillation atriale", "fr")
    again = services.proposer.match("Fibrillation atriale", "fr")
    assert [claim.concept for claim in first.reading.claims] == ["ATRIAL_FIBRILLATION"]
    assert not again.cached
    assert services.proposer.statistics().fallbacks[Fallback.UNREACHABLE] == 2


def grade(services: Services, text: str) -> dict[str, Any]:
    return services.grader.grade(Draft(text, ()), Key(1, (), "")).document


def test_an_answer_leaves_the_platform_only_where_that_is_allowed(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    chat.says(SAYS)
    grade(wired(openai_base_url=chat.base_url), TEXT)
    assert chat.asked == []

    services = wired(openai_base_url=chat.base_url, model_reads_answers=True)
    document = grade(services, TEXT)
    assert document["matcher_version"] == services.matcher.version
    assert document["fallback"] is None
    assert "Untel" not in json.dumps(chat.asked)


def test_marks_within_a_transaction_wait_for_no_model(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    services = wired(openai_base_url=chat.base_url, model_reads_answers=True)
    marked = services.grader.grade(Draft(TEXT, ()), Key(1, (), ""), at_once=True)
    assert (marked.document["fallback"], chat.asked) == ("not_asked", [])


def test_the_answers_of_an_attempt_are_asked_about_side_by_side(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    chat.says(SAYS)
    services = wired(openai_base_url=chat.base_url, model_reads_answers=True)
    texts = [f"BBG complet {number}/min" for number in range(40, 52)]
    marks = services.grader.grade_all([(Draft(text, ()), Key(1, (), "")) for text in texts])
    assert [mark.document["measurements"][0]["value"] for mark in marks] == list(range(40, 52))
    assert len(chat.asked) == len(texts)


def test_what_is_read_differently_is_kept_masked_and_of_an_answer_not_a_word(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    chat.says(SAYS)
    services = wired(openai_base_url=chat.base_url, model_reads_answers=True)
    services.proposer.match(TEXT)
    grade(services, f"{TEXT} vu")
    with services.database.read() as session:
        rows = session.exec(select(Disagreement).order_by("id")).all()
    kept = [(row.origin, row.sentence) for row in rows]
    assert kept == [("description", "BBG complet chez M. _____, onde delltah en V2"), ("answer", "")]


def test_over_the_days_budget_a_text_is_read_by_the_rules_and_says_so(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    chat.says(SAYS, usage=(1000, 100))
    services = wired(openai_base_url=chat.base_url, model_calls_per_day=1, model_input_price=1.0)
    asked = services.proposer.match(TEXT).reading
    refused = services.proposer.match(f"{TEXT}, QRS fins").reading
    assert asked.consultation is not None
    assert asked.consultation.fallback is None
    assert refused.consultation is not None
    assert refused.consultation.fallback is Fallback.OVER_BUDGET
    assert len(chat.asked) == 1
    assert services.budget is not None
    assert services.budget.today().euros == pytest.approx((1000 * 1.0 + 100 * 0.6) / 1e6)


def test_another_worker_finds_what_one_has_asked_and_what_that_saved(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    chat.says(SAYS)
    first, second = (wired(openai_base_url=chat.base_url) for _ in range(2))
    first.proposer.match(TEXT)
    assert second.proposer.match(TEXT).cached
    assert len(chat.asked) == 1
    assert second.matcher.statistics().euros_saved > 0


def test_nothing_of_a_text_is_logged_whatever_happens(
    wired: Callable[..., Services], chat: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    services = wired(openai_base_url=chat.base_url)
    chat.says(SAYS)
    services.proposer.match(TEXT)
    chat.refuses(500)
    services.proposer.match(f"{TEXT} vu")
    chat.says("no JSON")
    services.proposer.match(f"{TEXT} revu")
    assert "Untel" not in caplog.text
    assert "delltah" not in caplog.text


MATCH = '{ matchConcepts(text: "BBG complet chez M. Untel") { matcherVersion fallback } }'


@pytest.mark.parametrize("role", Role)
def test_only_who_describes_cases_has_a_model_asked_by_matching_concepts(
    wired: Callable[..., Services], chat: ChatServer, role: Role
) -> None:
    chat.says({"claims": []})
    services = wired(openai_base_url=chat.base_url, model_reads_answers=True)
    with services.database.write() as session:
        account = Account(email="a@b.fr", display_name="A", role=role.value, created_at=services.clock())
        session.add(account)
    actor = Actor(account.id or 0, role, "A", "fr")
    for _ in range(2):
        found = asyncio.run(the_schema().execute(MATCH, context_value=Context(services, actor)))
        assert found.errors is None
    assert len(chat.asked) == (1 if actor.is_author else 0)


def test_answers_are_commented_on_after_they_are_handed_in_only_where_a_model_may_read_them(
    wired: Callable[..., Services], chat: ChatServer
) -> None:
    assert not wired(openai_base_url=chat.base_url).grader.comments
    assert wired(openai_base_url=chat.base_url, model_reads_answers=True).grader.comments
    assert not wired(model_reads_answers=True).grader.comments
