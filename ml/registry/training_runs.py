"""Logs a version that was just trained to MLflow: what its manifest says, and all its files."""

import os
from collections.abc import Mapping, Sequence

from ml.registry.artefact import Artefact
from ml.registry.contents import CARD
from ml.registry.home import Home
from ml.registry.manifest import MANIFEST
from ml.registry.mlflow_store import FOLDER, MlflowStore, TrackedRun


def log_trained(
    artefact: Artefact,
    name: str,
    files: Mapping[str, bytes],
    steps: Sequence[tuple[str, float, int]] = (),
) -> str:
    """Log a version with its figures and return the run's id.

    Parameters
    ----------
    name
        Of the run.
    files
        What goes with it besides its own and its card.
    steps
        What was measured on the way, as `TrackedRun` has it.

    Raises
    ------
    StoreError
        When MLflow cannot be used.
    """
    manifest = artefact.manifest
    its = {f"{FOLDER}/{each}": artefact.read(each) for each in manifest.files}
    run = TrackedRun(
        name,
        {"architecture": manifest.architecture, **manifest.settings},
        manifest.metrics,
        manifest.data_hash,
        manifest.code_version,
        {**its, f"{FOLDER}/{MANIFEST}": manifest.to_bytes(), CARD: artefact.read(CARD), **files},
        steps,
    )
    return MlflowStore(Home.of_environment(os.environ)).track(manifest.family, run)
