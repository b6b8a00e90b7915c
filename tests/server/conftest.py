"""The real application on a migrated SQLite file, and people who use it."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from argon2 import extract_parameters
from starlette.testclient import TestClient

from schema.policy import Role
from schema.services.accounts import Accounts
from schema.services.passwords import HASHER
from server.app import Application, close_services, create_app
from server.migrations import migrate
from server.settings import Settings, load_settings
from tests.schema.people import PASSWORDS

ADDRESS = "http://testserver"
PASSWORD = "correct horse battery"
HASHED = PASSWORDS.new(PASSWORD)
numbers = count(1)

Join = Callable[[Role], "Person"]


class Person:
    """Somebody with an account and a browser."""

    def __init__(self, app: Application, role: Role) -> None:
        site = app.site
        self.email = f"person{next(numbers)}@example.org"
        with site.services.database.write() as session:
            accounts = Accounts(session, site.services.clock)
            account = accounts.create(f"{role.value} {self.email[6:8]}", role, self.email, HASHED)
        self.account_id = account.id or 0
        self.browser = browser(app)
        token = site.authentication.sign_in(self.email, PASSWORD, f"10.9.0.{self.account_id % 250}")
        self.browser.cookies.set("chevet_session", token, domain="testserver.local")


def browser(app: Application, address: str = "10.0.0.1") -> TestClient:
    """Return a browser on the site itself, as far as its headers tell."""
    headers = {"sec-fetch-site": "same-origin", "accept": "text/html", "accept-language": "en"}
    return TestClient(app, ADDRESS, headers=headers, client=(address, 50000), follow_redirects=False)


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the site hash passwords as cheaply as its people's were, so that it finds these up to date."""
    monkeypatch.setattr(HASHER, "_parameters", extract_parameters(HASHED.hash or ""))


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an installation nobody has used: a migrated database and a secret key."""
    folder = tmp_path_factory.mktemp("blank")
    migrate(load_settings(None, data_dir=folder))
    return folder


@pytest.fixture(scope="session")
def settings(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of one installation; its database is at the newest revision."""
    return installed(blank, tmp_path_factory.mktemp("site"))


def installed(blank: Path, folder: Path) -> Settings:
    """Return the settings of an installation in a folder."""
    shutil.copytree(blank, folder, dirs_exist_ok=True)
    return load_settings(None, data_dir=folder, jobs="elsewhere", public_url=ADDRESS, model_sync_minutes=0)


@pytest.fixture
def own_app(blank: Path, tmp_path: Path) -> Iterator[Application]:
    """Return an application of the test's own, for what concerns the whole platform."""
    application = create_app(installed(blank, tmp_path))
    yield application
    close_services(application.site.services)


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Application]:
    """Return the application; tests share it and make their own accounts."""
    application = create_app(settings)
    yield application
    close_services(application.site.services)


@pytest.fixture
def stranger(app: Application) -> TestClient:
    """Return the browser of somebody who is not signed in."""
    return browser(app)


@pytest.fixture
def join(app: Application) -> Join:
    """Return a function that makes somebody with a role, signed in."""
    return lambda role: Person(app, role)
