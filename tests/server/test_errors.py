"""Refusals and faults say what happened and what to do, as a page or as JSON."""

import logging

import pytest
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from server.app import Application, close_services, create_app
from server.errors import explain
from server.i18n import speaking
from server.settings import Settings
from tests.server.conftest import browser

FRAGMENT = {"hx-request": "true", "hx-request-type": "partial"}


def test_a_missing_page_is_explained_in_the_visitors_language(stranger: TestClient) -> None:
    english = stranger.get("/nowhere")
    french = stranger.get("/nowhere", headers={"accept-language": "fr"})
    assert english.status_code == french.status_code == 404
    assert "<h1>There is nothing here</h1>" in english.text
    assert "<h1>Il n’y a rien ici</h1>" in french.text


def test_a_method_that_is_not_served_is_explained(stranger: TestClient) -> None:
    answer = stranger.get("/sign-out")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "<h1>This cannot be done here</h1>" in answer.text


def test_on_htmx_an_error_takes_the_whole_page(stranger: TestClient) -> None:
    answer = stranger.get("/nowhere", headers=FRAGMENT)
    assert answer.headers["hx-retarget"] == "body"
    assert answer.text.startswith("<!doctype html>")


def test_a_program_gets_json(stranger: TestClient) -> None:
    answer = stranger.get("/nowhere", headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("There is nothing here")
    assert stranger.put("/graphql").json()["errors"][0]["extensions"]["code"] == "HTTP_405"


async def _broken(_request: Request) -> None:
    raise RuntimeError("ada@example.org has a secret")


def test_a_fault_is_masked_and_logged_without_its_message(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    application: Application = create_app(settings)
    application.router.routes.append(Route("/broken", _broken))
    try:
        with caplog.at_level(logging.ERROR):
            answer = browser(application).get("/broken")
    finally:
        close_services(application.site.services)
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "ada@example.org" not in answer.text
    assert "ada@example.org" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 503])
def test_every_status_has_words_in_both_languages(status: int) -> None:
    with speaking("fr"):
        french = explain(status)
    with speaking("en"):
        english = explain(status)
    assert french.title != english.title
    assert french.advice != english.advice
