"""What `python -m ml registry` does: versions go into the store, and verified ones into the cache."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ml.registry.artefact import Artefact, copy_sealed, open_sealed, open_unsealed, seal
from ml.registry.contents import CARD, REFERENCE
from ml.registry.helper import Synced, SyncedVersion
from ml.registry.home import Home
from ml.registry.manifest import ArtefactError, Manifest
from ml.registry.predictor import FAMILIES, load
from ml.registry.shipped import PRETRAINED, shipped
from ml.registry.store import CHAMPION, ModelStore, StoreDamagedError, StoredVersion


def sync(home: Home, store: ModelStore, pretrained: Path = PRETRAINED) -> Synced:
    """Register the shipped champion where the store has none, and bring every version into the cache.

    What an alias means is fetched and verified again each time, so that tampering with the store is told;
    what is in the cache goes on being used.
    """
    versions: list[SyncedVersion] = []
    aliases: dict[str, Mapping[str, int]] = {}
    with _alone(home):
        for family in FAMILIES:
            stored = store.versions(family) or _with_shipped(home, store, family, pretrained)
            aliases[family] = store.aliases(family)
            meant = set(aliases[family].values())
            versions += [_brought(home, store, each, again=each.version in meant) for each in stored]
    return Synced(tuple(versions), aliases)


def register(
    home: Home, store: ModelStore, folder: Path, alias: str | None = None, run: str | None = None
) -> StoredVersion:
    """Seal an artefact and add it to the store, if it loads and answers as the model it was made of.

    Parameters
    ----------
    folder : Path
        What `package` of its family has written; left as it is.
    alias : str or None
        What is to mean it.
    run : str or None
        The run that trained it.

    Raises
    ------
    ArtefactError
        When it may not be sealed.
    LoadError
        When it does not load, or its parity fails.
    StoreError
        When the store fails.
    """
    artefact = open_unsealed(folder)
    load(artefact).verify_examples()
    with _alone(home):
        version = store.register(sealed(home, artefact), run)
        if alias is not None:
            store.set_alias(version.family, alias, version.version)
    return version


def _with_shipped(home: Home, store: ModelStore, family: str, pretrained: Path) -> list[StoredVersion]:
    artefact = shipped(family, pretrained)
    if artefact is None:
        return []
    version = store.register(sealed(home, artefact))
    store.set_alias(family, CHAMPION, version.version)
    return [version]


def sealed(home: Home, artefact: Artefact) -> Artefact:
    """Return a verified artefact in the cache, under this site's seal; left as it is where it lies."""
    home.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sealing-", dir=home.cache) as scratch:
        copy = Path(scratch) / "artefact"
        shutil.copytree(artefact.folder, copy, symlinks=True)
        seal(open_unsealed(copy, artefact.digest), home.key())
        return copy_sealed(copy, home.cache, home.key(), artefact.digest)


def _brought(home: Home, store: ModelStore, version: StoredVersion, *, again: bool) -> SyncedVersion:
    """Bring a version into the cache, and say what it is or why it cannot be used."""
    artefact, fault = _cached(home, version), None
    if artefact is None or again:
        try:
            fetched = _fetched(home, store, version)
        except (ArtefactError, StoreDamagedError) as error:
            fault = str(error)
        else:
            artefact = fetched
    if artefact is None:
        return SyncedVersion(version.family, version.version, None, version.created.isoformat(), fault)
    return _described(version, artefact, fault)


def _cached(home: Home, version: StoredVersion) -> Artefact | None:
    if version.digest is None:
        return None
    with suppress(ArtefactError):
        return _opened(home, home.cache / version.digest, version)
    return None


def _fetched(home: Home, store: ModelStore, version: StoredVersion) -> Artefact:
    home.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home.cache) as scratch:
        folder = Path(scratch)
        store.fetch(version, folder)
        _opened(home, folder, version)
        return copy_sealed(folder, home.cache, home.key(), version.digest)


def _opened(home: Home, folder: Path, version: StoredVersion) -> Artefact:
    artefact = open_sealed(folder, home.key(), version.digest)
    if artefact.manifest.family != version.family:
        raise ArtefactError(f"{artefact.manifest.family}, not {version.family}")
    return artefact


def _described(version: StoredVersion, artefact: Artefact, fault: str | None) -> SyncedVersion:
    manifest: Manifest = artefact.manifest
    return SyncedVersion(
        family=version.family,
        version=version.version,
        digest=artefact.digest,
        created=version.created.isoformat(),
        fault=fault,
        architecture=manifest.architecture,
        data_hash=manifest.data_hash,
        code_version=manifest.code_version,
        classes=manifest.classes,
        metrics=manifest.metrics,
        card=artefact.read(CARD).decode() if CARD in manifest.files else "",
        reference=artefact.read(REFERENCE).decode() if REFERENCE in manifest.files else None,
    )


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Wait until no other process of this machine changes the store or the cache."""
    home.cache.mkdir(parents=True, exist_ok=True)
    with (home.cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
