"""How the runs were trained whose figures the documentation has: one file an architecture, in `runs/`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ml.beats.learning import Options
from ml.beats.protocols import Protocol


@dataclass(frozen=True)
class Recipe:
    """The parameters of a run.

    Parameters
    ----------
    fold_k : int
        How many folds.
    options : Options
        How long and how fast to learn.
    """

    fold_k: int
    options: Options


def recipe(architecture: str, protocol: Protocol) -> Recipe:
    """Return the parameters of an architecture's run of a protocol."""
    path = Path(__file__).parent / "runs" / f"{architecture}.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))[protocol]
    return Recipe(values.pop("fold_k"), Options(**values))
