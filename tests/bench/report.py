"""What was measured, as a table and as JSON, and the bounds it must keep."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.bench.load import Timings
from tests.bench.servers import Memory

PAGE_CPU_US = 6000.0
WORKER_RSS_MB = 150.0
AUTOSAVE_P99_MS = 50.0
LIMITS_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Round:
    """One stretch of load on one server."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float

    @classmethod
    def of(cls, timings: Timings, cpu_seconds: float) -> "Round":
        """Return the figures of a stretch."""
        requests = len(timings.each)
        p50, p99 = timings.milliseconds(50), timings.milliseconds(99)
        return cls(requests, timings.rate, p50, p99, cpu_seconds / requests * 1e6)


@dataclass
class Report:
    """All that was measured.

    Parameters
    ----------
    rounds
        By what was asked for; each figure is the median of its rounds.
    sizes, rss_mb
        Bytes of each answer, and the memory of who gave it, after all rounds.
    lacking
        Peers that were not measured, and why.
    """

    conditions: str
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    cold_starts_s: list[float] = field(default_factory=list)
    memory: Memory = field(default_factory=lambda: Memory(0, 0))
    heavy_modules: list[str] = field(default_factory=list)
    limits_us: tuple[float, float] = (0.0, 0.0)

    def add(self, name: str, measured: Round) -> None:
        """Add a stretch."""
        self.rounds.setdefault(name, []).append(measured)

    def figure(self, name: str, column: str) -> float:
        """Return the median of a figure over the rounds."""
        return float(median(getattr(measured, column) for measured in self.rounds[name]))

    def bounds(self) -> Iterator[tuple[str, float, float]]:
        """Yield each bound: what it is, what was measured, the most allowed."""
        yield "GraphQL page of cases, CPU µs", self.figure(GRAPHQL, "cpu_us"), PAGE_CPU_US
        yield "worker after a page, RSS MB", self.memory.rss, WORKER_RSS_MB
        yield "the API's limits, % of that page", share(self.limits_us), LIMITS_PERCENT
        yield "heavy packages imported", len(self.heavy_modules), 0
        for name in (SAVE_PAGE, SAVE_GRAPHQL):
            yield f"{name}, p99 ms", self.figure(name, "p99_ms"), AUTOSAVE_P99_MS

    def missed(self) -> list[str]:
        """Return the bounds that were missed."""
        return [what for what, measured, most in self.bounds() if measured > most]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield self.conditions
        yield f"{'':<46}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'bytes':>9}{'RSS MB':>9}"
        for name in self.rounds:
            figures = (self.figure(name, column) for column in ("rate", "p50_ms", "p99_ms", "cpu_us"))
            rate, p50, p99, cpu = figures
            size, rss = self.sizes.get(name, ""), f"{self.rss_mb[name]:.0f}" if name in self.rss_mb else ""
            yield f"{name:<46}{rate:>9.1f}{p50:>9.2f}{p99:>9.2f}{cpu:>9.0f}{size:>9}{rss:>9}"
        for name, why in self.lacking.items():
            yield f"{name:<46} NOT MEASURED: {why}"
        yield f"cold start to first page: {median(self.cold_starts_s):.2f} s"
        yield f"worker after a page: RSS {self.memory.rss:.0f} MB, PSS {self.memory.pss:.0f} MB"
        yield f"heavy packages in the web process: {', '.join(self.heavy_modules) or 'none'}"
        for what, measured, most in self.bounds():
            verdict = "kept" if measured <= most else "MISSED"
            yield f"{verdict:<7} {what}: {measured:.1f} (at most {most:.0f})"

    def document(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self) | {"missed": self.missed()}


def share(limits_us: tuple[float, float]) -> float:
    """Return by how many per cent limits make a request dearer."""
    with_them, without = limits_us
    return 100 * (with_them / without - 1) if without else 0.0


LIBRARY = "library page"
GRAPHQL = "GraphQL, 50 cases × 4 annotations"
SAVE_PAGE = "autosave by the page, 100 students"
SAVE_GRAPHQL = "autosave by saveAnswer, 100 participants"
