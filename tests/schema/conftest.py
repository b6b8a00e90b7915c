"""The domain as a whole for tests: real database, files, decoder, ontology and matcher."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import strawberry
from sqlmodel import SQLModel
from strawberry.types import ExecutionResult

import schema.models
from ml.ecg.decoding import DecoderPool
from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology
from ml.registry.home import Home
from ml.registry.registry import Registry
from ml.segmentation.sent import VolumeReader
from schema.context import Context, Services
from schema.database import Database
from schema.models.accounts import Account
from schema.policy import Actor, Role
from schema.services.blobs import FolderBlobStore
from schema.services.cache import LocalCache
from schema.services.deployments import FaultBook
from schema.services.events import LocalDoorbell
from schema.services.matching import CachedMatcher
from schema.services.shelf import Matchers, Shelf
from tests.schema.people import StoppedClock
from tests.schema.toys import toy_loader
from tests.support.language import the_matcher, the_ontology
from tests.support.postgres import PostgresServer

assert schema.models.__all__, "importing it makes the metadata whole"


@dataclass
class World:
    """One installation: people, services, and a way to ask its API."""

    services: Services
    clock: StoppedClock
    home: Home
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def database(self) -> Database:
        """Return the installation's database."""
        return self.services.database

    def person(self, role: Role = Role.TEACHER, language: str = "en") -> Actor:
        """Make an account of a role and return it as signed in with a browser."""
        number = next(self.numbers)
        with self.database.write() as session:
            account = Account(
                email=f"{role.value}{number}@example.org",
                display_name=f"{role.value.title()} {number}",
                role=role.value,
                language=language,
                created_at=self.clock(),
            )
            session.add(account)
            session.flush()
            return Actor(account.id or 0, role, account.display_name, language)

    def context(self, actor: Actor | None, language: str = "en") -> Context:
        """Return the context of one request."""
        return Context(self.services, actor, language, request_id="test", told=True)

    def run(self, text: str, actor: Actor | None, variables: dict[str, Any] | None = None) -> ExecutionResult:
        """Execute an operation as an actor."""
        return asyncio.run(
            the_schema().execute(text, variable_values=variables, context_value=self.context(actor))
        )

    def ask(self, text: str, actor: Actor | None, /, **variables: Any) -> Any:
        """Return the value of an operation's only field; fails when anything went wrong."""
        result = self.run(text, actor, variables)
        assert result.errors is None, result.errors
        assert result.data is not None
        (value,) = result.data.values()
        return value

    def codes(self, text: str, actor: Actor | None, /, **variables: Any) -> list[str]:
        """Return the codes of the errors an operation is refused with."""
        errors = self.run(text, actor, variables).errors or []
        return [str((error.extensions or {}).get("code")) for error in errors]


@cache
def the_schema() -> strawberry.Schema:
    """Return the product's schema, built once."""
    from schema.build import build_schema  # noqa: PLC0415 - only the tests of the API pay for it

    return build_schema()


@pytest.fixture(scope="session")
def decoder() -> Iterator[DecoderPool]:
    """Return the decoder pool of this test process."""
    with DecoderPool() as pool:
        yield pool


@pytest.fixture(scope="session")
def volumes() -> Iterator[VolumeReader]:
    """Return what measures label maps in this test process."""
    made = VolumeReader()
    yield made
    made.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with every table and no row."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """Return the name of a PostgreSQL database with every table and no row."""
    name = postgres.create()
    _make_tables(postgres.url(name))
    return name


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """Return a SQLite database of the test's own, with every table."""
    path = tmp_path / "chevet.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def postgres_database(postgres: PostgresServer, postgres_template: str) -> Iterator[Database]:
    """Return a PostgreSQL database of the test's own, with every table."""
    name = postgres.create(postgres_template)
    database = Database(postgres.url(name))
    yield database
    database.dispose()
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Return a database with every table: the test runs on SQLite and on PostgreSQL."""
    made: Database = request.getfixturevalue(f"{request.param}_database")
    return made


@pytest.fixture
def world(sqlite_database: Database, decoder: DecoderPool, tmp_path: Path) -> Iterator[World]:
    """Return an installation on SQLite."""
    yield from _world(sqlite_database, decoder, tmp_path)


@pytest.fixture
def each_world(database: Database, decoder: DecoderPool, tmp_path: Path) -> Iterator[World]:
    """Return an installation: the test runs on SQLite and on PostgreSQL."""
    yield from _world(database, decoder, tmp_path)


def _world(database: Database, decoder: DecoderPool, folder: Path) -> Iterator[World]:
    clock, kept, home = StoppedClock(), LocalCache(folder / "cache.db"), Home(folder)
    services = Services(
        database=database,
        shelf=Shelf(database, the_ontology(), lambda ontology: _matchers(ontology, kept)),
        blobs=FolderBlobStore(folder / "blobs"),
        decoder=decoder,
        cache=kept,
        doorbell=LocalDoorbell(),
        clock=clock,
        sign_link=lambda key, media_type: f"/blobs/{key}?type={media_type}",
        registry=Registry(home.cache, home.key, FaultBook(database, clock), loader=toy_loader),
    )
    yield World(services, clock, home)
    kept.close()


def _matchers(ontology: Ontology, kept: LocalCache) -> Matchers:
    embedded = the_matcher() if ontology is the_ontology() else EmbeddedMatcher(ontology)
    matcher = CachedMatcher(embedded, ontology, kept)
    return Matchers(matcher, matcher)


def _make_tables(url: str) -> None:
    database = Database(url)
    SQLModel.metadata.create_all(database.engine)
    database.dispose()
