"""What is kept by day, put right from the predictions themselves: once where a site has older ones, or asked.

Predictions go on being kept meanwhile, and none waits. Days and predictions are read on one snapshot; what is
kept of a prediction is kept in the transaction that keeps it, so what a day lacks on a snapshot it lacks for
good, and can be added later.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from schema.database import Database
from schema.services.clock import Clock
from schema.services.day_books import Key, Tally, correct, counted_anew, kept_days
from schema.services.jobs import NEVER, Again, Claim, enqueue, held, wake

RECOUNT_JOB = "recount_predictions"
AT_ONCE = 50
"""Days that are put right before others' writing has its turn."""
PAUSE_S = 0.15
"""For that turn: whoever waits for SQLite looks every tenth of a second, and nobody is queued."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """How many predictions there are, and how many days (by version and alias) were not right."""

    predictions: int
    corrected: int


class Recount:
    """The standing job; it keeps its own transactions. `last` is what it found."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.last: Recounted | None = None

    def work(self, claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Correct what is not right; whoever takes over from a killed worker goes on with what is left."""
        predictions, lacking = self._lacking()
        days = sorted(lacking)
        for first in range(0, len(days), AT_ONCE):
            with self._database.write() as session:
                held(session, claim)  # two who add the same would make it wrong
                for key in days[first : first + AT_ONCE]:
                    correct(session, key, lacking[key])
            time.sleep(PAUSE_S)
        self.last = Recounted(predictions, len(lacking))
        return Again(lambda _session: NEVER)

    def _lacking(self) -> tuple[int, dict[Key, Tally]]:
        """Return how many predictions there are, and what each day lacks."""
        with self._database.read() as session:
            if not self._database.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            kept, found = kept_days(session), counted_anew(session)
        differences = {
            key: found.get(key, Tally()) - kept.get(key, Tally()) for key in found.keys() | kept.keys()
        }
        lacking = {key: each for key, each in differences.items() if each != Tally()}
        return sum(each.total for each in found.values()), lacking


def count_once(session: Session, clock: Clock) -> None:
    """Have predictions counted that were made before days were kept, unless they have been."""
    enqueue(session, clock, RECOUNT_JOB, {}, unique_key=RECOUNT_JOB)


def wake_recount(session: Session, clock: Clock) -> None:
    """Have all predictions counted anew soon."""
    wake(session, clock, RECOUNT_JOB, {}, RECOUNT_JOB)
