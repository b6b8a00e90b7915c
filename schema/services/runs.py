"""Runs of models as MLflow has them, and where its own pages are; MLflow is asked in a process of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Protocol

from sqlmodel import Session, select

from ml.registry.store import StoreDamagedError, VersionMissingError
from schema.errors import NotFoundError, ValidationFailedError
from schema.models.models import Model, StoreFault
from schema.models.predictions import ModelFamily
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.model_sync import fault_of

MOST_COMPARED = 6
RUN = re.compile(r"[0-9a-f]{32}")
OWN = re.compile(r"http://127\.0\.0\.1:(\d{1,5})")
ANSWER_S = 1.0


class RunStore(Protocol):
    """How the store is asked: `ml.registry.helper.StoreProcess`."""

    def runs(self, family: str, chosen: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the latest runs of a family, or those chosen with their files."""

    def download(self, family: str, run: str, path: str, folder: Path) -> Path:
        """Copy a file of a run into an empty folder, and return it."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run, by its path within it."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run; `files` are told of those that are chosen only."""

    id: str
    experiment: str
    name: str
    status: str
    started: datetime
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Sequence[RunFile]


@dataclass(frozen=True, slots=True)
class Found:
    """Runs, or why the store could not be asked."""

    runs: Sequence[Run]
    fault: StoreFault | None = None


class Runs:
    """The way to the runs of families.

    Parameters
    ----------
    store
        None where the store is left alone.
    """

    def __init__(self, store: RunStore | None) -> None:
        self._store = store

    def of(self, family: ModelFamily, chosen: Sequence[str] = ()) -> Found:
        """Return the latest runs of a family, or those chosen, in their order.

        Raises
        ------
        NotFoundError
            When there is no such run of the family.
        ValidationFailedError
            For more than can be compared.
        """
        if len(chosen) > MOST_COMPARED:
            raise ValidationFailedError.of("runIds", "out_of_range", minimum=0, maximum=MOST_COMPARED)
        if not all(RUN.fullmatch(each) for each in chosen):
            raise NotFoundError
        if self._store is None:
            return Found((), StoreFault.UNAVAILABLE)
        try:
            return Found([_run(each) for each in self._store.runs(family.value, chosen)])
        except VersionMissingError:
            raise NotFoundError from None
        except OSError as error:
            return Found((), fault_of(error))

    def download(self, family: ModelFamily, run: str, path: str, folder: Path) -> Path:
        """Copy a file of a run into an empty folder; raises NotFoundError, or OSError of the store."""
        if self._store is None or not RUN.fullmatch(run):
            raise NotFoundError
        try:
            return self._store.download(family.value, run, path, folder)
        except (VersionMissingError, StoreDamagedError):
            raise NotFoundError from None


def record_download(session: Session, clock: Clock, actor: Actor, family: ModelFamily, run: str) -> None:
    """Put on record that somebody had a file of a run."""
    model = session.exec(select(Model.id).where(Model.family == family.value)).first()
    Audit(session, clock, actor).record("run.artifact_read", "Model", model, family=family.value, run=run)


class MlflowPages:
    """Where MLflow's own pages are.

    Parameters
    ----------
    address
        As the site says; those of `make mlflow` are looked for where it says nothing.
    told
        The file in which `make mlflow` says where it serves.
    """

    def __init__(self, address: str | None = None, told: Path | None = None) -> None:
        self._address = address
        self._told = told

    def url(self) -> str | None:
        """Return their address; None while none answer."""
        if self._address is not None or self._told is None:
            return self._address
        try:
            written = self._told.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        found = OWN.fullmatch(written)
        return written if found is not None and _answers(int(found[1])) else None


def _answers(port: int) -> bool:
    """Return whether MLflow answers on this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read(16).strip() == b"OK"
    except (OSError, HTTPException, OverflowError):
        return False
    finally:
        connection.close()


def _run(told: Mapping[str, Any]) -> Run:
    return Run(
        told["id"],
        told["experiment"],
        told["name"],
        told["status"],
        datetime.fromtimestamp(told["started"], UTC),
        told["parameters"],
        told["metrics"],
        [RunFile(**each) for each in told["files"] or ()],
    )
