"""How long an opinion on a prediction takes to be stored, asked by GraphQL, in process.

`python -m tests.bench.feedback` measures in a process of its own, on a fresh SQLite file.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson

from tests.bench.servers import ROOT

OPINIONS = 400
WARM = 20
MOST_P99_MS = 50.0
DOCUMENT = """mutation($input: SubmitFeedbackInput!) { submitFeedback(input: $input) {
  __typename ... on Feedback { id number } ... on ValidationErrors { code } } }"""


@dataclass(frozen=True)
class Report:
    """What was measured by the clock: a commit waits for the disk."""

    p50_ms: float
    p99_ms: float

    def lines(self) -> Iterator[str]:
        """Yield the line of the table."""
        verdict = "MISSED" if self.missed() else "kept"
        yield (
            f"{verdict:<7} an opinion on a prediction stored: p50 {self.p50_ms:.1f} ms, "
            f"p99 {self.p99_ms:.1f} ms (at most {MOST_P99_MS:g})"
        )

    def missed(self) -> bool:
        """Return whether it took too long."""
        return self.p99_ms > MOST_P99_MS


def measure() -> Report:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.feedback"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"feedback failed:\n{done.stdout}{done.stderr}")
    return Report(**json.loads(done.stdout.splitlines()[-1]))


def _main() -> None:
    from schema.models.accounts import Account  # noqa: PLC0415 - in the fresh process only
    from schema.models.predictions import Prediction  # noqa: PLC0415 - the same
    from schema.policy import ROLE_SCOPES, Role  # noqa: PLC0415 - the same
    from schema.services.clock import now  # noqa: PLC0415 - the same
    from schema.services.tokens import Tokens  # noqa: PLC0415 - the same
    from schema.types.base import global_id  # noqa: PLC0415 - the same
    from server.app import close_services, create_app  # noqa: PLC0415 - the same
    from server.migrations import migrate  # noqa: PLC0415 - the same
    from server.settings import load_settings  # noqa: PLC0415 - the same
    from server.stack import with_room  # noqa: PLC0415 - the same
    from tests.bench.limits import ask  # noqa: PLC0415 - the same

    with tempfile.TemporaryDirectory(prefix="chevet-bench-") as folder:
        settings = load_settings(None, data_dir=Path(folder), public_url="https://bench.example")
        migrate(settings)
        app = create_app(settings)
        database = app.site.services.database
        with database.write() as session:
            account = Account(display_name="Banc", role=Role.CLINICIAN.value, created_at=now())
            session.add(account)
            session.flush()
            made = Tokens(session, now, None).create(account.id or 0, "Banc", ROLE_SCOPES[Role.CLINICIAN])
            rows = [
                Prediction(
                    family="triage",
                    visit={"values": {"age": 54.0}, "complaint": "", "answers": {}, "chosen": None},
                    asked_by=account.id or 0,
                    alias="champion",
                    input_sha256="0" * 64,
                    ml_available=False,
                    latency_ms=1,
                    level="3B",
                    created_at=now(),
                )
                for _ in range(OPINIONS)
            ]
            session.add_all(rows)
            session.flush()
            keys = [global_id("TriagePrediction", row.id or 0) for row in rows]
        reason = "Sueurs et douleur irradiant au bras gauche, vue en salle d'accueil."

        async def measured() -> list[float]:
            taken = []
            for key in keys:
                given = {"predictionId": key, "type": "UPGRADE", "correctedLevel": "TRI_2", "reason": reason}
                body = orjson.dumps({"query": DOCUMENT, "variables": {"input": given}})
                started = time.perf_counter()
                answer = orjson.loads(await ask(app, body, made.secret))
                taken.append(1000 * (time.perf_counter() - started))
                if answer["data"]["submitFeedback"]["__typename"] != "Feedback":
                    raise RuntimeError(str(answer))
            return taken

        try:
            taken = with_room(lambda: asyncio.run(measured()))
        finally:
            close_services(app.site.services)
    p50, p99 = np.percentile(taken[WARM:], [50, 99])
    print(json.dumps(asdict(Report(float(p50), float(p99)))))


if __name__ == "__main__":
    _main()
