"""`make bench`: how fast Chevet answers, beside the least Strawberry can do and what people usually write."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import orjson

from tests.bench.beats import Report as BeatsReport
from tests.bench.beats import measure as beats_alone
from tests.bench.feedback import Report as FeedbackReport
from tests.bench.feedback import measure as feedback_alone
from tests.bench.measuring import FULL, QUICK, limits_alone, measure, overload_alone
from tests.bench.monitoring import Report as MonitoringReport
from tests.bench.monitoring import measure as monitoring_alone
from tests.bench.overload import MOST_SLOWER
from tests.bench.panel import Report as PanelReport
from tests.bench.panel import measure as panel_alone
from tests.bench.report import LIMITS_PERCENT, share
from tests.bench.rollback import Report as RollbackReport
from tests.bench.rollback import measure as rollback_alone
from tests.bench.segmentation import Report as SegmentationReport
from tests.bench.segmentation import measure as segmentation_alone
from tests.bench.servers import ROOT, Cores
from tests.bench.triage import Report as TriageReport
from tests.bench.triage import measure as triage_alone

SAVERS = 30
"""Of each kind."""
QUICK_S, FULL_S = 5.0, 30.0
"""Of each stretch of an overload."""
AloneReport: TypeAlias = (
    BeatsReport
    | PanelReport
    | TriageReport
    | FeedbackReport
    | RollbackReport
    | SegmentationReport
    | MonitoringReport
)
KEPT = ROOT / "build" / "bench.json"


def main() -> int:
    """Measure, print, keep, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about half a minute, for a first look")
    parser.add_argument("--require", action="store_true", help="exit with 1 when a bound is missed")
    parser.add_argument("--limits", action="store_true", help="measure only what the API's limits cost")
    parser.add_argument("--beats", action="store_true", help="measure only the classifier of beats")
    parser.add_argument("--panel", action="store_true", help="measure only the page's panel of beats")
    parser.add_argument("--triage", action="store_true", help="measure only the triage of visits")
    parser.add_argument("--feedback", action="store_true", help="measure only the storing of opinions")
    parser.add_argument("--rollback", action="store_true", help="measure only how long a rollback takes")
    parser.add_argument("--segmentation", action="store_true", help="measure only the reading of label maps")
    parser.add_argument(
        "--monitoring", action="store_true", help="measure only statistics over a million predictions"
    )
    parser.add_argument("--overload", action="store_true", help="measure only what three times too much does")
    options = parser.parse_args()
    cores = Cores.available()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="chevet-bench-") as folder:
        if options.limits:
            found = limits_alone(Path(folder))
            print(f"µs a request with limits {found[0]:.0f}, without {found[1]:.0f}: {share(found):+.1f} %")
            return 1 if options.require and share(found) > LIMITS_PERCENT else 0
        if options.overload:
            overloaded, _savers = overload_alone(Path(folder), SAVERS, QUICK_S if options.quick else FULL_S)
            print("\n".join(overloaded.lines()))
            return 1 if options.require and overloaded.slower > MOST_SLOWER else 0
        ways: dict[str, Callable[[], AloneReport]] = {
            "beats": lambda: beats_alone(Path(folder)),
            "panel": panel_alone,
            "triage": triage_alone,
            "feedback": feedback_alone,
            "rollback": lambda: rollback_alone(Path(folder) / "rollback"),
            "segmentation": segmentation_alone,
            "monitoring": monitoring_alone,
        }
        only = {name for name in ways if getattr(options, name)}
        chosen = only or (set() if options.quick else set(ways))
        models = {name: measured_alone() for name, measured_alone in ways.items() if name in chosen}
        for report in models.values():
            print("\n".join(report.lines()))
        slow = any(report.missed() for report in models.values())
        if only:
            return 1 if options.require and slow else 0
        measured = measure(Path(folder), QUICK if options.quick else FULL, cores)
    print("\n".join(measured.lines()))
    KEPT.parent.mkdir(exist_ok=True)
    document = measured.document() | {name: asdict(report) for name, report in models.items()}
    KEPT.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    return 1 if options.require and (measured.missed() or slow) else 0


if __name__ == "__main__":
    sys.exit(main())
