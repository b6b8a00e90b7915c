"""`audit verify`: whether the trail of changes is as it was written."""

import argparse

from schema.database import Database
from schema.services.audit import verify as verify_trail
from server.settings import load_settings


def verify(_options: argparse.Namespace) -> int:
    """Print what the verifier found; 1 when the trail was tampered with."""
    database = Database(load_settings().database_url)
    try:
        with database.read() as session:
            found = verify_trail(session)
    finally:
        database.dispose()
    if found.ok:
        print(f"The trail is whole: {found.rows} rows, head {found.head}")
        return 0
    print(f"The trail is broken at row {found.first_broken}: {found.reason}")
    return 1
