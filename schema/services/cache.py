"""A cache every worker shares, with counters and buckets. A broken cache is a miss, never an error."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Bucket(NamedTuple):
    """Points that somebody may spend; it fills again by itself.

    Parameters
    ----------
    size
        Points of a full bucket.
    seconds
        How long an empty one takes to fill.
    """

    name: str
    size: int
    seconds: int

    @property
    def rate(self) -> float:
        """Return points per second."""
        return self.size / self.seconds


class Drawn(NamedTuple):
    """Whether points were taken, and how many the bucket holds now."""

    taken: bool
    left: float


class Cache(Protocol):
    """Values for a while, under keys that say nothing about anyone."""

    def get(self, key: str) -> bytes | None:
        """Return the value, or None when there is none any more."""
        ...

    def put(self, key: str, value: bytes, seconds: int) -> None:
        """Keep the value for that long at most."""
        ...

    def count(self, name: str, amount: int = 1) -> int | None:
        """Add to a counter and return what it has reached; None where nobody can tell."""
        ...

    def counters(self, names: Sequence[str]) -> list[int]:
        """Return what each counter has reached, 0 for one never counted."""
        ...

    def entries(self) -> int:
        """Return how many values are kept."""
        ...

    def take(self, key: str, holder: str, seconds: float) -> bool:
        """Take a lock for that long at most; False while another holds it, True where nobody can tell."""
        ...

    def release(self, key: str, holder: str) -> None:
        """Give a lock back; one that another holds by now stays theirs."""
        ...

    def draw(self, bucket: Bucket, points: int) -> Drawn:
        """Take points from a bucket, or none when it holds fewer. A broken cache's buckets are full."""
        ...


_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  value BLOB NOT NULL,
  expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, reached INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lock (key TEXT PRIMARY KEY, holder TEXT NOT NULL, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS bucket (
  name TEXT PRIMARY KEY,
  held REAL NOT NULL,
  at REAL NOT NULL,
  full_at REAL NOT NULL
);
"""
_HELD = "min(:size, held + max(0, :now - at) * :rate)"
_DRAW = f"""
INSERT INTO bucket VALUES (:name, :size - :points, :now, :now + :points / :rate)
ON CONFLICT (name) DO UPDATE SET
  held = {_HELD} - :points, at = :now, full_at = :now + (:size - {_HELD} + :points) / :rate
WHERE {_HELD} >= :points
RETURNING held
"""  # noqa: S608 - of constants
_LOOK = f"SELECT {_HELD} FROM bucket WHERE name = :name"  # noqa: S608 - of constants
SWEEP_EVERY_S = 60.0


class LocalCache:
    """A cache in one SQLite file that all workers of a machine share.

    Parameters
    ----------
    path
        The file; deleting it while nothing runs loses nothing but time.
    limit
        How many entries are kept at most; the oldest go first.
    clock
        Seconds since the epoch.
    """

    def __init__(self, path: Path, limit: int = 20_000, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._swept_at = clock()

    def get(self, key: str) -> bytes | None:
        """Return the value, if it is there and has not expired."""
        rows = self._run("SELECT value FROM entry WHERE key = ? AND expires_at > ?", key, self._clock())
        return bytes(rows[0][0]) if rows else None

    def put(self, key: str, value: bytes, seconds: int) -> None:
        """Keep the value and forget what has become too old or too much."""
        now = self._clock()
        self._run(
            "INSERT OR REPLACE INTO entry (key, value, expires_at) VALUES (?, ?, ?)",
            key,
            value,
            now + seconds,
        )
        self._run("DELETE FROM entry WHERE place <= (SELECT max(place) FROM entry) - ?", self._limit)

    def count(self, name: str, amount: int = 1) -> int | None:
        """Add to a counter and return what it has reached."""
        rows = self._run(
            "INSERT INTO counter VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET reached = reached + excluded.reached RETURNING reached",
            name,
            amount,
        )
        return int(rows[0][0]) if rows else None

    def counters(self, names: Sequence[str]) -> list[int]:
        """Return what each counter has reached."""
        reached = dict(self._run("SELECT name, reached FROM counter") or ())
        return [reached.get(name, 0) for name in names]

    def entries(self) -> int:
        """Return how many values have not expired."""
        rows = self._run("SELECT count(*) FROM entry WHERE expires_at > ?", self._clock())
        return int(rows[0][0]) if rows else 0

    def take(self, key: str, holder: str, seconds: float) -> bool:
        """Take a lock that is free or has expired."""
        now = self._clock()
        rows = self._run(
            "INSERT INTO lock VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
            " SET holder = excluded.holder, expires_at = excluded.expires_at WHERE lock.expires_at <= ?"
            " RETURNING holder",
            key,
            holder,
            now + seconds,
            now,
        )
        return rows is None or bool(rows)

    def release(self, key: str, holder: str) -> None:
        """Give a lock back."""
        self._run("DELETE FROM lock WHERE key = ? AND holder = ?", key, holder)

    def draw(self, bucket: Bucket, points: int) -> Drawn:
        """Take points; full buckets are forgotten, since a new one is full as well."""
        now = self._clock()
        if now > self._swept_at + SWEEP_EVERY_S:
            self._swept_at = now
            self._run("DELETE FROM bucket WHERE full_at <= ?", now)
        given = {**bucket._asdict(), "rate": bucket.rate, "points": points, "now": now}
        if rows := self._run(_DRAW, given):
            return Drawn(taken=True, left=rows[0][0])
        rows = self._run(_LOOK, given)
        return Drawn(taken=not rows, left=rows[0][0] if rows else bucket.size)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]] | None:
        """Return the rows, or None where the file cannot be used."""
        given = values[0] if values and isinstance(values[0], dict) else values
        with self._lock:
            try:
                return self._opened().execute(statement, given).fetchall()
            except (sqlite3.Error, OSError) as error:
                log.warning("the local cache cannot be used: %s", error)
                if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
                    self._start_afresh()
                return None

    def _start_afresh(self) -> None:
        """Remove a damaged file; the next use makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=2, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = wal")
                connection.execute("PRAGMA synchronous = 0")  # what a power cut takes is computed again
                connection.executescript(_TABLES)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection
