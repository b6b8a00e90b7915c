"""Runs of models side by side, and their files: for analysts and administrators, whatever an address says."""

import re
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlmodel import select

from ml.registry.store import StoreUnavailableError, VersionMissingError
from schema.models.accounts import AuditEvent
from schema.models.models import StoreFault
from schema.models.predictions import ModelFamily
from schema.policy import Role
from schema.services.runs import Found, MlflowPages, Runs
from server.app import Application, close_services, create_app
from tests.server.conftest import Person, browser, installed
from tests.server.pages.conftest import FRAGMENT

FIRST, SECOND, GONE = "1" * 32, "2" * 32, "3" * 32


class Shop:
    """What the process of the store answers; the real one is tried in tests/ml/registry/test_runs.py."""

    away = False

    def runs(self, family: str, chosen: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return two runs of triage."""
        if self.away:
            raise StoreUnavailableError("it does not answer")
        known = {
            each: {
                "id": each,
                "experiment": "7",
                "name": f"run {number} <b>",
                "status": "FINISHED",
                "started": 1_772_000_000.0,
                "parameters": {"max_depth": str(number), "seed": "0"},
                "metrics": {"qwk": 0.7 + number / 100},
                "files": [{"path": "report/a b?.json", "size": 1234}] if chosen else None,
            }
            for number, each in enumerate((FIRST, SECOND), start=3)
        }
        if family != "triage":
            return []
        if not set(chosen) <= known.keys():
            raise VersionMissingError("no such run")
        return [known[each] for each in chosen or known]

    def download(self, family: str, run: str, path: str, folder: Path) -> Path:
        """Copy the only file there is."""
        if self.away:
            raise StoreUnavailableError("it does not answer")
        if (family, run, path) != ("triage", FIRST, "report/a b?.json"):
            raise VersionMissingError("no such file")
        copy = folder / "a b?.json"
        copy.write_bytes(b'{"qwk": 0.73}')
        return copy


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def site(blank: Path, tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Iterator[Application]:
    """Return a site whose store has two runs of triage."""
    settings = installed(blank, tmp_path_factory.mktemp("runs"))
    app = create_app(settings.model_copy(update={"mlflow_pages": "https://mlflow.example"}))
    app.site.services.run_store = shop
    yield app
    close_services(app.site.services)


@pytest.fixture(scope="module")
def analyst(site: Application) -> Person:
    return Person(site, Role.ANALYST)


LISTED = "/models/triage/runs/listed"
FILE = f"/exports/runs/triage/{FIRST}/report/a%20b%3F.json"


@pytest.mark.parametrize("path", ["/models/triage/runs", LISTED, f"{LISTED}?run={FIRST}", FILE])
def test_runs_and_their_files_are_for_analysts_and_administrators(site: Application, path: str) -> None:
    assert browser(site).get(path).headers["location"].startswith("/sign-in")
    for role in (Role.STUDENT, Role.CLINICIAN, Role.TEACHER, Role.EXPERT):
        assert Person(site, role).browser.get(path).status_code == 403
    for role in (Role.ANALYST, Role.ADMIN):
        assert Person(site, role).browser.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{LISTED}?run={GONE}",
        f"{LISTED}?run=../../x",
        "/models/other/runs",
        "/models/other/runs/listed",
        f"/exports/runs/beats/{FIRST}/report/a%20b%3F.json",
        f"/exports/runs/other/{FIRST}/report/a%20b%3F.json",
        f"/exports/runs/triage/{SECOND}/report/a%20b%3F.json",
        f"/exports/runs/triage/{FIRST}/report/..%2f..%2fmlflow.db",
        f"/exports/runs/triage/{FIRST}/%2e%2e/%2e%2e/secret_key",
        f"/exports/runs/triage/{FIRST}/%2Fetc%2Fpasswd",
        f"/exports/runs/triage/--help/{FIRST}",
        f"/exports/runs/triage/{FIRST}/",
    ],
)
def test_what_there_is_not_is_missing_whatever_the_address_says(analyst: Person, path: str) -> None:
    assert analyst.browser.get(path).status_code == 404


def test_more_than_six_are_not_compared(analyst: Person) -> None:
    asked = "&".join(f"run={number:032x}" for number in range(7))
    assert analyst.browser.get(f"{LISTED}?{asked}").status_code == 400


def test_runs_are_listed_with_a_way_into_mlflow(analyst: Person) -> None:
    page = analyst.browser.get(LISTED).text
    assert "run 3 &lt;b&gt;" in page
    assert f'value="{SECOND}"' in page
    assert f"https://mlflow.example/#/experiments/7/runs/{FIRST}" in page


@pytest.mark.parametrize("chosen", ["", f"?run={FIRST}&run={SECOND}"])
def test_the_page_is_there_before_the_store_is_asked_and_says_where_the_runs_will_be(
    analyst: Person, shop: Shop, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    with monkeypatch.context() as asked:
        asked.setattr(shop, "runs", None)
        page = analyst.browser.get(f"/models/triage/runs{chosen}").text
    address = f"{LISTED}{chosen}".replace("&", "&amp;")
    assert f'aria-busy="true" hx-get="{address}" hx-trigger="load"' in page
    assert 'role="status">Lecture du registre' in page
    [without_script] = re.findall(r"<noscript><p><a href=\"(.*?)\">", page)
    assert without_script == address
    assert "run 3" not in page
    whole = analyst.browser.get(f"{LISTED}{chosen}").text
    assert "<!doctype html>" in whole
    assert "run 3 &lt;b&gt;" in whole
    assert "Lecture du registre" not in whole


@pytest.mark.parametrize("chosen", ["", f"?run={FIRST}"])
def test_htmx_gets_the_runs_alone_and_words_that_say_that_they_are_there(
    analyst: Person, chosen: str
) -> None:
    part = analyst.browser.get(f"{LISTED}{chosen}", headers=FRAGMENT).text
    assert "<h1" not in part
    assert "run 3 &lt;b&gt;" in part
    assert 'id="runs-said" hx-swap-oob="innerHTML">Le registre' in part


def test_chosen_runs_stand_side_by_side_and_what_differs_is_bold(analyst: Person) -> None:
    page = analyst.browser.get(f"{LISTED}?run={FIRST}&run={SECOND}").text
    rows = {
        name: re.sub(r"\s+", " ", row)
        for name, row in re.findall(r'<th scope="row" lang="en">(\w+)</th>(.*?)</tr>', page)
    }
    assert rows["max_depth"] == "<td><strong>3</strong></td><td><strong>4</strong></td>"
    assert rows["seed"] == "<td>0</td><td>0</td>"
    assert "<strong>0,73</strong>" in rows["qwk"]
    assert page.count(">report/a b?.json</a>") == 2


def test_a_file_is_downloaded_as_nothing_a_browser_runs_and_that_is_on_record(
    site: Application, analyst: Person
) -> None:
    page = analyst.browser.get(f"{LISTED}?run={FIRST}").text
    assert f'href="{FILE}"' in page
    answer = analyst.browser.get(FILE)
    assert answer.content == b'{"qwk": 0.73}'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    with site.site.services.database.read() as session:
        read = session.exec(select(AuditEvent).where(AuditEvent.action == "run.artifact_read")).all()[-1]
    assert (read.actor_id, read.detail["run"]) == (analyst.account_id, FIRST)


def test_a_store_that_is_away_is_told(analyst: Person, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "away", True)
    assert "Le registre des modèles ne répond pas" in analyst.browser.get(LISTED).text
    assert analyst.browser.get(FILE).status_code == 503


def test_a_site_that_leaves_its_store_alone_has_none(analyst: Person) -> None:
    assert Runs(None).of(ModelFamily.TRIAGE) == Found((), StoreFault.UNAVAILABLE)
    assert analyst.browser.get("/models/beats/runs/listed").status_code == 200


class Health(BaseHTTPRequestHandler):
    """Answers as MLflow does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_arguments: object) -> None:
        """Be quiet."""


def test_mlflows_pages_are_those_of_make_mlflow_only_while_they_answer(tmp_path: Path) -> None:
    told = tmp_path / "ui_url"
    assert MlflowPages(None, told).url() is None
    server = HTTPServer(("127.0.0.1", 0), Health)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    told.write_text(f"{address}\n", encoding="ascii")
    assert MlflowPages(None, told).url() == address
    assert MlflowPages("https://mlflow.example", told).url() == "https://mlflow.example"
    server.shutdown()
    server.server_close()
    assert MlflowPages(None, told).url() is None


@pytest.mark.parametrize(
    "written", ["http://169.254.169.254/", "http://127.0.0.1:99999", "http://127.0.0.1:1@evil:80", "é"]
)
def test_no_other_machine_is_asked_whatever_that_file_says(tmp_path: Path, written: str) -> None:
    (tmp_path / "ui_url").write_text(written, encoding="utf-8")
    assert MlflowPages(None, tmp_path / "ui_url").url() is None


PAGES = "query { monitoring(family: TRIAGE) { dashboardUrl dashboardHint } }"


def test_monitoring_tells_mlflows_pages_or_what_makes_them_be_there(
    site: Application, analyst: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> Any:
        return analyst.browser.post("/graphql", json={"query": PAGES}).json()["data"]["monitoring"]

    assert asked() == {"dashboardUrl": "https://mlflow.example", "dashboardHint": None}
    monkeypatch.setattr(site.site.services, "mlflow_pages", MlflowPages())
    none = asked()
    assert none["dashboardUrl"] is None
    assert "make mlflow" in none["dashboardHint"]
    assert none["dashboardHint"] in analyst.browser.get("/models/triage/runs").text
