"""How every `evaluate` and `train` ends, and how a command shows how far it is."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ml.registry.store import StoreError


def finish(text: str, figures: Mapping[str, Any], faults: Sequence[str], options: argparse.Namespace) -> int:
    """Print the figures and write them where `--json` says; with `--require`, 1 where an aim is missed.

    Parameters
    ----------
    text : str
        The figures as a person reads them.
    figures : mapping
        The same for JSON.
    faults : sequence of str
        Which aims are missed, one line each.
    options : argparse.Namespace
        With `json` and `require`.
    """
    print(text)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if not options.require:
        return 0
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def show(what: str) -> None:
    """Show on a terminal what is being measured."""
    if sys.stderr.isatty():
        print(f"\r{what} ", end="", file=sys.stderr, flush=True)


def logged(folder: Path, log: Callable[[], str]) -> str:
    """Log what was trained into a folder, and return the command that registers it.

    A store that does not answer is told of, and is no reason to lose a training.
    """
    register = f"python -m ml registry register {folder} --alias challenger"
    try:
        with redirect_stdout(sys.stderr):  # MLflow prints links
            return f"{register} --run-id {log()}"
    except StoreError as error:
        print(f"MLflow: {error}", file=sys.stderr)
        return register
