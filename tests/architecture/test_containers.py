"""Dockerfile and compose.yaml agree with the program they start; no engine is needed to check it."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from server.__main__ import parser
from server.app import create_app
from server.settings import documented, load_settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["app", "worker"]
SETTINGS = {variable for variable, _, _ in documented()}
START = ["python", "-m", "server"]
FILLED = {
    "CHEVET_PUBLIC_URL": "https://chevet.example",
    "CHEVET_SECRET_KEY": "k" * 32,
    "POSTGRES_PASSWORD": "secret",
}


def instructions(word: str) -> list[str]:
    """Return what follows an instruction of the Dockerfile, once for each time it stands there."""
    return re.findall(rf"^{word}\s+(.*)$", DOCKERFILE, re.MULTILINE)


def stages() -> dict[str, str]:
    """Return the stages of the Dockerfile: name to what it builds on."""
    return {name: base for base, name in (line.split(" AS ") for line in instructions("FROM"))}


def environment(service: str) -> dict[str, str]:
    """Return a service's environment with `${…}` filled in from a `.env` that says only what it must."""

    def fill(match: re.Match[str]) -> str:
        return FILLED.get(match["name"], match["default"] or "")

    pattern = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}")
    return {name: pattern.sub(fill, str(value)) for name, value in SERVICES[service]["environment"].items()}


def commands() -> list[list[str]]:
    """Return every command that starts our program."""
    from_dockerfile = [json.loads(line) for line in instructions("CMD")]
    return from_dockerfile + [SERVICES[name]["command"] for name in OURS if "command" in SERVICES[name]]


def health_paths() -> set[str]:
    """Return the paths that health checks ask our program for."""
    checks = instructions("HEALTHCHECK") + [str(SERVICES[name].get("healthcheck", "")) for name in OURS]
    return {path for check in checks for path in re.findall(r"https?://[^/'\"]+(/[\w/]*)", check)}


@pytest.fixture
def _composed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set the app's environment as compose.yaml does, but for what only exists there."""
    for name in SETTINGS & os.environ.keys():
        monkeypatch.delenv(name)
    for name, value in environment("app").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize("service", OURS)
def test_every_variable_of_a_service_is_a_setting(service: str) -> None:
    assert environment(service).keys() <= SETTINGS


def test_every_setting_can_be_given_to_the_services() -> None:
    assert environment("app").keys() == environment("worker").keys() == SETTINGS


def test_every_variable_of_the_image_is_a_setting_or_pythons() -> None:
    names = {name for line in instructions("ENV") for name in re.findall(r"(\w+)=", line)}
    assert {name for name in names if not name.startswith(("UV_", "PYTHON", "PATH"))} <= SETTINGS


@pytest.mark.usefixtures("_composed")
def test_the_settings_accept_what_compose_gives_them() -> None:
    settings = load_settings(None)
    assert settings.production
    assert settings.database_url == "postgresql+psycopg://chevet:secret@postgres/chevet"
    assert settings.openai_api_key is None


def test_there_is_a_command_for_the_server_and_one_for_the_worker() -> None:
    assert [command[3] for command in commands()] == ["serve", "worker"]


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command: list[str]) -> None:
    assert command[:3] == START
    parser().parse_args(command[3:])


@pytest.mark.usefixtures("_composed")
def test_every_health_path_answers(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.delenv("REDIS_URL")
    client = TestClient(create_app(load_settings(None)), base_url="http://127.0.0.1:8000")
    assert health_paths() == {"/health"}
    assert {path: client.get(path).status_code for path in health_paths()} == {"/health": 200}


def test_every_image_that_compose_builds_is_a_stage() -> None:
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"app", "train", "mlflow"}
    assert targets <= stages().keys()


@pytest.mark.parametrize("target", ["app", "train"])
def test_our_images_do_not_run_as_root(target: str) -> None:
    assert stages()[target] == "product"
    product = DOCKERFILE.partition(" AS product\n")[2].partition("\nFROM ")[0]
    assert re.findall(r"^USER (.*)$", product, re.MULTILINE) == ["chevet"]
    assert "USER root" not in DOCKERFILE


def test_everything_copied_into_an_image_exists_and_reaches_the_engine() -> None:
    copied = [line.split()[:-1] for line in instructions("COPY") if not line.startswith("--from")]
    sources = {source for line in copied for source in line}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == sources


def test_what_one_stage_takes_from_another_is_a_stage() -> None:
    assert set(re.findall(r"--from=(\S+)", DOCKERFILE)) <= stages().keys()


def test_the_versions_are_those_of_the_checkout() -> None:
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    skinny = next(package["version"] for package in locked if package["name"] == "mlflow-skinny")
    assert re.findall(r"mlflow==(\S+)", DOCKERFILE) == [skinny]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"uv==(\S+)", DOCKERFILE) == re.findall(r"^UV_VERSION := (\S+)", makefile, re.MULTILINE)


@pytest.mark.parametrize("folder", ["", "tests/e2e/clients", "tests/bench/peers"])
def test_no_npm_lock_names_a_host(folder: str) -> None:
    """Those who ask for money may: npm copies their addresses into a lock."""
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    told = [{**package, "funding": None} for package in lock["packages"].values()]
    assert len(told) > 3
    assert "://" not in json.dumps(told)
