"""What the parsers of commands have in common."""

import argparse
from pathlib import Path
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name


def add(commands: Commands, name: str, about: str, run: str) -> argparse.ArgumentParser:
    """Add a command, and which function of `ml.commands` runs it (``beats:train``)."""
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(run=run)
    return command


def models(commands: Commands, name: str, about: str) -> Commands:
    """Add a command that is told which model it is about, and return where the models go."""
    return commands.add_parser(name, help=about).add_subparsers(required=True, metavar="MODEL")


def add_either(command: argparse.ArgumentParser, name: str, *others: str, **settings: Any) -> None:
    """Add an option that is known with hyphens and with underscores."""
    underscored = f"--{name[2:].replace('-', '_')}"
    command.add_argument(*dict.fromkeys([name, underscored, *others]), **settings)


def at_least_one(text: str) -> int:
    """Read a number of 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def add_json(command: argparse.ArgumentParser) -> None:
    """Add where figures are written to."""
    command.add_argument("--json", type=Path, help="also write the figures to this file")


def add_require(command: argparse.ArgumentParser) -> None:
    """Add what makes a missed aim a failure."""
    command.add_argument("--require", action="store_true", help="exit with status 1 where an aim is missed")


def add_feedback(command: argparse.ArgumentParser) -> None:
    """Add what says which opinions are learnt from."""
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--feedback",
        type=Path,
        metavar="FILE",
        help="what readers said, as `python -m server feedback corrections` writes it; without it, what that "
        "has kept in the data folder, if anything",
    )
    which.add_argument("--no-feedback", action="store_true", help="learn from the first data alone")
    command.add_argument(
        "--min-feedback", type=at_least_one, default=50, help="at least so many opinions in it (50)"
    )
