"""`evaluate monitoring`."""

import argparse
from dataclasses import asdict

from ml.commands.figures import finish, show
from ml.monitoring.simulating import measure


def evaluate(options: argparse.Namespace) -> int:
    """Measure how often alarms and forecasts are wrong; with `--require`, 1 where it is too often."""
    found = list(measure(options.runs, tell=show))
    lines = [f"{each.value:8.4f}  {each.low:.3f} to {each.high:.3f}  {each.name}" for each in found]
    figures = {each.name: asdict(each) for each in found}
    faults = [f"{each.name}: {each.value:.4f}" for each in found if each.missed]
    return finish("\n".join(lines), figures, faults, options)
