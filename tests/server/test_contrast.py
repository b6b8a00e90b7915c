"""The colours of `static/css/tokens.css` are readable, in the light and in the dark.

Formulas: WCAG 2.2, relative luminance and contrast ratio
(https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
"""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
PAIR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
GROUNDS = ("ground", "surface", "sunken")
TEXTS = ("ink", "ink-soft", "ink-faint", "accent", "accent-strong", "found", "partial", "wrong")
ON_THEIR_GROUND = (
    ("found", "found-ground"),
    ("partial", "partial-ground"),
    ("wrong", "wrong-ground"),
    ("ink", "found-ground"),
    ("ink", "partial-ground"),
    ("ink", "wrong-ground"),
    ("accent-strong", "accent-ground"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-triage", "triage-rouge"),
    ("on-triage", "triage-orange"),
    ("on-triage-jaune", "triage-jaune"),
    ("on-triage", "triage-vert"),
)
READABLE = [*((text, ground) for text in TEXTS for ground in GROUNDS), *ON_THEIR_GROUND]
VISIBLE = [(edge, ground) for edge in ("edge", "focus", "accent") for ground in GROUNDS]


def colours(theme: int) -> dict[str, str]:
    """Name to #rrggbb; `theme` 0 is light, 1 is dark."""
    return {name: pair[theme] for name, *pair in PAIR.findall(TOKENS.read_text(encoding="utf-8"))}


def luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_published_examples() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text,ground", READABLE)
def test_text_stands_out_from_its_ground_by_4_5(text: str, ground: str, theme: int) -> None:
    named = colours(theme)
    assert contrast(named[text], named[ground]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("edge,ground", VISIBLE)
def test_edges_of_controls_stand_out_by_3(edge: str, ground: str, theme: int) -> None:
    named = colours(theme)
    assert contrast(named[edge], named[ground]) >= 3
