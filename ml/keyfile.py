"""A secret key in a file of its own, made by whichever process is first."""

import contextlib
import os
import secrets
from pathlib import Path


def make_key(path: Path) -> None:
    """Write a key that only its owner may read, unless there is one or another process was first.

    Raises
    ------
    OSError
        When it cannot be kept there.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600, exist_ok=False)
    try:
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
