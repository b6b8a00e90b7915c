"""A second reader on a real HTTP server: what it may add, and what becomes of everything else it says."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from ml.language.endpoint import FAILURES, REST_S, Endpoint, EndpointError, LanguageModelSettings, Unlimited
from ml.language.language_model import LanguageModelMatcher, without_suggestions
from ml.language.matching import ConceptMatcher, EmbeddedMatcher
from ml.language.types import Certainty, Claim, Consultation, Dispute, Fallback, Polarity, Reading, Span
from tests.support.chat_server import ChatServer, completion

TEXT = "BBG complet, onde delltah en V2, aspect en dents bizarres"
NAMED = ("DELTA_WAVE", "onde delltah")
FANCIED = ("FLUTTER_WAVES", "dents bizarres")


class Purse:
    """A budget of so many millionths of a euro, and what was taken from it."""

    def __init__(self, holds: int) -> None:
        self.left = holds
        self.reserved: list[int] = []

    def reserve(self, most: int) -> str | None:
        self.reserved.append(most)
        if most > self.left:
            return None
        self.left -= most
        return "today"

    def settle(self, account: str, reserved: int, spent: int) -> None:
        assert account == "today"
        self.left += reserved - spent


def settings(chat: ChatServer, **changes: object) -> LanguageModelSettings:
    usual = LanguageModelSettings("key", "m", chat.base_url, 30.0, input_price=1.0, output_price=10.0)
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.fixture
def model(matcher: EmbeddedMatcher, chat: ChatServer) -> LanguageModelMatcher:
    return LanguageModelMatcher(matcher, settings(chat))


def claim(concept: str, *quotes: str, **changes: object) -> dict[str, object]:
    plain = {"polarity": "present", "certainty": "asserted", "confidence": 99}
    return {"concept": concept, "quotes": list(quotes), **plain, **changes}


def rules_alone(reading: Reading, fallback: Fallback | None) -> Reading:
    """Return the reading without its consultation, which must name this fallback."""
    assert reading.consultation is not None
    assert reading.consultation.fallback is fallback
    return replace(reading, consultation=None)


def told(reading: Reading) -> Consultation:
    assert reading.consultation is not None
    return reading.consultation


def from_model(reading: Reading) -> list[Claim]:
    return [each for each in reading.claims if each.method == "model"]


def test_words_that_are_nearly_a_name_and_a_model_together_make_a_claim(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": [claim(*NAMED, certainty="possible")]})

    reading = model.match(TEXT)

    (added,) = from_model(reading)
    assert (added.concept, added.polarity, added.certainty, added.confidence) == (
        "DELTA_WAVE",
        Polarity.PRESENT,
        Certainty.POSSIBLE,
        90.0,
    )
    assert added.spans == (Span(13, 25),)
    assert reading.claims[:-1] == matcher.match(TEXT).claims
    assert (reading.source, told(reading).fallback) == (model.version, None)


def test_what_only_the_model_sees_is_a_suggestion_that_nothing_counts(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": [claim(*FANCIED)]})

    reading = model.match(TEXT)

    (suggested,) = from_model(reading)
    assert (suggested.concept, suggested.confidence) == ("FLUTTER_WAVES", 45.0)
    assert without_suggestions(reading).claims == matcher.match(TEXT).claims


def test_a_dismissed_claim_is_absent_whatever_polarity_the_model_gives(
    model: LanguageModelMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": [claim(*NAMED, certainty="rejected")]})

    assert from_model(model.match(TEXT))[0].polarity is Polarity.ABSENT


def test_the_same_words_are_a_second_witness_once(model: LanguageModelMatcher, chat: ChatServer) -> None:
    chat.says({"claims": [claim(*NAMED), claim("EPSILON_WAVE", "onde delltah"), claim(*NAMED)]})

    assert [each.confidence >= 50 for each in from_model(model.match(TEXT))].count(True) == 1


def test_both_matchers_answer_the_same_protocol(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher
) -> None:
    matchers: list[ConceptMatcher] = [model, matcher]

    assert len({each.version for each in matchers}) == 2


def test_the_model_is_asked_once_and_sees_only_candidates(
    model: LanguageModelMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": []})

    model.match(TEXT)

    (asked,) = chat.asked
    assert asked["path"] == "/v1/chat/completions"
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert chat.question()["text"] == TEXT
    assert {"LBBB_COMPLETE", "DELTA_WAVE"} <= set(chat.question()["candidates"])
    assert "PERICARDITIS" not in chat.question()["candidates"]


def test_names_and_identifiers_never_leave_and_spans_stay_those_of_the_text(
    model: LanguageModelMatcher, chat: ChatServer
) -> None:
    text = "M. Untel né le 12/03/1954, tél. 06 12 34 56 78 : BBG complet, onde delltah"
    chat.says({"claims": [claim(*NAMED)]})

    (added,) = from_model(model.match(text))

    sent = json.dumps(chat.asked, ensure_ascii=False)
    for private in ("Untel", "1954", "06 12", "56 78"):
        assert private not in sent
    assert [text[span.start : span.end] for span in added.spans] == ["onde delltah"]


@pytest.mark.parametrize(
    "lie",
    [
        claim("NOT_A_CONCEPT", "onde"),
        claim("PERICARDITIS", "onde"),
        claim("DELTA_WAVE", "words that are not there"),
        claim("DELTA_WAVE"),
        claim("DELTA_WAVE", " "),
        claim("DELTA_WAVE", "onde delltah", "words that are not there"),
    ],
)
def test_what_the_model_may_not_say_is_dropped_and_counted(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer, lie: dict[str, object]
) -> None:
    chat.says({"claims": [lie, claim("LBBB_COMPLETE", "BBG complet")]})

    reading = model.match(TEXT)

    assert reading.claims == matcher.match(TEXT).claims
    assert (told(reading).dropped, told(reading).disputes) == (1, ())


def test_what_the_rules_have_read_stands_and_the_contradiction_is_kept_for_an_expert(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    text = "Vu avec Mme Untel. BBG complet chez M. Untel\nRythme sinusal"
    chat.says({"claims": [claim("LBBB_COMPLETE", "BBG complet", polarity="absent")]})

    reading = model.match(text)

    assert reading.claims == matcher.match(text).claims
    sentence = "BBG complet chez M. _____"
    assert told(reading).disputes == (
        Dispute("LBBB_COMPLETE", Polarity.PRESENT, Polarity.ABSENT, sentence),
        Dispute("SINUS_RHYTHM", Polarity.PRESENT, None, "Rythme sinusal"),
    )


def test_what_one_reads_and_the_other_does_not_is_kept_too_but_not_what_a_silent_model_leaves_out(
    model: LanguageModelMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": [claim(*FANCIED)]})
    kept = {(each.concept, each.rules, each.model) for each in told(model.match(TEXT)).disputes}
    assert ("FLUTTER_WAVES", None, Polarity.PRESENT) in kept
    assert ("LBBB_COMPLETE", Polarity.PRESENT, None) in kept

    chat.says({"claims": []})
    assert told(model.match(TEXT)).disputes == ()


def test_a_wider_name_for_what_the_rules_read_is_no_disagreement(
    model: LanguageModelMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": [claim("BUNDLE_BRANCH_BLOCK", "BBG complet")]})

    reading = model.match("BBG complet")

    assert (told(reading).disputes, told(reading).dropped, from_model(reading)) == ((), 0, [])


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"claims": 3},
        {"claims": [3]},
        {"claims": [{}]},
        None,
        "text",
        '{"claims": [',
        {"claims": [], "score": 100},
        {"claims": [claim(*NAMED, polarity="maybe")]},
        {"claims": [claim(*NAMED, confidence="NaN")]},
    ],
)
def test_a_malformed_answer_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer, content: object
) -> None:
    chat.says(content)

    reading = model.match(TEXT)

    assert told(reading).microeuros == 2000
    assert rules_alone(reading, Fallback.MALFORMED) == matcher.match(TEXT)


def test_a_refusal_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": [claim(*NAMED)]}, refusal="I cannot help with that")

    assert rules_alone(model.match(TEXT), Fallback.MALFORMED) == matcher.match(TEXT)


def test_an_answer_cut_short_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    chat.says({"claims": []}, finish_reason="length")

    assert rules_alone(model.match(TEXT), Fallback.MALFORMED) == matcher.match(TEXT)


def test_a_body_cut_short_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    whole = completion({"claims": []})
    chat.reply = lambda _asked: (200, {"Content-Length": str(len(whole))}, whole[:40])

    reading = model.match(TEXT)

    assert told(reading).fallback in {Fallback.SLOW, Fallback.UNREACHABLE, Fallback.MALFORMED}
    assert replace(reading, consultation=None) == matcher.match(TEXT)


def test_a_hanging_model_is_not_waited_for_longer_than_said(
    matcher: EmbeddedMatcher, chat: ChatServer
) -> None:
    chat.hangs()
    started = time.monotonic()

    reading = LanguageModelMatcher(matcher, settings(chat, timeout_s=0.5)).match(TEXT)

    assert time.monotonic() - started < 20  # of the 30 the server would take
    assert rules_alone(reading, Fallback.SLOW) == matcher.match(TEXT)


@pytest.mark.parametrize(
    "refusal, fallback",
    [
        (500, Fallback.UNREACHABLE),
        (401, Fallback.UNREACHABLE),
        (429, Fallback.UNREACHABLE),
        (404, Fallback.UNREACHABLE),
    ],
)
def test_a_refusing_endpoint_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer, refusal: int, fallback: Fallback
) -> None:
    chat.refuses(refusal)

    assert rules_alone(model.match(TEXT), fallback) == matcher.match(TEXT)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"choices": []}', b'{"choices": [{}]}', b"\xff"])
def test_what_is_no_completion_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, chat: ChatServer, body: bytes
) -> None:
    chat.reply = lambda _asked: (200, {}, body)

    assert rules_alone(model.match(TEXT), Fallback.MALFORMED) == matcher.match(TEXT)


def test_nobody_listening_leaves_the_rules_reading(matcher: EmbeddedMatcher, chat: ChatServer) -> None:
    reader = LanguageModelMatcher(matcher, settings(chat, base_url="http://127.0.0.1:1/v1"))

    assert rules_alone(reader.match(TEXT), Fallback.UNREACHABLE) == matcher.match(TEXT)


def test_a_text_without_candidates_is_not_sent(model: LanguageModelMatcher, chat: ChatServer) -> None:
    assert model.match("") == replace(model.match(""), claims=(), consultation=None)
    assert chat.asked == []


@pytest.mark.parametrize("text", ["\ud800 BBG", "BBG " * 5000, "onde delta 💔 \u202e", "\x00 BBG"])
def test_any_text_can_be_asked_about(model: LanguageModelMatcher, chat: ChatServer, text: str) -> None:
    chat.says({"claims": []})

    assert told(model.match(text)).fallback is None


@pytest.fixture
def asking(chat: ChatServer) -> Callable[..., Endpoint]:
    def endpoint(
        budget: Purse | None = None, clock: Callable[[], float] = time.monotonic, **changes: object
    ) -> Endpoint:
        return Endpoint(settings(chat, **changes), budget or Unlimited(), clock)

    return endpoint


def ask(endpoint: Endpoint) -> Fallback | str:
    try:
        return endpoint.ask("instructions", "{}", {}).content
    except EndpointError as error:
        return error.cause


def answers(chat: ChatServer, replies: Sequence[tuple[int, dict[str, str]]]) -> None:
    """Give these failures first, then an answer."""
    left = iter(replies)
    chat.reply = lambda _asked: (*next(left, (200, {})), completion("well"))


def test_a_passing_failure_is_tried_again_when_the_endpoint_says(
    asking: Callable[..., Endpoint], chat: ChatServer
) -> None:
    answers(chat, [(429, {"Retry-After": "0.01"}), (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})])

    assert ask(asking()) == "well"
    assert len(chat.asked) == 3


def test_a_failure_that_stays_is_not_tried_again(asking: Callable[..., Endpoint], chat: ChatServer) -> None:
    chat.refuses(401)

    assert ask(asking()) is Fallback.UNREACHABLE
    assert len(chat.asked) == 1


def test_nobody_waits_for_an_endpoint_that_asks_for_more_time_than_there_is(
    asking: Callable[..., Endpoint], chat: ChatServer
) -> None:
    chat.refuses(429, {"Retry-After": "40"})
    started = time.monotonic()

    assert ask(asking()) is Fallback.UNREACHABLE
    assert time.monotonic() - started < 10
    assert len(chat.asked) == 1


def test_after_failures_in_a_row_nobody_waits_until_one_that_tries_again_is_answered(
    asking: Callable[..., Endpoint], chat: ChatServer
) -> None:
    now = [0.0]
    endpoint = asking(clock=lambda: now[0])
    chat.refuses(401)
    for _ in range(FAILURES):
        ask(endpoint)
    assert ask(endpoint) is Fallback.UNREACHABLE
    assert len(chat.asked) == FAILURES

    now[0] += REST_S
    ask(endpoint)
    ask(endpoint)
    assert len(chat.asked) == FAILURES + 1

    now[0] += REST_S
    chat.says("well")
    assert [ask(endpoint), ask(endpoint)] == ["well", "well"]


def test_what_was_used_is_paid_and_no_more(asking: Callable[..., Endpoint], chat: ChatServer) -> None:
    purse = Purse(100_000)
    chat.says("well", usage=(1000, 100))

    assert ask(asking(purse)) == "well"
    assert 100_000 - purse.left == 1000 * 1 + 100 * 10
    assert purse.reserved[0] > 2000 * 10


@pytest.mark.parametrize("usage", [None, {}, (-5, -5), ("many", 3)])
def test_usage_that_makes_no_sense_never_gives_money_back(
    asking: Callable[..., Endpoint], chat: ChatServer, usage: object
) -> None:
    purse = Purse(100_000)
    chat.says("well", usage=usage)

    ask(asking(purse))
    assert purse.left <= 100_000


def test_a_refusal_costs_nothing_and_a_late_answer_what_it_may_have_cost(
    asking: Callable[..., Endpoint], chat: ChatServer
) -> None:
    purse = Purse(100_000)
    chat.refuses(401)
    ask(asking(purse))
    assert purse.left == 100_000

    chat.hangs()
    assert ask(asking(purse, timeout_s=0.5)) is Fallback.SLOW
    assert purse.left == 100_000 - purse.reserved[-1]


def test_over_budget_nothing_is_sent(matcher: EmbeddedMatcher, chat: ChatServer) -> None:
    reader = LanguageModelMatcher(matcher, settings(chat), Purse(3))

    assert rules_alone(reader.match(TEXT), Fallback.OVER_BUDGET) == matcher.match(TEXT)
    assert chat.asked == []
