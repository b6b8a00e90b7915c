"""The version of a model that a command names: an alias of the registry, or a folder."""

import os
from pathlib import Path

from ml.registry.artefact import Artefact, open_sealed, open_unsealed
from ml.registry.home import Home
from ml.registry.manifest import ArtefactError
from ml.registry.mlflow_store import MlflowStore
from ml.registry.store import ALIASES, VersionMissingError
from ml.registry.syncing import sync


def named(family: str, name: str) -> Artefact:
    """Return what an alias means, or what lies in a folder, verified.

    Raises
    ------
    ArtefactError
        When the folder holds no version of this family.
    StoreError
        When the store fails, or the alias means nothing.
    """
    if name in ALIASES:
        return registered(family, name)
    artefact = open_unsealed(Path(name))
    if artefact.manifest.family != family:
        raise ArtefactError(f"{name}: a version of {artefact.manifest.family}, not of {family}")
    return artefact


def registered(family: str, alias: str) -> Artefact:
    """Return what an alias means, verified; the shipped version is registered where there is none.

    Raises
    ------
    StoreError
        When the store fails, or the alias means nothing.
    """
    home = Home.of_environment(os.environ)
    synced = sync(home, MlflowStore(home))
    version = synced.aliases[family].get(alias)
    for each in synced.versions:
        if each.family == family and each.version == version:
            if each.digest is None:
                raise VersionMissingError(f"{family} {alias}, version {version}: {each.fault}")
            return open_sealed(home.cache / each.digest, home.key(), each.digest)
    raise VersionMissingError(f"{family} has no {alias}")
