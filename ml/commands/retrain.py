"""`retrain`: a new challenger, from a model's first data and from what readers said since."""

import argparse
import json
import os
import sys
import tempfile
import threading
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

from ml.commands.figures import show
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore
from ml.retraining import Order, RetrainingError, retrain


def run(options: argparse.Namespace) -> int:
    """Train, judge and register; with `--json`, a line for each step, and no longer than whoever asked."""
    if options.data is None:
        raise RetrainingError("no data: give --data, or CHEVET_TRAINING_DATA")
    home = Home.of_environment(os.environ, options.home)
    os.environ |= {name: value for name, value in home.environment().items() if value}
    if options.json:
        threading.Thread(target=_end_with_input, daemon=True).start()
    output = sys.stdout

    def tell(fraction: float) -> None:
        if options.json:
            print(json.dumps({"progress": round(fraction, 3)}), file=output, flush=True)
        else:
            show(f"{fraction:.0%}")

    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        order = Order(
            options.family,
            options.data,
            feedback_file(options, home, options.family),
            options.min_feedback,
            folder,
            options.run_name,
        )
        stack.enter_context(redirect_stdout(sys.stderr))  # MLflow prints links
        try:
            version = retrain(order, home, MlflowStore(home), tell)
        except OSError as error:
            if not options.json:
                raise
            print(json.dumps({"error": str(error)}), file=output, flush=True)
            return 2
    made = {"family": version.family, "version": version.version, "digest": version.digest}
    print(json.dumps({**made, "alias": "challenger", "run": version.run}, indent=None if options.json else 2))
    return 0


def feedback_file(options: argparse.Namespace, home: Home, family: str) -> Path | None:
    """Return the file of what readers said: the one given, else that of the data folder if it has one."""
    if options.no_feedback:
        return None
    if options.feedback is not None:
        return Path(options.feedback)
    kept = home.feedback(family)
    return kept if kept.exists() else None


def _end_with_input() -> None:
    """End once standard input does: whoever asked has died, and somebody else will ask again."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(3)
