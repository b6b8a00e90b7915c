"""Numbers in a text read as measurements: a name, a value, a unit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ml.language.normalising import Folded
from ml.language.types import Measurement, Span

_NUMBER = (
    r"(?P<sign>[<>+-]|sup(?:erieur)?e?s? a|inf(?:erieur)?e?s? a|plus de|moins de)?\s?"
    r"(?P<value>\d{1,3}(?:[.,]\d{1,2})?)"
)
_UPTO = r"(?:\s?(?:-|/|a|to|et)\s?(?P<high>\d{2,3}(?:[.,]\d{1,2})?))?"
# On paper at 25 mm/s a small square is 40 ms, five of them a large one.
_SQUARES = r"(?:petits? |small |grands? |gros |large |big )?(?:carreaux?|carres?|squares?|boxes|box)\b"
_TIME = rf"\s?(?P<unit>ms\b|msec\b|millisecondes?\b|{_SQUARES}|s\b|sec\b|secondes?\b)?"
_PER_MINUTE = (
    r"(?:b\.?p\.?m\b|/\s?(?:min|mn|minutes?)\b|(?:c|b|bat|batt|battements?|cycles?|beats?)?\s?(?:/|par|per)\s?(?:min|mn|minutes?)\b"
    r"|cpm\b)"
)
_NOT_OTHER = r"(?!\s?(?:bpm|/\s?min|/\s?mn|%|°|ans|mm|mv))"
_OTHER_NAME = (
    r"(?!\b(?:qrs|qtc?|pr|pq|axe|axis|fc|frequence|rate|bav|onde|st|rythme|rhythm|flutter|tachy|brady|fa|tv)"
    r"(?:\b|cardi))"
)


def _gap(most: int) -> str:
    return rf"(?:{_OTHER_NAME}[^\d;.,\n<>]){{0,{most}}}?"


_BRIDGE = (
    r"(?:, ?(?:je |on |i )?(?:l[ea] |l')?(?:mesuree?|estimee?|chiffree?|measured?|measuring)\b"
    r"[^\d;.,\n<>]{0,20}?)?"
)
"""`PR normal, mesuré à 280 ms`: after a comma a number still is of what was named."""

_NAMED = {
    "axis": (
        rf"\b(?:axe|axis|normoaxee?s?)\b(?: (?:electrique|frontal|cardiaque|moyen|du|des|de|qrs|of|the))*"
        rf"{_gap(40)}{_NUMBER}"
        r"\s?(?P<unit>°|deg(?:re|ree)?s?\b)?(?!\s?(?:bpm|/|%|ms|mm|s\b|\d|,\d))"
    ),
    "pr": (
        rf"\b(?:(?:pr|pq)\b{_gap(45)}{_BRIDGE}"
        r"|bav ?(?:1(?:er degre)?|i)(?: (?:a|de))? +(?=[2-9]\d\d|0[.,][2-9]))"
        rf"{_NUMBER}{_UPTO}{_TIME}{_NOT_OTHER}"
    ),
    "qrs": (
        rf"\b(?:qrs\b{_gap(45)}{_BRIDGE}"
        r"|(?:bbg|bbd|lbbb|rbbb|biv|ivcd|bloc intraventriculaire|bloc de branche (?:gauche|droite?))"
        rf"(?: complete?| incomplete?| a| de)*\s(?=\d+\s?ms)){_NUMBER}{_UPTO}{_TIME}{_NOT_OTHER}"
    ),
    "qtc": (
        rf"\b(?:qt\s?/\s?qtc|qtc|qt corrige|corrected qt)\b{_gap(45)}{_BRIDGE}"
        rf"{_NUMBER}{_UPTO}{_TIME}{_NOT_OTHER}"
    ),
    "qt": rf"(?<!/)\bqt\b(?!\s?/|\s?corrige){_gap(45)}{_BRIDGE}{_NUMBER}{_UPTO}{_TIME}{_NOT_OTHER}",
    "p_duration": rf"\bondes? p\b{_gap(30)}{_NUMBER}{_UPTO}\s?(?P<unit>ms\b)",
    "sokolow": (
        rf"(?:\bsokolow\b|\bs\s?v1\s?\+\s?r\s?v[56](?:\s?(?:ou|or)\s?v6)?){_gap(40)}{_NUMBER}"
        r"\s?(?P<unit>mm\b|mv\b)?"
    ),
    "cornell": rf"\bcornell\b{_gap(40)}{_NUMBER}\s?(?P<unit>mm\b|mv\b)?",
    "pause": (
        rf"\bpauses?\b{_gap(30)}(?P<value>\d{{4}}|\d{{1,3}}(?:[.,]\d{{1,2}})?){_UPTO}\s?"
        r"(?P<unit>ms\b|s\b|sec\b|secondes?\b|seconds?\b)"
    ),
    "st": rf"\b(?:sus|sous|st|elevation|depression|decalage)\b{_gap(40)}{_NUMBER}{_UPTO}\s?(?P<unit>mm\b)",
    "rate": (
        r"\b(?:fc|fv|frequence|reponse ventriculaire|ventricular response|heart rate|ventricular rate"
        r"|rate|hr|vr)\b"
        rf"(?: (?:ventriculaire|cardiaque|moyenne))*"
        r"(?:[^\d;.\n]{0,22}?300\s?/[^;.\n=]{1,40}?(?:=|\bsoit\b|\bdonc\b|\bso\b))?"
        rf"{_gap(22)}{_NUMBER}{_UPTO}(?:\s?{_PER_MINUTE})?"
        r"(?!\s?(?:ms|mm|°|%|s\b|[:/]\s?(?:\d|nombre|nb|number|carreaux)|\d))"
    ),
}
_SECONDS = r"(?P<unit>ms\b|s\b|sec\b|seconde?s?\b)"
_BEFORE_NAME = {
    "pause": rf"(?P<value>\d{{1,2}}(?:[.,]\d{{1,2}})?)[\s-]?{_SECONDS} (?:sinus |ventricular |long )?pause\b",
    "st": r"(?P<value>\d{1,2}(?:[.,]\d)?)[\s-]?(?P<unit>mm) (?:of )?(?:st )?(?:elevation|depression)\b",
}
"""`a 4-second pause`: English may put the number first."""
_PATTERNS = tuple(
    (name, re.compile(pattern)) for named in (_NAMED, _BEFORE_NAME) for name, pattern in named.items()
)
_BARE_RATE = re.compile(rf"{_NUMBER}{_UPTO}\s?{_PER_MINUTE}")
_SPOKEN_RATE = re.compile(
    r"\b(?:sinusale?|(?:sinus )?tach(?:y|ycardi[ae])?|brady(?:cardi[ae])?|rvr|tsv|svt|avnrt|bouveret"
    r"|regulier|regular|rhythm|rs|(?:rythme )?jonctionnel|fa|acfa"
    r"|echappement (?:jonctionnel|ventriculaire)|qrs|ventricul(?:es|aire|ar)(?: rate)?"
    r"|(?:sinus|junctional) rhythm|afi?b?|atrial fibrillation|escape(?: rhythm)?|nsr|sr"
    r"|complexes|ondes? p|p waves?|oreillettes|atria)"
    r"(?: (?:a|at|of|around|about|environ|autour de|vers|approximately))*[ ~]+"
    rf"{_NUMBER}(?!\s?(?:ms|mm|mv|°|%|s\b|sec|ans|deg|complex|battem|beats?|h\b|jours|[:/]\s?\d|[.,]?\d))"
)
_UNITS = {"pr": "ms", "qrs": "ms", "qtc": "ms", "qt": "ms", "p_duration": "ms", "axis": "°", "sokolow": "mm"}
_UNITS |= {"pause": "ms", "st": "mm", "cornell": "mm"}
_PLAUSIBLE = {
    "pr": (60, 800),
    "qrs": (40, 300),
    "qtc": (200, 800),
    "qt": (200, 800),
    "p_duration": (40, 250),
    "axis": (-180, 180),
    "sokolow": (5, 90),
    "cornell": (5, 90),
    "pause": (500, 30_000),
    "st": (0.2, 20),
    "rate": (15, 350),
}
# `PR 180 puis 240 puis 300`: one value after the other, each longer than the last.
_IN_TURN = re.compile(
    r"\b(?:pr|pq)\b[^\d;.\n]{0,20}"
    r"(?P<values>[1-9]\d\d(?:\s?ms)?(?:\s?(?:,|-|/|=>|>|puis|then|ensuite)[\s,]*(?:puis|then|a)?\s?[1-9]\d\d(?:\s?ms)?)+)"
)
_SHORTEST_QRS = 60
_LONGEST_FREE_QRS = 130
_FEWEST_IN_TURN = 3
_FAST = re.compile(
    r"tachy|\b(?:tsv|svt|tv|vt|trin|avnrt|flutter|bouveret|fa|af)\b|qrs (?:fin|etroit|narrow)|regul"
)
_ATRIAL = re.compile(
    r"atrial|\bp (?:a|=|at)\b|auricul|oreillette|ondes? f\b|des f\b|ondes? p\b|\bf waves|p waves|\batria\b"
)
_NO_HEART = re.compile(
    r"\b(?:fr|frequence respiratoire|respiratory rate|spo2|sat|ta|pas|temperature)\b[^,;.\n]{0,12}$"
)
_VENTRICULAR = re.compile(r"ventric|\bfc\b|cardia|conduct|reponse|qrs|heart rate")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement with what its bound (`> 200 ms`) leaves possible.

    `low` and `high` are the values to interpret: both must mean the same thing for the text to say it.
    `number` is where the digits stand, `end` where the folded text goes on.
    """

    measurement: Measurement
    low: float
    high: float
    number: Span
    end: int


def growing(folded: Folded) -> tuple[Span, ...]:
    """Return where the PR is told beat by beat, longer each time."""
    return tuple(
        _span(folded, found.start(), found.end())
        for found in _IN_TURN.finditer(folded.text)
        if _grows([int(value) for value in re.findall(r"\d+", found["values"])])
    )


def _grows(values: list[int]) -> bool:
    return len(values) >= _FEWEST_IN_TURN and all(one < other for one, other in pairwise(values))


def measure(folded: Folded) -> tuple[Measured, ...]:
    """Find the measurements of a text, in text order; implausible values are left alone."""
    found = [
        measured
        for name, pattern in _PATTERNS
        for match in pattern.finditer(folded.text)
        if (measured := _measured(name, match, folded)) is not None
    ]
    found += [
        measured
        for pattern in (_BARE_RATE, _SPOKEN_RATE)
        for match in pattern.finditer(folded.text)
        if (measured := _measured("rate", match, folded)) is not None
    ]
    return tuple(sorted(_distinct(found), key=lambda each: each.measurement.span))


def _distinct(found: list[Measured]) -> Iterator[Measured]:
    """Yield measurements whose numbers no earlier one has read."""
    read: set[int] = set()
    for each in found:
        digits = range(each.number.start, each.number.end)
        if read.isdisjoint(digits):
            read.update(digits)
            yield each


def _measured(name: str, match: re.Match[str], folded: Folded) -> Measured | None:
    value = _value(name, match["value"], match)
    groups = match.groupdict()
    high = _value(name, groups["high"], match) if groups.get("high") else value
    sign = (groups.get("sign") or "").strip()
    if name == "axis" and sign == "-":
        value = high = -value
    lowest, highest = _PLAUSIBLE[name]
    if not lowest <= value <= highest or not lowest <= high <= highest:
        return None
    if name == "qrs" and _is_the_rate(folded.text, match, value):
        name = "rate"
    if name == "rate" and _NO_HEART.search(folded.text, max(0, match.start() - 40), match.start("value")):
        return None
    if name == "rate" and _about_atria(folded.text, match):
        name = "atrial_rate"
    blank = len(match.group()) - len(match.group().lstrip())
    whole = _span(folded, match.start() + blank, match.end())
    measurement = Measurement(name, value, _UNITS.get(name, "/min"), whole)
    nudge = (
        0.5
        if sign.startswith((">", "sup", "plus"))
        else -0.5
        if sign.startswith(("<", "inf", "moins"))
        else 0
    )
    number = _span(folded, match.start("value"), match.end("value"))
    return Measured(measurement, min(value, high) + nudge, max(value, high) + nudge, number, match.end())


def _span(folded: Folded, start: int, end: int) -> Span:
    return Span(folded.origin[start], folded.origin[end - 1] + 1)


def _value(name: str, number: str, match: re.Match[str]) -> float:
    value = float(number.replace(",", "."))
    unit = match.groupdict().get("unit") or ""
    if name in {"sokolow", "cornell"}:
        return value * 10 if unit == "mv" else value
    if "carr" in unit or "squ" in unit or "box" in unit:
        return round(value * (200 if unit.startswith(("gr", "la", "big")) else 40), 1)
    if _UNITS.get(name) == "ms" and (unit.startswith("s") or value < 2):
        return round(value * 1000, 1)
    return value


def _is_the_rate(text: str, match: re.Match[str], value: float) -> bool:
    """Say whether a bare number after QRS is a rate: `tachycardie à QRS fins à 180`, `QRS larges à 38`."""
    if match["unit"]:
        return False
    phrase = re.split(r"[,;.\n]", text[: match.start("value")])[-1]
    return value < _SHORTEST_QRS or (value >= _LONGEST_FREE_QRS and bool(_FAST.search(phrase)))


def _about_atria(text: str, match: re.Match[str]) -> bool:
    """Say whether the words before a rate speak of the atria and not of the ventricles."""
    before = re.split(r"[,;.\n]", text[max(0, match.start() - 80) : match.start()])[-1]
    phrase = before + text[match.start() : match.start("value")]
    atrial = [found.start() for found in _ATRIAL.finditer(phrase)]
    ventricular = [found.start() for found in _VENTRICULAR.finditer(phrase)]
    return (
        bool(atrial) and "fibrillation" not in phrase and (not ventricular or max(atrial) > max(ventricular))
    )
