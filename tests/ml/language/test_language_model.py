"""A real HTTP server speaks the chat-completions protocol, in its good and bad moods."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ml.language.language_model import LanguageModelMatcher, LanguageModelSettings
from ml.language.matching import ConceptMatcher, EmbeddedMatcher
from ml.language.types import Certainty, Polarity, Span

TEXT = "BBG complet, le coeur galope comme une tachycardie folle"


class Endpoint(ThreadingHTTPServer):
    """Answers every completion with what the test put in `mood`; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply: Callable[[], tuple[int, bytes]] = lambda: (500, b"")
        self.asked: list[dict[str, Any]] = []
        self.released = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client that lost patience is gone before its answer."""

    def says(self, content: object, **choice: object) -> None:
        message = {
            "role": "assistant",
            "content": json.dumps(content),
            "refusal": choice.pop("refusal", None),
        }
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        }
        self.reply = lambda: (200, json.dumps(answer).encode())


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.asked.append({"path": self.path, **json.loads(self.rfile.read(length))})
        status, body = self.server.reply()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def model(matcher: EmbeddedMatcher, endpoint: Endpoint) -> Iterator[LanguageModelMatcher]:
    reader = LanguageModelMatcher(
        matcher, LanguageModelSettings("key", "m", endpoint.base_url, timeout_s=0.5)
    )
    yield reader
    reader.close()


def claim(concept: str, *quotes: str, **changes: object) -> dict[str, object]:
    plain = {"polarity": "present", "certainty": "asserted", "confidence": 99}
    return {"concept": concept, "quotes": list(quotes), **plain, **changes}


def test_a_sound_answer_adds_to_the_reading(model: LanguageModelMatcher, endpoint: Endpoint) -> None:
    endpoint.says({"claims": [claim("SINUS_TACHYCARDIA", "tachycardie folle", certainty="possible")]})

    reading = model.match(TEXT)

    added = reading.claims[-1]
    assert (added.concept, added.polarity, added.certainty, added.method) == (
        "SINUS_TACHYCARDIA",
        Polarity.PRESENT,
        Certainty.POSSIBLE,
        "model",
    )
    assert added.confidence == 90.0
    assert added.spans == (Span(39, 56),)
    assert reading.source == model.version


def test_a_dismissed_claim_is_absent_whatever_polarity_the_model_gives(
    model: LanguageModelMatcher, endpoint: Endpoint
) -> None:
    endpoint.says({"claims": [claim("SINUS_TACHYCARDIA", "tachycardie folle", certainty="rejected")]})

    assert model.match(TEXT).claims[-1].polarity is Polarity.ABSENT


def test_both_matchers_answer_the_same_protocol(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher
) -> None:
    matchers: list[ConceptMatcher] = [model, matcher]

    assert len({each.version for each in matchers}) == 2


def test_the_model_is_asked_once_and_sees_only_candidates(
    model: LanguageModelMatcher, endpoint: Endpoint
) -> None:
    endpoint.says({"claims": []})

    model.match(TEXT)

    (asked,) = endpoint.asked
    sent = json.loads(asked["messages"][1]["content"])
    assert asked["path"] == "/v1/chat/completions"
    assert sent["text"] == TEXT
    assert {"LBBB_COMPLETE", "TACHYCARDIA"} <= set(sent["candidates"])
    assert "PERICARDITIS" not in sent["candidates"]


@pytest.mark.parametrize(
    "lie",
    [
        claim("NOT_A_CONCEPT", "galope"),
        claim("PERICARDITIS", "galope"),
        claim("SINUS_TACHYCARDIA", "words that are not there"),
        claim("SINUS_TACHYCARDIA"),
        claim("SINUS_TACHYCARDIA", "galope", "words that are not there"),
        claim("LBBB_COMPLETE", "BBG complet", polarity="absent"),
    ],
)
def test_what_the_model_may_not_say_is_dropped(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, endpoint: Endpoint, lie: dict[str, object]
) -> None:
    endpoint.says({"claims": [lie]})

    assert model.match(TEXT).claims == matcher.match(TEXT).claims


@pytest.mark.parametrize("content", [[], {}, {"claims": 3}, {"claims": [3]}, {"claims": [{}]}, None, "text"])
def test_a_malformed_answer_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, endpoint: Endpoint, content: object
) -> None:
    endpoint.says(content)

    assert model.match(TEXT) == matcher.match(TEXT)


def test_a_refusal_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, endpoint: Endpoint
) -> None:
    endpoint.says({"claims": [claim("SINUS_TACHYCARDIA", "galope")]}, refusal="I cannot help with that")

    assert model.match(TEXT) == matcher.match(TEXT)


def test_an_answer_cut_short_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, endpoint: Endpoint
) -> None:
    endpoint.says({"claims": []}, finish_reason="length")

    assert model.match(TEXT) == matcher.match(TEXT)


def test_a_slow_model_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, endpoint: Endpoint
) -> None:
    def late() -> tuple[int, bytes]:
        endpoint.released.wait(30)
        return 200, b"{}"

    endpoint.reply = late

    assert model.match(TEXT) == matcher.match(TEXT)
    endpoint.released.set()


@pytest.mark.parametrize("answer", [(500, b"{}"), (401, b"{}"), (429, b"{}"), (200, b"<html>"), (200, b"{}")])
def test_a_failing_endpoint_leaves_the_rules_reading(
    model: LanguageModelMatcher, matcher: EmbeddedMatcher, endpoint: Endpoint, answer: tuple[int, bytes]
) -> None:
    endpoint.reply = lambda: answer

    assert model.match(TEXT) == matcher.match(TEXT)


def test_nobody_listening_leaves_the_rules_reading(matcher: EmbeddedMatcher) -> None:
    reader = LanguageModelMatcher(
        matcher, LanguageModelSettings("key", "m", "http://127.0.0.1:1/v1", timeout_s=0.5)
    )

    assert reader.match(TEXT) == matcher.match(TEXT)
    reader.close()


def test_a_text_without_candidates_is_not_sent(model: LanguageModelMatcher, endpoint: Endpoint) -> None:
    assert model.match("").claims == ()
    assert endpoint.asked == []
