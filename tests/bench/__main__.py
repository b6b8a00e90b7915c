"""`make bench`: how fast Chevet answers, beside the least Strawberry can do and what people usually write."""

import argparse
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import orjson

from tests.bench.beats import measure as beats_alone
from tests.bench.measuring import FULL, QUICK, limits_alone, measure, overload_alone
from tests.bench.overload import MOST_SLOWER
from tests.bench.report import LIMITS_PERCENT, share
from tests.bench.servers import ROOT, Cores

SAVERS = 30
"""Of each kind."""
QUICK_S, FULL_S = 5.0, 30.0
"""Of each stretch of an overload."""
KEPT = ROOT / "build" / "bench.json"


def main() -> int:
    """Measure, print, keep, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about half a minute, for a first look")
    parser.add_argument("--require", action="store_true", help="exit with 1 when a bound is missed")
    parser.add_argument("--limits", action="store_true", help="measure only what the API's limits cost")
    parser.add_argument("--beats", action="store_true", help="measure only the classifier of beats")
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
        beats = beats_alone(Path(folder)) if options.beats or not options.quick else None
        if beats is not None:
            print("\n".join(beats.lines()))
        if options.beats:
            return 1 if options.require and beats is not None and beats.missed() else 0
        measured = measure(Path(folder), QUICK if options.quick else FULL, cores)
    print("\n".join(measured.lines()))
    KEPT.parent.mkdir(exist_ok=True)
    document = measured.document() | ({"beats": asdict(beats)} if beats else {})
    KEPT.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    return 1 if options.require and (measured.missed() or (beats and beats.missed())) else 0


if __name__ == "__main__":
    sys.exit(main())
