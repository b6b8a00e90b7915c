"""The champions that come with the program: not sealed, for want of a site's key, but of known digest."""

from collections.abc import Mapping
from pathlib import Path

from ml.registry.artefact import Artefact, open_unsealed, write_artefact
from ml.registry.manifest import MANIFEST, ArtefactError

PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"
DIGESTS = "SHA256SUMS"
MAX_SHIPPED = 1_000_000


def shipped(family: str, pretrained: Path = PRETRAINED) -> Artefact | None:
    """Return the champion of a family that comes with the program, if there is one.

    Raises
    ------
    ArtefactError
        When it is not the one whose digest is known.
    """
    digest = _digests(pretrained).get(family)
    return open_unsealed(pretrained / family, digest) if digest else None


def ship(artefact: Artefact, pretrained: Path = PRETRAINED) -> Artefact:
    """Have a verified artefact come with the program, in the place of the one before.

    Raises
    ------
    ArtefactError
        When it is larger than what may be in the repository.
    """
    if artefact.size > MAX_SHIPPED:
        raise ArtefactError(f"{artefact.size} bytes, more than {MAX_SHIPPED}")
    family = artefact.manifest.family
    files = {name: artefact.read(name) for name in artefact.manifest.files}
    target = pretrained / family
    if target.exists():
        for each in target.iterdir():
            each.unlink()
        target.rmdir()
    written = write_artefact(target, artefact.manifest, files)
    digests = {**_digests(pretrained), family: written.digest}
    lines = (f"{digest}  {name}/{MANIFEST}\n" for name, digest in sorted(digests.items()))
    (pretrained / DIGESTS).write_text("".join(lines), encoding="ascii")
    return written


def _digests(pretrained: Path) -> Mapping[str, str]:
    """Return the digest of each family: `SHA256SUMS` as sha256sum writes it, of the manifests."""
    path = pretrained / DIGESTS
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return {name.partition("/")[0]: digest for digest, name in (line.split() for line in lines)}
