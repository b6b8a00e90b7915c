"""`python -m ml COMMAND`: fetch data, train models, let them answer, and measure what they can do."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from ml.arguments.beats import add_beats
from ml.arguments.common import models
from ml.arguments.language import add_language
from ml.arguments.monitoring import add_monitoring
from ml.arguments.recordings import add_download, add_recordings
from ml.arguments.registry import add_registry
from ml.arguments.segmentation import add_segmentation
from ml.arguments.triage import add_triage


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; each names the function that runs it, imported only then."""
    top = argparse.ArgumentParser(prog="python -m ml", description="Chevet: the models by themselves")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    add_download(commands)
    evaluate = models(commands, "evaluate", "measure a model on data")
    add_language(evaluate)
    add_recordings(commands, evaluate)
    train = models(commands, "train", "train a model")
    predict = models(commands, "predict", "ask a model")
    add_beats(commands, train, evaluate, predict)
    add_triage(train, evaluate, predict)
    add_monitoring(commands, evaluate)
    add_segmentation(commands, train, evaluate, predict)
    add_registry(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    module, _, name = options.run.partition(":")
    try:
        run: Callable[[argparse.Namespace], int] = getattr(
            importlib.import_module(f"ml.commands.{module}"), name
        )
        return run(options)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
