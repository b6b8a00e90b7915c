"""/health says that the process lives; /ready, whether it can work."""

import shutil
from pathlib import Path

from starlette.testclient import TestClient

from server.app import close_services, create_app
from server.settings import Settings
from tests.server.conftest import browser


def test_a_living_process_says_so_and_what_it_has_taken_on(stranger: TestClient) -> None:
    answer = stranger.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "alive")
    for lane in ("general", "writing"):
        figures = answer.json()["load"][lane]
        assert figures.keys() == {"taken", "waiting", "may_wait", "served", "refused"}
        assert (figures["taken"], figures["waiting"], figures["refused"]) == (0, 0, 0)


def test_a_whole_site_is_ready(stranger: TestClient) -> None:
    answer = stranger.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "storage": "ok"},
    }


def test_a_database_that_is_not_migrated_is_named(settings: Settings, tmp_path: Path) -> None:
    empty = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/empty.db"})
    application = create_app(empty)
    try:
        answer = browser(application).get("/ready")
    finally:
        close_services(application.site.services)
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "migrations": "failed", "storage": "ok"}


def test_a_blob_folder_that_is_no_folder_is_named(settings: Settings, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "blobs").write_text("in the way", encoding="utf-8")
    application = create_app(settings.model_copy(update={"data_dir": data}))
    try:
        answer = browser(application).get("/ready")
    finally:
        close_services(application.site.services)
    assert answer.json()["checks"]["storage"] == "failed"


def test_a_database_that_is_away_is_named_and_health_stays(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    application = create_app(settings.model_copy(update={"database_url": f"sqlite:///{folder}/x.db"}))
    shutil.rmtree(folder)
    try:
        client = browser(application)
        assert client.get("/ready").json()["checks"]["database"] == "failed"
        assert client.get("/health").status_code == 200
    finally:
        close_services(application.site.services)
