"""Fixtures every area shares; the real servers and the browser come from tests/support."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytest_plugins = [
    "tests.support.rules",
    "tests.support.postgres",
    "tests.support.chat_server",
    "tests.support.redis_server",
    "tests.support.pacs",
    "tests.support.browser",
]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real ECGs and answers; required under CI, otherwise skipped aloud."""
    folder = Path(os.environ.get("CHEVET_SHARED_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if folder.is_dir():
        return folder
    message = f"the shared data folder is missing: {folder} (set CHEVET_SHARED_DATA)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
