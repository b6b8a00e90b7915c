"""Signing in and out, the cookie, the throttle, language and appearance."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from schema.policy import Role, Scope
from schema.services.tokens import Tokens
from server.app import Application, close_services, create_app
from server.auth import local_address
from server.settings import Settings
from tests.server.conftest import PASSWORD, Join, browser


def token_of(page: str) -> str:
    """Return the form token in a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(client: TestClient, email: str, password: str = PASSWORD, back: str = "/") -> Any:
    token = token_of(client.get("/sign-in").text)
    form = {"csrf_token": token, "email": email, "password": password, "next": back}
    return client.post("/sign-in", data=form)


def test_a_stranger_is_sent_to_the_sign_in_page_and_back(stranger: TestClient) -> None:
    answer = stranger.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/")


def test_whoever_lost_the_password_or_has_no_account_is_told_whom_to_ask(stranger: TestClient) -> None:
    page = stranger.get("/sign-in", headers={"accept-language": "fr"}).text
    assert "Adressez-vous à votre enseignant ou à un administrateur" in page


def test_a_stranger_on_htmx_is_sent_there_by_header(stranger: TestClient) -> None:
    answer = stranger.get("/", headers={"hx-request": "true", "hx-request-type": "partial"})
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == "/sign-in?next=/"


def test_a_stranger_who_asks_for_json_gets_401(stranger: TestClient) -> None:
    answer = stranger.get("/", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["message"].startswith("You are not signed in any more")


def test_signing_in_opens_a_session_and_goes_on(app: Application, join: Join) -> None:
    person, client = join(Role.TEACHER), browser(app)
    answer = sign_in(client, f"  {person.email.upper()} ", back="/sign-in?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?x=1"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert client.get("/").status_code == 200


def test_signing_in_again_ends_the_session_before(join: Join, app: Application) -> None:
    person, client = join(Role.TEACHER), browser(app)
    sign_in(client, person.email)
    first = client.cookies["chevet_session"]
    client.get("/sign-out")
    token = token_of(client.get("/").text)
    client.post("/sign-in", data={"csrf_token": token, "email": person.email, "password": PASSWORD})
    assert client.cookies["chevet_session"] != first
    old = browser(app)
    old.cookies.set("chevet_session", first, domain="testserver.local")
    assert old.get("/").status_code == 303


def test_a_wrong_password_and_an_unknown_address_read_alike(app: Application, join: Join) -> None:
    person = join(Role.STUDENT)
    wrong = sign_in(browser(app, "10.1.0.1"), person.email, "not the password")
    unknown = sign_in(browser(app, "10.1.0.1"), "nobody@example.org", "not the password")
    assert wrong.status_code == unknown.status_code == 422
    assert "E-mail or password is wrong." in wrong.text
    assert "E-mail or password is wrong." in unknown.text


def test_the_address_is_kept_and_the_password_is_not(app: Application) -> None:
    answer = sign_in(browser(app, "10.1.0.2"), "ada@example.org", "hunter2hunter2")
    assert 'value="ada@example.org"' in answer.text
    assert "hunter2" not in answer.text


def test_guessing_one_accounts_password_is_slowed_down(app: Application, join: Join) -> None:
    person = join(Role.STUDENT)
    statuses = [
        sign_in(browser(app, f"10.2.0.{n}"), person.email, f"guess {n}").status_code for n in range(8)
    ]
    assert statuses[:5] == [422] * 5
    last = sign_in(browser(app, "10.2.0.99"), person.email)
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) >= 1
    assert "Too many tries" in last.text


def test_signing_in_needs_the_form_token(app: Application, join: Join) -> None:
    person = join(Role.STUDENT)
    answer = browser(app).post("/sign-in", data={"email": person.email, "password": PASSWORD})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_form_token_of_a_stranger_is_none_for_somebody_signed_in(app: Application, join: Join) -> None:
    foreign = token_of(browser(app).get("/sign-in").text)
    person = join(Role.STUDENT)
    assert person.browser.post("/sign-out", data={"csrf_token": foreign}).status_code == 403
    assert person.browser.get("/").status_code == 200


def test_signing_out_ends_the_session_on_the_server(app: Application, join: Join) -> None:
    person = join(Role.STUDENT)
    held = person.browser.cookies["chevet_session"]
    answer = person.browser.post("/sign-out", data={"csrf_token": token_of(person.browser.get("/").text)})
    assert answer.headers["location"] == "/sign-in"
    assert "chevet_session" not in person.browser.cookies
    assert "Déconnexion effectuée." in person.browser.get("/sign-in").text
    thief = browser(app)
    thief.cookies.set("chevet_session", held)
    assert thief.get("/").status_code == 303


def test_a_message_is_shown_once_and_a_forged_one_never(app: Application, join: Join) -> None:
    person = join(Role.STUDENT)
    person.browser.post("/sign-out", data={"csrf_token": token_of(person.browser.get("/").text)})
    assert "Déconnexion effectuée." in person.browser.get("/sign-in").text
    assert "Déconnexion effectuée." not in person.browser.get("/sign-in").text
    client = browser(app)
    client.cookies.set("chevet_flash", "WyJkb25lIiwiZm9yZ2VkIl0=.signature")
    assert "forged" not in client.get("/sign-in").text


def test_somebody_signed_in_goes_past_the_sign_in_page(join: Join) -> None:
    assert join(Role.ADMIN).browser.get("/sign-in?next=/nowhere").headers["location"] == "/nowhere"


@pytest.mark.parametrize(
    "asked, safe",
    [
        ("/cases?after=x", "/cases?after=x"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_going_on_never_leads_to_another_site(asked: str | None, safe: str) -> None:
    assert local_address(asked) == safe


def test_in_production_the_cookie_is_bound_to_the_host(settings: Settings, join: Join) -> None:
    strict = settings.model_copy(update={"env": "production", "public_url": "https://testserver"})
    application = create_app(strict)
    try:
        client = browser(application, "10.3.0.1")
        client.base_url = "https://testserver"
        person = join(Role.TEACHER)
        answer = sign_in(client, person.email)
    finally:
        close_services(application.site.services)
    assert answer.headers["set-cookie"].startswith("__Host-chevet_session=")
    assert "Secure" in answer.headers["set-cookie"]


def test_language_comes_from_the_browser_then_the_device_then_the_account(
    app: Application, join: Join
) -> None:
    client = browser(app)
    assert '<html lang="en"' in client.get("/sign-in").text
    assert '<html lang="fr"' in client.get("/sign-in", headers={"accept-language": "de, fr;q=0.5"}).text
    client.post("/preferences", data={"csrf_token": token_of(client.get("/sign-in").text), "language": "fr"})
    assert '<html lang="fr"' in client.get("/sign-in").text
    person = join(Role.TEACHER)
    page = person.browser.get("/").text
    assert '<html lang="fr"' in page
    form = {"csrf_token": token_of(page), "language": "en", "next": "/sign-in"}
    answer = person.browser.post("/preferences", data=form)
    assert answer.headers["location"] == "/sign-in"
    other_device = browser(app)
    other_device.cookies.set("chevet_session", person.browser.cookies["chevet_session"])
    assert '<html lang="en"' in other_device.get("/", headers={"accept-language": "fr"}).text


def test_appearance_is_kept_on_the_device_and_nonsense_is_ignored(stranger: TestClient) -> None:
    token = token_of(stranger.get("/sign-in").text)
    stranger.post("/preferences", data={"csrf_token": token, "theme": "dark"})
    assert 'data-theme="dark"' in stranger.get("/sign-in").text
    stranger.post("/preferences", data={"csrf_token": token, "theme": '"><script>'})
    assert 'data-theme="dark"' in stranger.get("/sign-in").text


def test_a_token_without_the_scope_of_the_profile_changes_no_preference(app: Application, join: Join) -> None:
    person, services = join(Role.TEACHER), app.site.services
    with services.database.write() as session:
        made = Tokens(session, services.clock, None).create(
            person.account_id, "Moodle", frozenset({Scope.CASES_READ})
        )
    program = browser(app)
    program.headers["authorization"] = f"Bearer {made.secret}"
    token = token_of(browser(app).get("/sign-in").text)
    answer = program.post("/preferences", data={"csrf_token": token, "language": "en"})
    assert answer.status_code == 303
    assert '<html lang="fr"' in person.browser.get("/").text
