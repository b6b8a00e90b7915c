"""The log holds what helps and nothing that identifies."""

import subprocess
import sys

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
