"""A version of a model as a sealed folder: its files, a manifest of them, and the manifest's HMAC.

`manifest.json` names every file with its size and SHA-256 and says what the model is; `manifest.hmac` is an
HMAC-SHA256 of it by the site's key. The SHA-256 of the manifest is thus that of everything: the artefact's
digest. Nothing of a folder is interpreted before its seal has been verified, and what a sealed folder may
hold is a short list (`ml/registry/contents.py`).
"""

import contextlib
import hashlib
import hmac
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ml.registry.contents import check_contents, check_names
from ml.registry.manifest import MANIFEST, ArtefactError, FileEntry, Manifest

SEAL = "manifest.hmac"
MAX_MANIFEST = 256 * 1024
MAX_SEAL = 128


@dataclass(frozen=True)
class Artefact:
    """A folder whose seal and contents have been verified.

    Parameters
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        What it is.
    digest : str
        SHA-256 of the manifest, and through it of everything.
    """

    folder: Path
    manifest: Manifest
    digest: str

    def read(self, name: str) -> bytes:
        """Return a file's bytes, held against the manifest once more: never use the file by its path.

        Raises
        ------
        ArtefactError
            When the manifest has no such file, or it is another by now.
        """
        entry = self.manifest.files.get(name)
        if entry is None:
            raise ArtefactError(f"{self.folder.name}: holds no {name}")
        return _read_entry(self.folder, name, entry)

    @property
    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(each.size for each in self.manifest.files.values())


def write_artefact(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Artefact:
    """Write an artefact that is not sealed yet into a new folder.

    Raises
    ------
    ArtefactError
        When a file is of a kind that is refused, or the folder is there already.
    """
    entries = {name: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    document = replace(manifest, files=entries).to_bytes()
    check_names(entries)
    for name, data in files.items():
        check_contents(name, data)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise ArtefactError(f"{folder} is there already") from error
    for name, data in {**files, MANIFEST: document}.items():
        (folder / name).write_bytes(data)
    return Artefact(folder, Manifest.from_bytes(document), hashlib.sha256(document).hexdigest())


def with_file(artefact: Artefact, name: str, data: bytes) -> Artefact:
    """Add a file to an artefact that is not sealed, where it lies, or put it in the place of the one there.

    Raises
    ------
    ArtefactError
        When it is sealed, or the file is of a kind that is refused.
    """
    if (artefact.folder / SEAL).exists():
        raise ArtefactError(f"{artefact.folder} is sealed")
    entry = FileEntry(len(data), hashlib.sha256(data).hexdigest())
    files = {**artefact.manifest.files, name: entry}
    check_names(files)
    check_contents(name, data)
    document = replace(artefact.manifest, files=files).to_bytes()
    (artefact.folder / name).write_bytes(data)
    (artefact.folder / MANIFEST).write_bytes(document)
    return open_unsealed(artefact.folder)


def open_unsealed(folder: Path, digest: str | None = None) -> Artefact:
    """Verify a folder by its manifest alone: one that was just made, or whose digest is known.

    Parameters
    ----------
    folder : Path
        Where it lies.
    digest : str or None
        What its digest must be.

    Raises
    ------
    ArtefactError
        When anything is missing, superfluous, damaged, or of a kind that is refused.
    """
    return _verified(folder, _read(folder, MANIFEST, MAX_MANIFEST), digest)


def open_sealed(folder: Path, key: bytes, digest: str | None = None) -> Artefact:
    """Verify a sealed folder and return what it holds.

    Parameters
    ----------
    folder : Path
        Where it lies.
    key : bytes
        The site's key.
    digest : str or None
        What its digest must be.

    Raises
    ------
    ArtefactError
        When anything is missing, superfluous, damaged, not signed by this key, or of a kind that is refused.
    """
    found, document = _read(folder, SEAL, MAX_SEAL), _read(folder, MANIFEST, MAX_MANIFEST)
    if not hmac.compare_digest(found.strip(), _signature(document, key)):
        raise ArtefactError(f"{folder.name}: not sealed by this site's key")
    return _verified(folder, document, digest)


def seal(artefact: Artefact, key: bytes) -> Artefact:
    """Sign a verified artefact where it lies."""
    document = _read(artefact.folder, MANIFEST, MAX_MANIFEST)
    if hashlib.sha256(document).hexdigest() != artefact.digest:
        raise ArtefactError(f"{artefact.folder.name}: {MANIFEST} has changed")
    (artefact.folder / SEAL).write_bytes(_signature(document, key) + b"\n")
    return artefact


def copy_sealed(source: Path, cache: Path, key: bytes, digest: str | None = None) -> Artefact:
    """Copy a sealed folder into a cache under its digest, verified before and after; one that is there stays.

    The folder appears whole or not at all, also when several processes copy it at once.

    Raises
    ------
    ArtefactError
        As `open_sealed`.
    """
    artefact = open_sealed(source, key, digest)
    target = cache / artefact.digest
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=cache) as scratch:
        partial = Path(scratch) / artefact.digest
        partial.mkdir()
        for name in (*artefact.manifest.files, MANIFEST, SEAL):
            shutil.copyfile(source / name, partial / name, follow_symlinks=False)
        copied = open_sealed(partial, key, artefact.digest)
        _place(partial, target, key)
    return replace(copied, folder=target)


def _place(partial: Path, target: Path, key: bytes) -> None:
    """Give a verified folder its place; a damaged one that is there goes, a whole one stays."""
    if target.exists() or target.is_symlink():
        with contextlib.suppress(ArtefactError):
            open_sealed(target, key, target.name)
            return
        target.rename(partial.parent / "damaged")
    try:
        partial.rename(target)
    except OSError:  # another process was first
        open_sealed(target, key, target.name)


def _signature(document: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"chevet artefact\n" + document, hashlib.sha256).hexdigest().encode()


def _verified(folder: Path, document: bytes, digest: str | None) -> Artefact:
    found = hashlib.sha256(document).hexdigest()
    if digest is not None and found != digest:
        raise ArtefactError(f"{folder.name}: its digest is {found[:12]}, not {digest[:12]}")
    manifest = Manifest.from_bytes(document)
    check_names(manifest.files)
    superfluous = {each.name for each in folder.iterdir()} - set(manifest.files) - {MANIFEST, SEAL}
    if superfluous:
        raise ArtefactError(f"{folder.name}: {min(superfluous)!r} is not in the manifest")
    for name, entry in manifest.files.items():
        check_contents(name, _read_entry(folder, name, entry))
    return Artefact(folder, manifest, found)


def _read_entry(folder: Path, name: str, entry: FileEntry) -> bytes:
    data = _read(folder, name, entry.size)
    if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ArtefactError(f"{folder.name}: {name} is not the file that was signed")
    return data


def _read(folder: Path, name: str, most: int) -> bytes:
    """Return a regular file's bytes; links, of the folder too, and longer files are refused."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        if folder.is_symlink():
            raise ArtefactError(f"{folder.name}: a link")
        descriptor = os.open(folder / name, flags)
    except FileNotFoundError as error:
        raise ArtefactError(f"{folder.name}: {name} is missing") from error
    except OSError as error:
        raise ArtefactError(f"{folder.name}: {name} cannot be read ({error.strerror or error})") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtefactError(f"{folder.name}: {name} is no file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ArtefactError(f"{folder.name}: {name} is longer than {most} bytes")
    return data
