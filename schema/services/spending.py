"""What the language model may cost in a day, counted over all workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, tzinfo

from schema.services.cache import Cache
from schema.services.clock import Clock

MICROEUROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Spending:
    """What was asked and spent today, of what may be; unfinished questions count at their highest price."""

    calls: int
    most_calls: int
    euros: float
    most_euros: float


@dataclass(frozen=True, slots=True)
class SpentDay:
    """What was asked and spent in a day."""

    day: date
    calls: int
    euros: float


@dataclass(frozen=True, slots=True)
class DailyBudget:
    """A day's questions and euros. Where the counts cannot be kept, nothing is spent.

    Parameters
    ----------
    zone
        Where its days begin and end.
    """

    cache: Cache
    clock: Clock
    zone: tzinfo
    most_calls: int
    most_euros: float

    def reserve(self, most: int) -> str | None:
        """Set aside one question and its highest price, in millionths of a euro, if both fit."""
        day = self._day()
        calls, microeuros = _counters(day)
        asked = self.cache.count(calls)
        if asked is not None and asked <= self.most_calls:
            reached = self.cache.count(microeuros, most)
            if reached is not None and reached <= self.most_euros * MICROEUROS:
                return day
            self.cache.count(microeuros, -most if reached is not None else 0)
        if asked is not None:
            self.cache.count(calls, -1)
        return None

    def settle(self, account: str, reserved: int, spent: int) -> None:
        """Replace what was set aside, on its own day, by what was spent."""
        self.cache.count(_counters(account)[1], spent - reserved)

    def today(self) -> Spending:
        """Return how the day stands."""
        calls, microeuros = self.cache.counters(_counters(self._day()))
        return Spending(calls, self.most_calls, microeuros / MICROEUROS, self.most_euros)

    def between(self, since: date, until: date) -> Sequence[SpentDay]:
        """Return what each day was spent, the first first, as far as the cache remembers.

        What ends today in UTC ends on the day that it is in the zone by now.
        """
        if until == self.clock().astimezone(UTC).date():
            until = date.fromisoformat(self._day())
            since = min(since, until)
        days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
        reached = self.cache.counters([name for day in days for name in _counters(day.isoformat())])
        return [
            SpentDay(day, calls, microeuros / MICROEUROS)
            for day, calls, microeuros in zip(days, reached[::2], reached[1::2], strict=True)
        ]

    def _day(self) -> str:
        return self.clock().astimezone(self.zone).date().isoformat()


def _counters(day: str) -> tuple[str, str]:
    return f"model.calls.{day}", f"model.microeuros.{day}"
