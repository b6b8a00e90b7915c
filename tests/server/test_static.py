"""Static files have addresses that change with them."""

import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server import static
from server.app import Application
from server.static import StaticAddresses


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "a.css").write_text("one", encoding="utf-8")
    return tmp_path


def test_a_changed_file_changes_every_address_in_development(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "LOOK_AGAIN_S", -1.0)
    addresses = StaticAddresses(folder, watch=True)
    first = addresses.address("css/a.css")
    assert first == addresses.address("css/a.css")
    (folder / "css" / "b.css").write_text("more", encoding="utf-8")
    assert addresses.address("css/a.css") != first


def test_in_production_files_are_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "LOOK_AGAIN_S", -1.0)
    addresses = StaticAddresses(folder, watch=False)
    first = addresses.address("css/a.css")
    os.utime(folder / "css" / "a.css", (1, 1))
    assert addresses.address("css/a.css") == first


def test_a_file_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StaticAddresses(folder, watch=False).address("css/b.css")


def test_a_versioned_file_is_kept_for_good_and_so_is_what_it_imports(
    app: Application, stranger: TestClient
) -> None:
    script = app.site.renderer.static.address("js/app.js")
    imported = script.replace("app.js", "keys.js")
    for address in (script, imported):
        answer = stranger.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith("text/javascript")


def test_a_bare_address_is_asked_for_again_each_time(stranger: TestClient) -> None:
    assert stranger.get("/static/js/app.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["../server/app.py", "%2e%2e/server/app.py", "nothing.css", "css", "0123456789ab/../../pyproject.toml"],
)
def test_nothing_but_static_files_is_served(stranger: TestClient, path: str) -> None:
    assert stranger.get(f"/static/{path}").status_code == 404
