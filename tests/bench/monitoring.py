"""How long statistics take over a million stored predictions, on SQLite and on PostgreSQL, asked by GraphQL.

`python -m tests.bench.monitoring sqlite|postgresql` measures in a process of its own. Half of the predictions
are of one day, the others of the year before it, of three versions; every fiftieth has an opinion. Days are
made by the product's own recount, and what is then told is held against a full scan in the database's words.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from tests.bench.servers import ROOT

if TYPE_CHECKING:
    from schema.database import Database
    from server.app import Application

PREDICTIONS = 1_000_000
DAYS = 366
ROUNDS = 9
MOST_MS = {"sqlite": 1_000.0, "postgresql": 300.0}
FIGURES = """count answeredCount successRate latencyP50Ms latencyP95Ms confidence classes { name count }
  quality { name count } problems { name count } slices { name count meanConfidence }
  errorRate { total errors share }"""
STATISTICS = f"""query($days: Int!) {{ monitoring(family: TRIAGE) {{ daily {{ figures {{ {FIGURES} }} }}
  summary(days: $days) {{ figures {{ {FIGURES} }} }}
  trends(days: 366) {{ day figures {{ count answeredCount latencyP50Ms latencyP95Ms
    errorRate {{ total errors }} }} }} }} }}"""
DRIFT = """query($days: Int!) { monitoring(family: TRIAGE) { drift(days: $days) { state rowCount drifted
  features { feature psi drifted } errorChanges { found } } } }"""
_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :most)",
    "postgresql": "WITH numbers AS (SELECT generate_series(1, :most) AS n)",
}
_QUICKER = {
    "sqlite": ("PRAGMA journal_mode = off", "PRAGMA synchronous = off", "PRAGMA foreign_keys = off"),
    "postgresql": ("SET session_replication_role = replica",),
}
"""What a fill of our own making needs no protection by."""
_AT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', :last, '-' || {seconds} || ' seconds') || '000'",
    "postgresql": "CAST(:last AS timestamptz) - make_interval(secs => {seconds})",
}
_SECONDS = """(CASE WHEN n <= :most / 2 THEN 86400 + (:most / 2 - n) * CAST(31536000 AS bigint) / (:most / 2)
  ELSE (:most - n) * CAST(60000 AS bigint) / (:most / 2) END)"""
"""Before the last moment: a year for the first half, hours for the second."""
_JSON = {"sqlite": "{}", "postgresql": "CAST({} AS json)"}


@dataclass(frozen=True)
class Report:
    """By database and by the clock: statistics of a year (on one core too), drift first asked, recount."""

    statistics_ms: dict[str, float]
    core_ms: dict[str, float]
    drift_ms: dict[str, float]
    recount_s: dict[str, float]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        for name, taken in self.statistics_ms.items():
            verdict = "kept" if taken <= MOST_MS[name] else "MISSED"
            yield (
                f"{verdict:<7} statistics of a year over {PREDICTIONS:,} predictions on {name}: "
                f"{taken:.0f} ms (at most {MOST_MS[name]:g}), {self.core_ms[name]:.0f} ms of one "
                f"core; drift {self.drift_ms[name]:.0f} ms, "
                f"recount {self.recount_s[name]:.0f} s"
            )

    def missed(self) -> bool:
        """Return whether statistics took too long on either."""
        return any(taken > MOST_MS[name] for name, taken in self.statistics_ms.items())


def measure() -> Report:
    """Measure in fresh processes."""
    found = {}
    for name in MOST_MS:
        command = [sys.executable, "-m", "tests.bench.monitoring", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"statistics on {name} failed:\n{done.stdout}{done.stderr}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    columns = ("statistics_ms", "core_ms", "drift_ms", "recount_s")
    return Report(*({name: each[column] for name, each in found.items()} for column in columns))


def fill(  # noqa: PLR0917 - what the rows are made of
    database: "Database",
    versions: list[int],
    cells: list[int],
    asked_by: int,
    last: datetime,
    most: int,
) -> None:
    """Store predictions and opinions, in the database's own words, which is quick."""
    dialect = "sqlite" if database.is_sqlite else "postgresql"
    at, json_of = _AT[dialect].format(seconds=_SECONDS), _JSON[dialect].format
    watched = " || ',' || ".join(f"n % {each}" for each in cells)
    slices = 'CASE WHEN n % 3 = 0 THEN \'["sex:F","age:18"]\' ELSE \'["sex:M","age:65"]\' END'
    version = " ".join(f"WHEN {place} THEN {key}" for place, key in enumerate(versions))
    true, false = ("1", "0") if database.is_sqlite else ("true", "false")
    predictions = f"""INSERT INTO prediction (family, asked_by, version_id, alias, input_sha256, ml_available,
      ml_error, latency_ms, quality, quality_reasons, counts, level, confidence, slices, watched, created_at)
      {_NUMBERS[dialect]} SELECT 'triage', {asked_by}, CASE n % {len(versions)} {version} END, 'champion',
      'sha', CASE WHEN n % 50 = 0 THEN {false} ELSE {true} END,
      CASE WHEN n % 50 = 0 THEN 'loading' END, 5 + n % 97, CASE WHEN n % 9 = 0 THEN 'low' ELSE 'high' END,
      {json_of("'[]'")}, {json_of("'{}'")}, CASE n % 3 WHEN 0 THEN '2' WHEN 1 THEN '3A' ELSE '4' END,
      CASE WHEN n % 50 > 0 THEN (n % 1000) / 1000.0 END,
      {json_of(slices)}, {json_of(f"'[' || {watched} || ']'")}, {at} FROM numbers"""  # noqa: S608 - our own words
    nothing = json_of("'[]'")
    opinions = f"""INSERT INTO feedback (prediction_id, family, version_id, reader, target, number, current,
      type, reason, missed_findings, missed_symptoms, created_at)
      SELECT id, family, version_id, 'reader ' || id % 40, 0, 1, {true},
      CASE WHEN id % 350 = 0 THEN 'disagree' ELSE 'correct' END, '', {nothing}, {nothing}, created_at
      FROM prediction WHERE id % 50 = 0"""  # noqa: S608 - the same
    statements = (*_QUICKER[dialect], predictions, opinions, "ANALYZE")
    database.dispose()  # of connections that would keep SQLite's journal as it is
    if database.is_sqlite:
        given: dict[str, Any] = {"most": most, "last": last.strftime("%Y-%m-%d %H:%M:%S")}
        with closing(sqlite3.connect(database.engine.url.database or "", isolation_level=None)) as file:
            for each in statements:
                file.execute(each, given if ":most" in each else {})
        return
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for each in statements:
            connection.execute(text(each), {"most": most, "last": last} if ":most" in each else {})


def checked(database: "Database", told: Any) -> None:
    """Hold what was told against a full scan.

    Raises
    ------
    RuntimeError
        When they differ.
    """
    day = "date(created_at)" if database.is_sqlite else "CAST(timezone('UTC', created_at) AS date)"
    sums = "count(*), sum(CASE WHEN ml_available THEN 1 ELSE 0 END)"
    named = "SELECT {0}, count(*) FROM prediction WHERE {0} IS NOT NULL GROUP BY {0} ORDER BY {0}"
    middle = "SELECT latency_ms FROM prediction ORDER BY latency_ms LIMIT 1 OFFSET :rank"
    scan = f"SELECT {day} AS day, {sums} FROM prediction GROUP BY day"  # noqa: S608 - our own words
    with database.read() as session:
        days = {str(row[0]): (row[1], row[2]) for row in session.execute(text(scan))}
        classes, quality, problems = (
            [{"name": name, "count": count} for name, count in session.execute(text(named.format(column)))]
            for column in ("level", "quality", "ml_error")
        )
        total, answered = (sum(each[place] for each in days.values()) for place in (0, 1))
        ranked = {
            name: session.execute(text(middle), {"rank": int(share * (total - 1))}).scalar_one()
            for name, share in (("latencyP50Ms", 0.5), ("latencyP95Ms", 0.95))
        }
        opinions = session.execute(text("SELECT count(*) FROM feedback WHERE current")).scalar_one()
    summary = told["summary"]["figures"]
    trends = {
        each["day"]: (each["figures"]["count"], each["figures"]["answeredCount"])
        for each in told["trends"]
        if each["figures"]["count"]
    }
    same = {
        "days": trends == days,
        "count": (summary["count"], summary["answeredCount"]) == (total, answered),
        "names": (summary["classes"], summary["quality"], summary["problems"])
        == (classes, quality, problems),
        "latency": all(abs(summary[name] - exact) <= 0.01 * exact for name, exact in ranked.items()),
        "opinions": summary["errorRate"]["total"] == opinions,
        "slices": sum(each["count"] for each in summary["slices"]) == 2 * answered,
    }
    if not all(same.values()):
        raise RuntimeError(f"statistics are not those of a full scan: {same}")


def _main(name: str, most: int) -> None:
    from tests.support.postgres import cluster  # noqa: PLC0415 - in the fresh process only

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chevet-bench-")))
        url = f"sqlite:///{folder}/chevet.db"
        if name == "postgresql":
            server = stack.enter_context(cluster())
            url = server.url(server.create())
        print(json.dumps(_measured(folder, url, most)))


def _measured(folder: Path, url: str, most: int) -> dict[str, float]:
    from ml.monitoring.reference import Reference, Row  # noqa: PLC0415 - in the fresh process only
    from schema.models.accounts import Account  # noqa: PLC0415 - the same
    from schema.models.models import Deployment, Model, ModelVersion  # noqa: PLC0415 - the same
    from schema.policy import ROLE_SCOPES, Role  # noqa: PLC0415 - the same
    from schema.services.clock import now  # noqa: PLC0415 - the same
    from schema.services.jobs import run_due  # noqa: PLC0415 - the same
    from schema.services.recounting import RECOUNT_JOB, Recount, wake_recount  # noqa: PLC0415 - the same
    from schema.services.tokens import Tokens  # noqa: PLC0415 - the same
    from server.app import close_services, create_app  # noqa: PLC0415 - the same
    from server.migrations import migrate  # noqa: PLC0415 - the same
    from server.settings import load_settings  # noqa: PLC0415 - the same
    from server.stack import with_room  # noqa: PLC0415 - the same

    settings = load_settings(
        None, data_dir=folder, database_url=url, public_url="https://bench.example", secret="bench" * 8
    )
    migrate(settings)
    app = create_app(settings)
    database = app.site.services.database
    rows: list[Row] = [{"a": float(n % 12), "b": float(n % 7), "c": "xy"[n % 2]} for n in range(1_000)]
    reference = Reference.of(rows, ("a", "b"), ("c",))
    with database.write() as session:
        account = Account(display_name="Banc", role=Role.ANALYST.value, created_at=now())
        model = Model(family="triage", created_at=now())
        session.add_all([account, model])
        session.flush()
        made = Tokens(session, now, None).create(account.id or 0, "Banc", ROLE_SCOPES[Role.ANALYST])
        versions = [
            ModelVersion(
                model_id=model.id or 0,
                number=number,
                digest=f"{number:064}",
                reference=reference.to_bytes().decode(),
                created_at=now(),
            )
            for number in (1, 2, 3)
        ]
        session.add_all(versions)
        session.flush()
        keys = [each.id or 0 for each in versions]
        session.add(
            Deployment(model_id=model.id or 0, alias="champion", version_id=keys[2], changed_at=now())
        )
    today = now().astimezone(UTC).replace(hour=23, minute=59, second=59, microsecond=0)
    began = time.perf_counter()
    fill(database, keys, [each.cells for each in reference.features], account.id or 0, today, most)
    print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
    counting = Recount(database)
    with database.write() as session:
        wake_recount(session, now)
    began = time.perf_counter()
    run_due(database, {RECOUNT_JOB: counting.work}, now, 1)
    recount_s = time.perf_counter() - began
    if counting.last is None or counting.last.predictions != most:
        raise RuntimeError(f"the recount found {counting.last}")
    try:
        measured, told = with_room(lambda: asyncio.run(_asked(app, made.secret)))
        checked(database, told)
    finally:
        close_services(app.site.services)
    return measured | {"recount_s": recount_s}


async def _asked(app: "Application", token: str) -> tuple[dict[str, float], Any]:
    """Return the milliseconds of statistics and of drift, and the statistics."""
    from tests.bench.limits import ask  # noqa: PLC0415 - in the fresh process only

    async def timed(query: str) -> tuple[float, float, Any]:
        body = orjson.dumps({"query": query, "variables": {"days": DAYS}})
        began, used = time.perf_counter(), time.process_time()
        answer = orjson.loads(await ask(app, body, token))
        taken, used = time.perf_counter() - began, time.process_time() - used
        if answer.get("errors"):
            raise RuntimeError(str(answer["errors"]))
        return 1000 * taken, 1000 * used, answer["data"]["monitoring"]

    asked = [await timed(STATISTICS) for _ in range(ROUNDS)]
    drifted, _, _ = await timed(DRIFT)
    measured = {
        "statistics_ms": median(taken for taken, _, _ in asked),
        "core_ms": median(used for _, used, _ in asked),
        "drift_ms": drifted,
    }
    return measured, asked[-1][2]


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else PREDICTIONS)
