"""`compare`: whether a challenger may take the champion's place, by held-out data."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ml.judging.verdict import Verdict
from ml.registry.helper import error_of
from ml.registry.home import Home
from ml.registry.named import named

HELD_OUT = {"beats": "beats", "triage": "triage.csv", "segmentation": "segmentation"}
"""Where the held-out data of each family lie in `CHEVET_HELD_OUT`."""

Compare = Callable[..., Verdict]


def compare(options: argparse.Namespace) -> int:
    """Print the verdict; with `--require`, 1 where the challenger may not be promoted."""
    try:
        with redirect_stdout(sys.stderr):  # MLflow prints links
            verdict = _verdict(options)
    except OSError as error:
        if not options.json_only:
            raise
        print(json.dumps(error_of(error)))
        return 2
    document = verdict.document()
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document) if options.json_only else verdict.text())
    return 0 if verdict.passed or not options.require else 1


def _verdict(options: argparse.Namespace) -> Verdict:
    champion, challenger = (named(options.family, each) for each in (options.champion, options.challenger))
    data = options.data or _held_out(options.family)
    if data is None or not data.exists():
        return Verdict(options.family, champion.digest, challenger.digest, "no_data")
    module: Any = importlib.import_module(f"ml.{options.family}.comparing")
    judged: Compare = module.compare
    return judged(champion, challenger, data, assume=options.assume_unseen)


def _held_out(family: str) -> Path | None:
    folder = Home.of_environment(os.environ).held_out
    return None if folder is None else folder / HELD_OUT[family]
