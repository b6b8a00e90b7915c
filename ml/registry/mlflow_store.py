"""MLflow as the store: a database and a folder of the site's own, or any server.

MLflow is imported as a store is made, which takes seconds: in the process of `python -m ml`, never in one
that serves. A registered model is a family, called as `Home.names` says; versions have aliases, no stages.
"""

import json
import logging
import math
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ml.registry.artefact import Artefact
from ml.registry.contents import CARD, MAX_FILE, MAX_FILES
from ml.registry.home import Home
from ml.registry.store import (
    StoreDamagedError,
    StoredVersion,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    VersionMissingError,
)

DATABASE = "mlflow.db"
"""The local store's, in its folder."""
DIGEST = "chevet.digest"
PREVIOUS = "chevet.previous"
KEY = "chevet.key"
FOLDER = "model"
RUN = re.compile(r"[0-9a-f]{32}")
MOST_RUNS, MOST_RUN_FILES, MOST_RUN_DEPTH = 50, 200, 6
BATCH = 500
"""MLflow takes a thousand metrics at a time."""
BOUNDS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class TrackedRun:
    """What is put down of a run.

    Parameters
    ----------
    name : str
        Its name.
    parameters : mapping
        What it was made with.
    metrics : mapping of str to float
        What was measured in the end.
    data_hash, code_version : str
        Of what it learnt from, and with.
    files : mapping of str to bytes
        By their paths within the run.
    steps : sequence of tuple
        What was measured on the way: name, value, and which step.
    """

    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    data_hash: str
    code_version: str
    files: Mapping[str, bytes]
    steps: Sequence[tuple[str, float, int]] = ()


@dataclass(frozen=True)
class RecordedRun:
    """What is put down of a model that ran elsewhere.

    Parameters
    ----------
    key : str
        Tells it from every other: the same key is put down once.
    name : str
        Its name.
    at : float
        When it was recorded, in seconds since 1970.
    parameters : mapping of str to str
        Which model it was.
    metrics : mapping of str to float
        What was measured.
    """

    key: str
    name: str
    at: float
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class RunFile:
    """A file of a run.

    Parameters
    ----------
    path : str
        Within the run, its parts divided by slashes.
    size : int
        Bytes.
    """

    path: str
    size: int


@dataclass(frozen=True)
class KeptRun:
    """A run as the store has it.

    Parameters
    ----------
    id, experiment : str
        MLflow's.
    name, status : str
        The same.
    started : float
        In seconds since 1970.
    parameters : mapping of str to str
        What it was made with.
    metrics : mapping of str to float
        The last of each.
    files : tuple of RunFile or None
        Those that can be had; None where they were not asked for.
    """

    id: str
    experiment: str
    name: str
    status: str
    started: float
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    files: tuple[RunFile, ...] | None = None


class MlflowStore:
    """The store of a site.

    Parameters
    ----------
    home : Home
        Says which.

    Raises
    ------
    StoreError
        When it does not answer.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        with translated():
            self.client = _client(home)

    def experiment(self, family: str) -> str:
        """Return the id of a family's experiment, made where there is none."""
        name = self._home.names(family).experiment
        with translated():
            found = self.client.get_experiment_by_name(name)
            if found is not None:
                return str(found.experiment_id)
            local = (self._home.store / "artifacts" / name).resolve().as_uri()
            location = None if self._home.tracking_uri else local
            return str(self.client.create_experiment(name, artifact_location=location))

    def track(self, family: str, run: TrackedRun) -> str:
        """Put down a run of a family and return its id."""
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - see the module

        experiment = self.experiment(family)
        with translated():
            made = str(self.client.create_run(experiment, run_name=run.name).info.run_id)
            now = int(time.time() * 1000)
            figures = [(name, value, 0) for name, value in run.metrics.items()] + [*run.steps]
            metrics = [Metric(name, value, now, step) for name, value, step in figures]
            for start in range(0, len(metrics), BATCH):
                self.client.log_batch(made, metrics=metrics[start : start + BATCH])
            versions = {"data_hash": run.data_hash, "code_version": run.code_version}
            self.client.log_batch(
                made,
                params=[Param(name, str(value)) for name, value in ({**run.parameters} | versions).items()],
                tags=[RunTag(name, value) for name, value in versions.items()],
            )
            with tempfile.TemporaryDirectory() as scratch:
                for path, data in run.files.items():
                    (Path(scratch) / path).parent.mkdir(parents=True, exist_ok=True)
                    (Path(scratch) / path).write_bytes(data)
                self.client.log_artifacts(made, scratch)
            self.client.set_terminated(made)
            return made

    def record(self, family: str, run: RecordedRun) -> str:
        """Put down a run of a family, or complete the one of its key, and return its id."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415 - see the module

        experiment, at = self.experiment(family), round(run.at * 1000)
        with translated():
            known = self.client.search_runs([experiment], f"tags.`{KEY}` = '{run.key}'", max_results=1)
            made = known[0] if known else self.client.create_run(experiment, at, {KEY: run.key}, run.name)
            name = str(made.info.run_id)
            self.client.log_batch(
                name,
                metrics=[Metric(each, value, at, 0) for each, value in run.metrics.items()],
                params=[Param(each, value) for each, value in run.parameters.items()],
            )
            self.client.set_terminated(name)
            return name

    def runs(self, family: str, most: int = MOST_RUNS) -> list[KeptRun]:
        """Return the latest runs of a family, newest first."""
        experiment = self.experiment(family)
        with translated():
            found = self.client.search_runs([experiment], max_results=most)
            return [_kept(each) for each in found]

    def run(self, family: str, run: str) -> KeptRun:
        """Return a run of a family with its files; one of another experiment is missing."""
        found = self._run(family, run)
        return replace(_kept(found), files=tuple(self._files(run)))

    def download(self, family: str, run: str, path: str, folder: Path) -> Path:
        """Copy a file of a run into an empty folder, and return it; only one that the store lists.

        Raises
        ------
        StoreError
            When there is none, or it is larger than what may be had.
        """
        self._run(family, run)
        listed = {each.path: each for each in self._files(run)}
        if path not in listed:
            raise VersionMissingError(f"{family} {run}: no such file")
        with translated(StoreDamagedError):
            copy = Path(self.client.download_artifacts(run, path, str(folder)))
            if not copy.resolve().is_relative_to(folder.resolve()) or not copy.is_file():
                raise StoreDamagedError(f"{family} {run}: no file")
            if copy.stat().st_size > MAX_FILE:
                raise StoreDamagedError(f"{family} {run}: larger than {MAX_FILE} bytes")
            return copy

    def _run(self, family: str, run: str) -> Any:
        if not RUN.fullmatch(run):
            raise VersionMissingError(f"{family}: no such run")
        experiment = self.experiment(family)
        with translated():
            found = self.client.get_run(run)
            if found.info.experiment_id != experiment or found.info.lifecycle_stage != "active":
                raise VersionMissingError(f"{family}: no such run")
            return found

    def _files(self, run: str) -> list[RunFile]:
        """Return the files of a run that may be had: not too many, not too deep, none too large."""
        found, folders = list[RunFile](), [""]
        with translated():
            while folders and len(found) < MOST_RUN_FILES:
                for each in self.client.list_artifacts(run, folders.pop() or None):
                    if each.is_dir and each.path.count("/") < MOST_RUN_DEPTH:
                        folders.append(each.path)
                    elif not each.is_dir and (each.file_size or 0) <= MAX_FILE:
                        found.append(RunFile(each.path, each.file_size or 0))
        return sorted(found[:MOST_RUN_FILES], key=lambda each: each.path)

    def versions(self, family: str) -> list[StoredVersion]:
        """Return the versions of a family, oldest first."""
        name = self._home.names(family).model
        with translated():
            found = []
            for each in _pages(self.client.search_model_versions, f"name='{name}'"):
                created = datetime.fromtimestamp(each.creation_timestamp / 1000, UTC)
                digest = each.tags.get(DIGEST)
                found.append(StoredVersion(family, int(each.version), digest, each.run_id or None, created))
            return sorted(found, key=lambda each: each.version)

    def aliases(self, family: str) -> Mapping[str, int]:
        """Return which version each alias means."""
        try:
            with translated():
                found = self.client.get_registered_model(self._home.names(family).model).aliases
        except VersionMissingError:
            return {}
        return {alias: int(version) for alias, version in found.items()}

    def set_alias(self, family: str, alias: str, version: int) -> None:
        """Let an alias mean a version."""
        present = self.aliases(family).get(alias)
        if present == version:
            return
        name = self._home.names(family).model
        with translated():
            self.client.get_model_version(name, str(version))
            self.client.set_registered_model_alias(name, alias, str(version))
            if present is not None:
                self.client.set_registered_model_tag(name, f"{PREVIOUS}.{alias}", str(present))

    def previous(self, family: str, alias: str) -> int:
        """Return the version that an alias meant before, as far as `set_alias` has changed it."""
        with translated():
            tags = self.client.get_registered_model(self._home.names(family).model).tags
            before = tags.get(f"{PREVIOUS}.{alias}")
        if before is None:
            raise VersionMissingError(f"{family} {alias}: nothing is known of a version before")
        return int(before)

    def fetch(self, version: StoredVersion, folder: Path) -> None:
        """Copy a version's files into a folder, unverified, but neither more nor larger than they may be."""
        from mlflow.store.artifact.artifact_repository_registry import (  # noqa: PLC0415 - see the module
            get_artifact_repository,
        )

        name = f"{version.family} {version.version}"
        with translated(StoreDamagedError):
            model = self._home.names(version.family).model
            uri = self.client.get_model_version_download_uri(model, str(version.version))
            repository = get_artifact_repository(uri)
            files = repository.list_artifacts() or []
            if not files or len(files) > MAX_FILES + 2:
                raise StoreDamagedError(f"{name}: {len(files)} files in the store")
            for each in files:
                if each.is_dir or PurePosixPath(each.path).name != each.path or each.file_size > MAX_FILE:
                    raise StoreDamagedError(f"{name}: {each.path} is no file of an artefact")
                repository.download_artifacts(each.path, str(folder))

    def register(self, artefact: Artefact, run: str | None = None) -> StoredVersion:
        """Add a sealed artefact as the next version of its family; one that is there already stays."""
        family = artefact.manifest.family
        for each in self.versions(family):
            if each.digest == artefact.digest:
                return each
        run = run or self.track(family, _described(artefact))
        name = self._home.names(family).model
        with translated():
            # The version comes last: an interruption leaves files that nothing refers to.
            self.client.log_artifacts(run, str(artefact.folder), FOLDER)
            source = f"{self.client.get_run(run).info.artifact_uri}/{FOLDER}"
            self._ensure_model(name)
            card = artefact.read(CARD).decode() if CARD in artefact.manifest.files else ""
            made = self.client.create_model_version(
                name, source, run, tags={DIGEST: artefact.digest}, description=card
            )
            created = datetime.fromtimestamp(made.creation_timestamp / 1000, UTC)
            return StoredVersion(family, int(made.version), artefact.digest, run, created)

    def _ensure_model(self, name: str) -> None:
        try:
            with translated():
                self.client.get_registered_model(name)
        except VersionMissingError:
            self.client.create_registered_model(name)


def _kept(run: Any) -> KeptRun:
    info, data = run.info, run.data
    return KeptRun(
        info.run_id,
        info.experiment_id,
        info.run_name or info.run_id,
        info.status,
        info.start_time / 1000,
        dict(data.params),
        {name: value for name, value in data.metrics.items() if math.isfinite(value)},
    )


def _described(artefact: Artefact) -> TrackedRun:
    """Return a run that holds what the manifest says."""
    manifest = artefact.manifest
    inputs = [{"name": each.name, "shape": each.shape, "dtype": each.dtype} for each in manifest.inputs]
    signature = {"inputs": inputs, "outputs": [{"name": "probabilities", "classes": manifest.classes}]}
    return TrackedRun(
        manifest.architecture,
        {"architecture": manifest.architecture, **manifest.settings},
        manifest.metrics,
        manifest.data_hash,
        manifest.code_version,
        {"signature.json": json.dumps(signature).encode()},
    )


def _client(home: Home) -> Any:
    for name, value in BOUNDS.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: PLC0415 - see the module's docstring

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    uri = home.tracking_uri
    if not uri:
        home.store.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{home.store.resolve() / DATABASE}?timeout=5"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    if (
        not home.tracking_uri
    ):  # MLflow tells the environment too, and the next `Home` would take it for a server's
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return mlflow.MlflowClient(uri, uri)


def _pages(search: Any, condition: str) -> Iterator[Any]:
    token = None
    while True:
        page = search(condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def translated(otherwise: type[StoreError] = StoreError) -> Iterator[None]:
    """Turn whatever MLflow and what lies below it raise into a StoreError."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        kind = next((kind for each in _chain(error) if (kind := _kind(each))), otherwise)
        raise kind(_words(error)) from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error at the bottom first."""
    if error is not None:
        yield from _chain(error.__cause__ or error.__context__)
        yield error


def _kind(error: BaseException) -> type[StoreError] | None:
    if isinstance(error, sqlite3.DatabaseError):
        if not isinstance(error, sqlite3.OperationalError):
            return StoreDamagedError
        return StoreLockedError if "locked" in str(error) else StoreUnavailableError
    if isinstance(error, ConnectionError | TimeoutError) or type(error).__name__ == "OperationalError":
        return StoreUnavailableError
    code = getattr(error, "error_code", "")
    if code == "RESOURCE_DOES_NOT_EXIST":
        return VersionMissingError
    unreachable = code == "TEMPORARILY_UNAVAILABLE" or "API request to" in str(error)
    return StoreUnavailableError if unreachable else None


def _words(error: Exception) -> str:
    """Return the first line of what is wrong, without a password that an address may hold."""
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return re.sub(r"//[^/@\s]*@", "//", first)[:300]
