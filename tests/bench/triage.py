"""How fast a visit is triaged, in process and on one core: rules, model and explanation; and a batch of many.

`python -m tests.bench.triage` measures in a process of its own, with the model that comes with the program.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tests.bench.servers import ROOT

VISITS = 500
BATCH = 10_000
MOST_P99_MS = 60.0
MOST_BATCH_S = 10.0


@dataclass(frozen=True)
class Report:
    """What was measured of the processor; `clock_p99_ms` is what others that kept it busy made of it."""

    p50_ms: float
    p99_ms: float
    clock_p99_ms: float
    batch_s: float
    load_s: float

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        verdict = "MISSED" if self.p99_ms > MOST_P99_MS else "kept"
        yield (
            f"{verdict:<7} a visit triaged by rules and model, with its reasons: "
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms of one core (at most {MOST_P99_MS:g}), "
            f"p99 {self.clock_p99_ms:.1f} ms by the clock"
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
    taken, clock = [], []
    for visit in visits:
        started, begun = time.perf_counter(), time.process_time()
        predictor.predict(visit)
        taken.append(1000 * (time.process_time() - begun))
        clock.append(1000 * (time.perf_counter() - started))
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
    report = Report(p50, p99, float(np.percentile(clock, 99)), batch_s, load_s)
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    _main()
