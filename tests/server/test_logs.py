"""The log holds what helps and nothing that identifies."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.migrations import ROOT

PROGRAM = """
import asyncio, logging, strawberry
from server.logs import configure
from server.settings import load_settings

configure(load_settings(None, access_log={access}))
logging.getLogger("chevet.access").info("a line for each request")
logging.getLogger("chevet.faults").error("a fault")
logging.getLogger("somebody.else").info("chatter")

@strawberry.type
class Query:
    @strawberry.field
    def greet(self, name: str) -> int:
        raise RuntimeError(name)

asyncio.run(strawberry.Schema(Query).execute('{{ greet(name: "Ada Lovelace") }}'))
"""


def said(tmp_path_factory: pytest.TempPathFactory, *, access: bool) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("log")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(access=access)],
        cwd=ROOT,
        env={"CHEVET_DATA_DIR": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def test_requests_go_to_standard_output_and_faults_to_standard_error(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    out, err = said(tmp_path_factory, access=True)
    assert out == "a line for each request\n"
    assert "a fault" in err
    assert "chatter" not in err


def test_the_access_log_can_be_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert said(tmp_path_factory, access=False)[0] == ""


def test_what_a_query_holds_is_never_logged(tmp_path_factory: pytest.TempPathFactory) -> None:
    out, err = said(tmp_path_factory, access=True)
    assert "Ada" not in out + err


PLANTED = ("Jeanne", "Dupont", "1920375", "jeanne.dupont@example.org")
PATIENT = "Jeanne Dupont 1920375 jeanne.dupont@example.org"
EVERYTHING = """
import asyncio, logging, os, threading, warnings
from pathlib import Path
from sqlalchemy import text
from schema.services.jobs import enqueue, run_due
from server.app import create_app
from server.logs import configure
from server.migrations import migrate
from server.settings import load_settings
from starlette.testclient import TestClient
from schema.policy import Role
from schema.services.accounts import Accounts

PATIENT = os.environ["PATIENT"]
settings = load_settings(None, public_url="http://testserver", jobs="elsewhere", model_sync_minutes=0)
configure(settings)
app = create_app(settings)
services = app.site.services
client = TestClient(app, headers={"sec-fetch-site": "same-origin"}, raise_server_exceptions=False)

def job(claim, progress):
    raise ValueError(PATIENT)
with services.database.write() as session:
    enqueue(session, services.clock, "greet", {"patient": PATIENT})
run_due(services.database, {"greet": job}, services.clock, 1)

class Broken:
    def __getattr__(self, name):
        raise RuntimeError(PATIENT)
whole, app.site.services.cache = app.site.services.cache, Broken()
client.post("/sign-in", data={"email": PATIENT, "password": PATIENT})
text_of = "query Q($t: String!) { matchConcepts(text: $t) { __typename } }"
client.post("/graphql", json={"query": text_of, "variables": {"t": PATIENT}})
client.get("/triage/new", params={"note": PATIENT}, headers={"user-agent": PATIENT, "referer": PATIENT})
client.get("/cases/" + PATIENT)
client.get("/" + PATIENT)
app.site.services.cache = whole

try:
    with services.database.write() as session:
        session.execute(text("INSERT INTO account (email) VALUES (:name)"), {"name": PATIENT})
except Exception:
    logging.getLogger("some.library").exception("it failed")
warnings.warn(PATIENT)
thread = threading.Thread(target=job, args=(None, None))
thread.start()
thread.join()

async def lost():
    async def forgotten():
        raise LookupError(PATIENT)
    task = asyncio.create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
asyncio.run(lost())
raise SystemError(PATIENT)
"""


@pytest.fixture(scope="module", params=["text", "json"])
def everything(
    request: pytest.FixtureRequest, blank: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str, str]:
    """Return what is logged as a name is sent everywhere and everything fails on it, and in which form."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(blank, folder, dirs_exist_ok=True)
    told = {"CHEVET_DATA_DIR": str(folder), "CHEVET_LOG_FORMAT": request.param, "PATIENT": PATIENT}
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", EVERYTHING],
        cwd=ROOT,
        env={"PATH": "", **told},
        capture_output=True,
        text=True,
        check=False,
    )
    return request.param, done.stdout, done.stderr


def test_a_name_that_is_sent_everywhere_and_that_everything_fails_on_is_in_no_line(
    everything: tuple[str, str, str],
) -> None:
    _form, out, err = everything
    for word in PLANTED:
        assert word not in out + err
    for met in ("ValueError", "RuntimeError", "IntegrityError", "UserWarning", "LookupError", "SystemError"):
        assert met in err
    assert "thread Thread-" in err


def test_as_json_each_fault_is_one_line_with_where_it_happened(everything: tuple[str, str, str]) -> None:
    form, out, err = everything
    assert [json.loads(line)["status"] for line in out.splitlines()]
    if form == "text":
        return
    lines = [json.loads(line) for line in err.splitlines()]
    assert all(line.keys() >= {"at", "level", "logger", "process", "message"} for line in lines)
    [of_job] = [line for line in lines if line["logger"] == "schema.services.jobs"]
    assert of_job["exception"].startswith("builtins.ValueError")
