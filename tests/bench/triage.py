"""How fast a visit is triaged in process: rules, model, explanation, storage; and many at once on one core.

`python -m tests.bench.triage` measures in a process of its own, with the model that comes with the program.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from sqlmodel import SQLModel

import schema.models
from ml.language.masking import Masker
from ml.language.ontology import load_ontology
from ml.triage.features import Visit
from ml.triage.predicting import TriagePredictor
from schema.database import Database
from schema.models.accounts import Account
from schema.models.models import ModelAlias
from schema.policy import Actor, Role
from schema.services.clock import now
from schema.services.predictions import Predictions
from schema.services.routing import Routed
from schema.services.triage import SentVisit, TriageOutcome, read_visit
from tests.bench.servers import ROOT

assert schema.models.__all__, "importing it makes the metadata whole"

VISITS = 500
BATCH = 10_000
MOST_P99_MS = 60.0
MOST_BATCH_S = 10.0


@dataclass(frozen=True)
class Report:
    """What was measured of the processor; by the clock the disk counts too, and whoever keeps it busy."""

    p50_ms: float
    p99_ms: float
    clock_p50_ms: float
    clock_p99_ms: float
    batch_s: float
    load_s: float

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        verdict = "MISSED" if self.p99_ms > MOST_P99_MS else "kept"
        yield (
            f"{verdict:<7} a visit triaged by rules and model, with its reasons, and stored: "
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms of one core (at most {MOST_P99_MS:g}); "
            f"by the clock p50 {self.clock_p50_ms:.1f}, p99 {self.clock_p99_ms:.1f} ms"
        )
        verdict = "MISSED" if self.batch_s > MOST_BATCH_S else "kept"
        yield f"{verdict:<7} {BATCH:,} visits: {self.batch_s:.1f} s of one core (at most {MOST_BATCH_S:g})"
        yield f"        loaded, verified and warm in {self.load_s:.1f} s"

    def missed(self) -> bool:
        """Return whether either took too long."""
        return self.p99_ms > MOST_P99_MS or self.batch_s > MOST_BATCH_S


def measure() -> Report:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.triage"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"triage failed:\n{done.stdout}{done.stderr}")
    return Report(**json.loads(done.stdout))


def _main() -> None:
    begun = time.process_time()
    from ml.registry.shipped import shipped  # noqa: PLC0415 - in the fresh process only
    from ml.triage import dataset  # noqa: PLC0415 - the same
    from ml.triage.predicting import load  # noqa: PLC0415 - the same
    from tests.support.triage import written  # noqa: PLC0415 - the same

    artefact = shipped("triage")
    if artefact is None:
        raise RuntimeError("no model of triage comes with the program")
    predictor = load(artefact)
    predictor.warm_up()
    predictor.verify_examples()
    load_s = time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder:
        made = dataset.load(written(Path(folder), VISITS)).visits
    # No text twice, so that none is remembered.
    visits = [replace(each, complaint=f"{each.complaint}, {at} h") for at, each in enumerate(made)]
    taken, clock = _asked_and_stored(predictor, visits)
    many = [
        replace(each, complaint=f"{each.complaint}, {round_} d")
        for round_ in range(BATCH // VISITS)
        for each in visits
    ]
    begun = time.process_time()
    answered = sum(1 for _ in predictor.predict_many(many))
    batch_s = time.process_time() - begun
    if answered != BATCH:
        raise RuntimeError(f"{answered} answers")
    p50, p99 = np.percentile(taken, [50, 99])
    clock_p50, clock_p99 = np.percentile(clock, [50, 99])
    report = Report(p50, p99, clock_p50, clock_p99, batch_s, load_s)
    print(json.dumps(asdict(report)))


def _asked_and_stored(predictor: TriagePredictor, visits: Sequence[Visit]) -> tuple[list[float], list[float]]:
    """Do what `predictTriage` does, on a new database; return each one's ms of processor and clock."""
    ontology = load_ontology()
    masker = Masker(name for each in ontology.concepts for name in (*each.names("fr"), *each.names("en")))
    taken, clock = [], []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/chevet.sqlite")
        SQLModel.metadata.create_all(database.engine)
        with database.write() as session:
            account = Account(
                email="a@example.org", display_name="A", role=Role.CLINICIAN.value, created_at=now()
            )
            session.add(account)
            session.flush()
            actor = Actor(account.id or 0, Role.CLINICIAN)
        for visit in visits:
            values: dict[str, object] = {**visit.values, "sexe": "FM"[round(visit.values["sexe"])]}
            sent = SentVisit(values, visit.complaint, None, [])
            started, begun = time.perf_counter(), time.process_time()
            asked = read_visit(sent, masker)
            outcome = TriageOutcome(0, predictor.predict(asked.visit, asked.chosen))
            with database.write() as session:
                Predictions(session, actor, now).keep_visit(asked, Routed(ModelAlias.CHAMPION, outcome))
            taken.append(1000 * (time.process_time() - begun))
            clock.append(1000 * (time.perf_counter() - started))
    return taken, clock


if __name__ == "__main__":
    _main()
