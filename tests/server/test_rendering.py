"""The template environment, pages and fragments, addresses of static files."""

import re

import jinja2
import pytest
from starlette.testclient import TestClient

from schema.policy import Role
from server.rendering import Environment
from tests.server.conftest import Join


@pytest.fixture
def environment() -> Environment:
    return Environment(undefined=jinja2.StrictUndefined, autoescape=True)


def test_a_key_wins_over_a_mappings_method(environment: Environment) -> None:
    assert environment.from_string("{{ case.items }}").render(case={"items": "kept"}) == "kept"
    assert environment.from_string("{{ case.items()|list }}").render(case={"a": 1}) == "[(&#39;a&#39;, 1)]"


def test_a_name_that_is_not_there_is_an_error(environment: Environment) -> None:
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string("{{ case.title }}").render(case={"name": "x"})


def test_what_people_typed_is_escaped(environment: Environment) -> None:
    assert environment.from_string("{{ name }}").render(name="<script>") == "&lt;script&gt;"


def test_htmx_gets_the_pages_main_part_and_others_the_whole(stranger: TestClient) -> None:
    whole = stranger.get("/sign-in")
    part = stranger.get("/sign-in", headers={"hx-request": "true", "hx-request-type": "partial"})
    full = stranger.get("/sign-in", headers={"hx-request": "true", "hx-request-type": "full"})
    history = {"hx-request": "true", "hx-history-restore-request": "true"}
    restored = stranger.get("/sign-in", headers=history)
    assert part.text.startswith("<title>Sign in – Chevet</title>")
    assert {answer.text[:15] for answer in (whole, full, restored)} == {"<!doctype html>"}
    assert "HX-Request" in whole.headers["vary"]


def test_no_page_is_kept_by_a_shared_computer(join: Join) -> None:
    assert join(Role.STUDENT).browser.get("/").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("role", list(Role))
def test_the_home_page_opens_for_every_role(join: Join, role: Role) -> None:
    answer = join(role).browser.get("/")
    assert answer.status_code == 200
    assert ("/builder" in answer.text) == (role in {Role.ADMIN, Role.TEACHER, Role.EXPERT})


@pytest.mark.parametrize("role", list(Role))
def test_every_link_of_the_first_page_leads_somewhere(join: Join, role: Role) -> None:
    client = join(role).browser
    links = set(re.findall(r'href="(/[^"#]*)"', client.get("/").text))
    pages = {link for link in links if not link.startswith("/static/")}
    assert pages
    refused = {link: client.get(link).status_code for link in pages}
    assert {link: status for link, status in refused.items() if status >= 400} == {}
