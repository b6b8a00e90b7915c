"""`audit verify`: whether the trail of changes is as it was written."""

import argparse

from schema.services.audit import verify as verify_trail
from server.opening import opened
from server.settings import load_settings


def verify(_options: argparse.Namespace) -> int:
    """Print what the verifier found; 1 when the trail was tampered with."""
    with opened(load_settings()) as database, database.read() as session:
        found = verify_trail(session)
    if found.ok:
        print(f"The trail is whole: {found.rows} rows, head {found.head}")
        return 0
    print(f"The trail is broken at row {found.first_broken}: {found.reason}")
    return 1
