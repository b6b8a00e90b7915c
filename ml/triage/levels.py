"""The levels of triage, how grave each is, and those of the Korean scale the model learnt from."""

from typing import Literal, TypeAlias, get_args

Level: TypeAlias = Literal["1", "2", "3A", "3B", "4", "5"]
Gravity: TypeAlias = Literal["ROUGE", "ORANGE", "JAUNE", "VERT"]
Ktas: TypeAlias = Literal[1, 2, 3, 4, 5]

LEVELS: tuple[Level, ...] = get_args(Level)
"""The FRENCH scale's levels, the most urgent first."""
KTAS: tuple[Ktas, ...] = get_args(Ktas)
CLASSES = tuple(f"KTAS {level}" for level in KTAS)
"""What a model tells apart, in its order."""

_GRAVITY: dict[Level, Gravity] = {
    "1": "ROUGE",
    "2": "ORANGE",
    "3A": "JAUNE",
    "3B": "JAUNE",
    "4": "VERT",
    "5": "VERT",
}


def gravity(level: Level) -> Gravity:
    """Return the colour of a level."""
    return _GRAVITY[level]


def read_gravity(name: str) -> Gravity:
    """Return the colour old data names, in any case; the old GRIS is VERT.

    Raises
    ------
    ValueError
        When it is no colour of triage.
    """
    known: dict[str, Gravity] = {each: each for each in get_args(Gravity)} | {"GRIS": "VERT"}
    try:
        return known[name.strip().upper()]
    except KeyError:
        raise ValueError(f"{name!r} is not one of {', '.join(known)}") from None


def urgency(level: Level) -> int:
    """Return a number to compare levels by: 0 for Tri 1, more for less urgent ones."""
    return LEVELS.index(level)


def most_urgent(first: Level, *others: Level) -> Level:
    """Return the most urgent of some levels."""
    return min((first, *others), key=urgency)


def ktas(level: Level) -> Ktas:
    """Return the Korean level that corresponds: 3A and 3B are both its 3."""
    return KTAS[int(level[0]) - 1]
