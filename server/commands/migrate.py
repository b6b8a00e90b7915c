"""`migrate`: the database to its newest revision."""

import argparse

from server.migrations import migrate
from server.opening import opened
from server.settings import load_settings


def run(_options: argparse.Namespace) -> None:
    """Migrate."""
    settings = load_settings()
    with opened(settings):
        migrate(settings)
