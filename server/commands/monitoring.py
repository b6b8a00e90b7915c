"""`monitoring recount`: what is kept of predictions by day, put right from the predictions themselves."""

import argparse

from schema.services.jobs import run_due
from schema.services.recounting import RECOUNT_JOB, Recount, wake_recount
from server.app import close_services, wire_services
from server.opening import opened
from server.settings import load_settings
from server.signing import Signer


def recount(_options: argparse.Namespace) -> int:
    """Count all predictions anew while others go on being kept; 1 when that fails."""
    settings = load_settings()
    with opened(settings):
        services = wire_services(settings, Signer(settings.secret))
    counting = Recount(services.database)
    try:
        with services.database.write() as session:
            wake_recount(session, services.clock)
        taken = run_due(services.database, {RECOUNT_JOB: counting.work}, services.clock, 1)
    finally:
        close_services(services)
    if counting.last is None:
        print("The recount failed; a worker tries again." if taken else "Another process counts already.")
        return 1 if taken else 0
    print(f"Predictions: {counting.last.predictions}, days put right: {counting.last.corrected}")
    return 0
