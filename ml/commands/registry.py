"""`registry`: the versions of models that the store has, and which of them an alias means."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Any

from ml.registry import helper, syncing
from ml.registry.artefact import open_unsealed
from ml.registry.home import Home
from ml.registry.mlflow_store import DATABASE, MlflowStore, RecordedRun
from ml.registry.predictor import load
from ml.registry.shipped import ship as put_in_place


def sync(options: argparse.Namespace) -> int:
    """Register the shipped champion where there is none, and bring every version into the cache."""
    return _answered(options, lambda: helper.document_of(syncing.sync(_home(options), _store(options))))


def versions(options: argparse.Namespace) -> int:
    """Print the versions and aliases of a family."""

    def listed() -> dict[str, Any]:
        store = _store(options)
        aliases = store.aliases(options.family)
        found = [
            {"version": each.version, "digest": each.digest, "created": each.created.isoformat()}
            for each in store.versions(options.family)
        ]
        return {"family": options.family, "versions": found, "aliases": dict(aliases)}

    return _answered(options, listed)


def register(options: argparse.Namespace) -> int:
    """Seal an artefact and add it to the store."""

    def registered() -> dict[str, Any]:
        version = syncing.register(
            _home(options), _store(options), options.folder, options.alias, options.run_id
        )
        return {"family": version.family, "version": version.version, "digest": version.digest}

    return _answered(options, registered)


def promote(options: argparse.Namespace) -> int:
    """Let an alias mean a version."""
    return _answered(options, lambda: _pointed(options, options.version))


def rollback(options: argparse.Namespace) -> int:
    """Let an alias mean the version again that it meant before."""
    return _answered(
        options, lambda: _pointed(options, _store(options).previous(options.family, options.alias))
    )


def record(options: argparse.Namespace) -> int:
    """Put down what models outside of this platform did."""

    def recorded() -> dict[str, Any]:
        store = _store(options)
        runs = json.loads(options.file.read_text(encoding="utf-8"))
        return {each["key"]: store.record(options.family, RecordedRun(**each)) for each in runs}

    return _answered(options, recorded)


def runs(options: argparse.Namespace) -> int:
    """Print the latest runs of a family, or those that are named with their files."""

    def listed() -> dict[str, Any]:
        home = _home(options)
        if not home.tracking_uri and not (home.store / DATABASE).exists():
            return {"runs": []}  # the first sync makes it, and nobody else at the same time
        store = _store(options)
        named = [store.run(options.family, each) for each in options.run_id or ()]
        return {"runs": [asdict(each) for each in named or store.runs(options.family)]}

    return _answered(options, listed)


def download(options: argparse.Namespace) -> int:
    """Copy a file of a run into a folder."""

    def copied() -> dict[str, Any]:
        copy = _store(options).download(options.family, options.run_id, options.path, options.output)
        return {"file": str(copy), "bytes": copy.stat().st_size}

    return _answered(options, copied)


def ship(options: argparse.Namespace) -> int:
    """Have an artefact come with the program."""

    def put() -> dict[str, Any]:
        artefact = open_unsealed(options.folder)
        load(artefact).verify_examples()
        written = put_in_place(artefact)
        return {"folder": str(written.folder), "digest": written.digest, "bytes": written.size}

    return _answered(options, put)


def _pointed(options: argparse.Namespace, version: int) -> dict[str, Any]:
    _store(options).set_alias(options.family, options.alias, version)
    return {"family": options.family, "alias": options.alias, "version": version}


def _home(options: argparse.Namespace) -> Home:
    return Home.of_environment(os.environ, options.home)


def _store(options: argparse.Namespace) -> MlflowStore:
    return MlflowStore(_home(options))


def _answered(options: argparse.Namespace, work: Callable[[], dict[str, Any]]) -> int:
    """Print what was done; with `--json`, what went wrong too."""
    try:
        with redirect_stdout(sys.stderr):  # MLflow prints links
            document = work()
    except OSError as error:
        if not options.json:
            raise
        print(json.dumps(helper.error_of(error)))
        return 2
    print(json.dumps(document, ensure_ascii=options.json, indent=None if options.json else 2))
    return 0
