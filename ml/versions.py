"""Which code decided what a model learns and answers."""

import hashlib
import subprocess
from pathlib import Path

_ML = Path(__file__).resolve().parent.parent


def code_version() -> str:
    """Return the commit of this code, marked where it has changes; outside of a repository, its hash."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - whichever git there is
            cwd=_ML,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"sources-{_hash()}"
    return done.stdout.strip()


def _hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(_ML.rglob("*.py")):
        digest.update(path.relative_to(_ML).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
