"""How the scale's level and the model's make the final one: the more urgent of the two, by this table.

The model never makes a visit less urgent than the scale does, and the scale never less urgent than the
model, which decides by the cost of under-triage. Its KTAS 3 is 3A where the scale's rule for 3A holds, and
3B otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ml.triage.levels import LEVELS, Ktas, Level, ktas

Source: TypeAlias = Literal["both", "rules", "model", "neither"]
Disagreement: TypeAlias = Literal["model_more_urgent", "model_less_urgent"]

WITH_NEITHER: Level = "3B"
"""The level where neither the scale nor the model says one: seen by a doctor, before those who can wait."""
_THIRD: Ktas = 3
_MOST_URGENT: Mapping[Level, tuple[Level, Level, Level, Level, Level]] = {
    #      KTAS 1   2    3     4     5
    "1": ("1", "1", "1", "1", "1"),
    "2": ("1", "2", "2", "2", "2"),
    "3A": ("1", "2", "3A", "3A", "3A"),
    "3B": ("1", "2", "3B", "3B", "3B"),
    "4": ("1", "2", "3B", "4", "4"),
    "5": ("1", "2", "3B", "4", "5"),
}
_BY_MODEL: tuple[Level, Level, Level, Level, Level] = ("1", "2", "3B", "4", "5")


@dataclass(frozen=True, slots=True)
class Combined:
    """The final level, who gave it, and whether the model sees it otherwise than the scale."""

    level: Level
    source: Source
    disagreement: Disagreement | None


def combine(rules: Level | None, model: Ktas | None, *, third_is_3a: bool) -> Combined:
    """Make the final level.

    Parameters
    ----------
    rules
        The scale's level; None where it says nothing.
    model
        The model's decision; None where it is not available.
    third_is_3a
        Whether the scale's rule for 3A holds.
    """
    if model is None:
        return Combined(rules or WITH_NEITHER, "rules" if rules else "neither", None)
    if rules is None:
        return Combined(_third(_BY_MODEL[model - 1], third_is_3a=third_is_3a), "model", None)
    level = _MOST_URGENT[rules][model - 1]
    if level != rules:
        level = _third(level, third_is_3a=third_is_3a)
    if ktas(rules) == model:
        return Combined(level, "both", None)
    if model < ktas(rules):
        return Combined(level, "model", "model_more_urgent")
    return Combined(level, "rules", "model_less_urgent")


def _third(level: Level, *, third_is_3a: bool) -> Level:
    return "3A" if ktas(level) == _THIRD and third_is_3a else level


def table() -> str:
    """Write the table in Markdown, as the docs show it; a 3B of the model's is 3A where that rule holds."""
    lines = ["| scale \\ model | KTAS 1 | 2 | 3 | 4 | 5 | none |", "|---|---|---|---|---|---|---|"]
    for rules in (*LEVELS, None):
        row = [combine(rules, model, third_is_3a=False).level for model in (1, 2, 3, 4, 5, None)]
        lines.append(f"| {'none' if rules is None else f'Tri {rules}'} | {' | '.join(row)} |")
    return "\n".join(lines)
