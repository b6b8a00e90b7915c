"""What Prometheus reads: by its token only, numbers of nobody, of all processes together."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from schema.models.accounts import Account
from schema.models.predictions import Prediction
from schema.policy import Role
from schema.services.day_books import enter
from schema.services.jobs import enqueue
from server.app import Application, close_services, create_app
from server.metrics import FOLDER
from server.migrations import ROOT
from server.settings import SettingsError, load_settings
from tests.server.conftest import Join, Person, browser, installed

TOKEN = "t" * 32
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def watched(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Return a site whose figures Prometheus may read."""
    settings = installed(blank, tmp_path_factory.mktemp("watched"))
    application = create_app(settings.model_copy(update={"metrics_token": SecretStr(TOKEN)}))
    yield application
    close_services(application.site.services)


def told(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample by its name and labels."""
    answer = client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(client: TestClient, name: str, **labels: str) -> float:
    return told(client).get((name, frozenset(labels.items())), 0.0)


def test_without_a_token_set_there_are_no_metrics(stranger: TestClient, join: Join) -> None:
    assert stranger.get("/metrics", headers=BEARER).status_code == 404
    assert join(Role.ADMIN).browser.get("/metrics").status_code == 404


def test_whoever_has_another_token_or_none_reads_nothing(watched: Application) -> None:
    stranger, admin = browser(watched), Person(watched, Role.ADMIN)
    refused = [
        stranger.get("/metrics"),
        stranger.get("/metrics", headers={"authorization": "Bearer "}),
        stranger.get("/metrics", headers={"authorization": f"Bearer {TOKEN}x"}),
        stranger.get("/metrics", headers={b"authorization": b"Bearer \xe9"}),
        admin.browser.get("/metrics"),
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert not any("chevet_" in answer.text.replace("chevet_session", "") for answer in refused)


def test_a_short_token_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CHEVET_METRICS_TOKEN: needs at least 32 characters"):
        load_settings(None, data_dir=tmp_path, metrics_token="short")


def test_requests_are_counted_by_the_template_of_their_route(watched: Application) -> None:
    client = browser(watched)
    where = {"method": "GET", "route": "/cases/{id}", "status": "303"}
    before = value(client, "chevet_http_requests_total", **where)
    for name in ("Q2FzZToxMjM", "Jeanne-Dupont"):
        client.get(f"/cases/{name}?patient=Jeanne-Dupont", headers={"x-name": "Dupont"})
    assert value(client, "chevet_http_requests_total", **where) == before + 2
    of_route = {"method": "GET", "route": "/cases/{id}"}
    assert value(client, "chevet_http_request_seconds_count", **of_route) >= 2


def test_what_a_visitor_chooses_makes_no_label(watched: Application) -> None:
    client = browser(watched)

    def wander(numbers: range) -> int:
        for number in numbers:
            client.get(f"/nowhere-{number}")
            client.request(f"ODD{number}", "/")
            client.get(f"/static/none-{number}.css")
        return len(told(client))

    wander(range(1))  # and /metrics itself is counted only once it has answered
    assert wander(range(1, 30)) == wander(range(30, 60))
    assert not re.search(r"nowhere|ODD|none-", client.get("/metrics", headers=BEARER).text)


def test_no_label_has_an_address_an_id_or_an_email(watched: Application) -> None:
    person = Person(watched, Role.ADMIN)
    for path in ("/", "/models", "/accounts", "/audit"):
        person.browser.get(path)
    labels = {value for _name, pairs in told(browser(watched)) for _label, value in pairs}
    assert not [each for each in labels if "@" in each or "10.0.0.1" in each]
    assert {label for _name, pairs in told(browser(watched)) for label, _value in pairs} <= {
        "method", "route", "status", "le", "family", "version", "alias", "outcome", "kind", "state", "lane",
    }  # fmt: skip


def test_predictions_and_jobs_are_those_of_the_database(watched: Application) -> None:
    services, client = watched.site.services, browser(watched)
    with services.database.write() as session:
        asker = Account(display_name="A", role="clinician", created_at=services.clock())
        session.add(asker)
        session.flush()
        for available in (True, True, False):
            made = Prediction(
                family="triage",
                asked_by=asker.id or 0,
                alias="champion",
                input_sha256="0" * 64,
                ml_available=available,
                ml_error=None if available else "loading",
                latency_ms=20,
                created_at=datetime(2026, 3, 1, tzinfo=UTC),
            )
            session.add(made)
            session.flush()
            enter(session, made)
        enqueue(session, services.clock, "greet", {"patient": "Jeanne Dupont"})
    of = {"family": "triage", "version": "none", "alias": "champion"}
    assert value(client, "chevet_predictions_total", **of, outcome="answered") == 2
    assert value(client, "chevet_predictions_total", **of, outcome="failed") == 1
    assert value(client, "chevet_jobs", kind="greet", state="queued") == 1
    assert value(client, "chevet_job_due_seconds") >= 0
    assert value(client, "chevet_database_up") == 1
    assert "Dupont" not in client.get("/metrics", headers=BEARER).text


def test_a_database_that_is_away_is_told_and_requests_are_still_counted(
    watched: Application, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    away = watched.site.services.database.__class__(f"sqlite:///{tmp_path}/gone")
    monkeypatch.setattr(watched.site.services, "database", away)
    client = browser(watched)
    assert value(client, "chevet_database_up") == 0
    assert value(client, "chevet_http_requests_total", method="GET", route="/metrics", status="200") >= 1
    away.dispose()


def test_how_a_process_stands_is_put_down_again_and_again(watched: Application) -> None:
    site = watched.site

    async def scenario() -> None:
        assert site.metrics is not None
        task = asyncio.create_task(site.metrics.keep(site.services, site.lanes))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(scenario())
    assert value(browser(watched), "chevet_processes") == 1
    assert value(browser(watched), "chevet_http_places", lane="general", state="waiting") == 0


COUNTING = """
import sys
from server.metrics import Metrics
made = Metrics()
made.count({"method": "GET"}, 200, 0.1)
made._processes.set(1)
print("counted", flush=True)
sys.stdin.read()
"""
READING = """
from prometheus_client import generate_latest
from server.metrics import Metrics
print(generate_latest(Metrics()._shared()).decode())
"""


def test_processes_that_share_a_folder_tell_of_all_and_those_that_ended_stand_no_more(tmp_path: Path) -> None:
    environment = {**os.environ, FOLDER: str(tmp_path)}
    options = {"cwd": ROOT, "env": environment, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen([sys.executable, "-c", COUNTING], **options) for _ in range(2)]  # type: ignore[call-overload]
    for each in children:
        assert each.stdout.readline() == b"counted\n"

    children[0].communicate()
    run = [sys.executable, "-c", READING]
    read = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, check=True, text=True).stdout
    assert 'chevet_http_requests_total{method="GET",route="other",status="200"} 2.0' in read
    assert "chevet_processes 1.0" in read
    children[1].communicate()


def test_what_is_not_asked_for_is_not_imported() -> None:
    dear = ("prometheus_client", "opentelemetry", "weasyprint")
    asked = f"import sys, server.app; print([n for n in sys.modules if n.partition('.')[0] in {dear}])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
