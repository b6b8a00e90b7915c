"""`migrate`: the database to its newest revision."""

import argparse
import subprocess

from server.migrations import migrate
from server.settings import load_settings


def run(_options: argparse.Namespace) -> int:
    """Migrate and return the exit status."""
    try:
        migrate(load_settings())
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0
