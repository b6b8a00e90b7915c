"""`digitise`: a picture of a printed ECG to a signal; `evaluate digitise`: how well."""

import argparse
import sys
from pathlib import Path

from ml.commands.figures import finish, show
from ml.ecg.decoded import DecodeError
from ml.ecg.digitising.digitise import RATE_HZ, digitise
from ml.ecg.digitising.digitised import DigitisingError, Paper
from ml.ecg.digitising.evaluation import evaluate as measure
from ml.ecg.digitising.evaluation import judged_on
from ml.ecg.digitising.layouts import CABRERA
from ml.ecg.digitising.overlay import overlay
from ml.ecg.readers import kept, read
from ml.ecg.signal import STANDARD_LEADS, Signal


def run(options: argparse.Namespace) -> int:
    """Write the kept form of the signal and the picture with its traces; 1 where it is refused."""
    try:
        pages = read(options.image)
        if options.page > len(pages):
            print(f"{options.image}: has {len(pages)} pages", file=sys.stderr)
            return 1
        picture = pages[options.page - 1].content
        if isinstance(picture, Signal):
            print(f"{options.image}: holds voltages, not a picture", file=sys.stderr)
            return 1
        order = CABRERA if options.cabrera else STANDARD_LEADS
        found = digitise(
            picture, Paper(options.layout, order, speed_mm_s=options.speed, gain_mm_mv=options.gain)
        )
    except DecodeError as error:
        print(f"{options.image}: {error.code.value}", file=sys.stderr)
        return 1
    except DigitisingError as error:
        print(f"{options.image}: {error.reason.value}", file=sys.stderr)
        return 1
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    (output / "signal.dcm").write_bytes(kept.write(found.signal, derived=True))
    overlay(picture, found).save(output / "overlay.png")
    print(
        f"{found.layout}, {found.grid.pixels_per_mm:.2f} pixels a mm, turned by {found.grid.angle_deg:.2f}°"
    )
    for trace in found.traces:
        seen = trace.quality
        where = f"{trace.lead:<5}from {trace.start_s:4.1f} s, {len(trace.millivolts) / RATE_HZ:4.1f} s"
        shares = f"ambiguous {seen.ambiguous:.0%}, off the paper {seen.off_paper:.0%}"
        print(f"  {where}: followed {seen.followed:.0%}, {shares}")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures; 1 where there is no record or, with `--require`, an aim is missed."""
    records = judged_on(options.data, options.every)
    if not records:
        print(f"{options.data}: no numbered record", file=sys.stderr)
        return 1
    report = measure(records, lambda page: show(f"record {page}"))
    return finish(report.text(), report.figures(), report.faults(), options)
