"""Static files under addresses that change with their content, so that browsers may keep them for good.

The version is a folder of the address, `/static/VERSION/js/app.js`: what a script imports and a style sheet
loads by a relative address carries it too.
"""

import hashlib
import re
import time
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

LOOK_AGAIN_S = 1.0
VERSIONED = re.compile(r"^[0-9a-f]{12}/")


class StaticAddresses:
    """Makes the addresses.

    Parameters
    ----------
    folder
        The static files.
    watch
        Whether files may change while the process runs, as in development.
    """

    def __init__(self, folder: Path, *, watch: bool) -> None:
        self._folder = folder
        self._watch = watch
        self._looked_at = 0.0
        self._version = ""

    def address(self, path: str) -> str:
        """Return the address of a file.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        """
        stale = self._watch and time.monotonic() - self._looked_at > LOOK_AGAIN_S
        if stale or not self._version:
            self._version, self._looked_at = _version(self._folder), time.monotonic()
        if not (self._folder / path).is_file():
            raise FileNotFoundError(path)
        return f"/static/{self._version}/{path}"


class Files(StaticFiles):
    """Serves the files: kept for good under a versioned address, asked for again under a bare one."""

    def get_path(self, scope: Scope) -> str:
        """Return the file's path without the version."""
        return VERSIONED.sub("", super().get_path(scope))

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Add how long a browser may keep the file."""
        response = await super().get_response(path, scope)
        versioned = VERSIONED.match(super().get_path(scope))
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return response


def _version(folder: Path) -> str:
    """Return a digest of every file's name, size and time of change."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        facts = file.stat()
        digest.update(f"{file.relative_to(folder)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]
