"""Vital signs and the complaint out of a nurse's free note, French or English, for a person to confirm.

What a note says in the usual shorthand is converted and shown with its words: `TA 12/8` is 120/80 mmHg and
`101 °F` 38.3 °C.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ml.language.normalising import Folded, fold
from ml.triage.complaints import Match, match
from ml.triage.features import BY_NAME, Feature

LONGEST_NOTE = 5_000
MOST_WORDS = 12
"""What is taken from a note as its complaint has no more: the note itself is nobody's to keep."""
_GAP = r"[^0-9\n.;]{0,14}?"
_NUMBER = r"([0-9]{1,3}(?:[.,][0-9]{1,2})?)"
_END = r"(?![0-9]|[.,][0-9])"
_TIME = (
    r"(?:h|hrs?|heures?|hours?|j|jours?|days?|sem|semaines?|wks?|weeks?|mois|months?"
    r"|ans?|annees?|yrs?|years?)\b"
)
_AMOUNT = r"(?:s|sec|secondes?|seconds?|mn|min|mins|minutes?|fois|prises?|doses?|l|litres?|kg|m|km)\b"
_PLAIN = re.compile(r"\s*(?:[:=]|(?:a|de|est|is|at|of)\b)?\s*")
"""What may stand between a name and a number that is surely its value, be it possible or not."""


def _named(names: str, unit: str = "") -> re.Pattern[str]:
    """Match a number after one of some names: what is between them, the number, its unit."""
    return re.compile(rf"\b(?:{names})\b({_GAP})\b{_NUMBER}{_END}(?!\s*{_TIME})\s*({unit})")


def _word(name: str) -> re.Pattern[str]:
    """Match a number right after a name that is also a word: « huit kilos en 6 mois », "for 2 hr 30 min"."""
    between = r"\s*(?:[:=]|(?:a|of|is)\b)?\s*"
    return re.compile(rf"\b{name}\b({between})\b{_NUMBER}{_END}(?!\s*(?:{_TIME}|{_AMOUNT}))()")


_PATTERNS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "frequence_cardiaque": (
        _named("fc|pouls|frequence cardiaque|heart rate|pulse"),
        _word("hr"),
        re.compile(rf"()\b{_NUMBER}\s*()bpm\b"),
    ),
    "pression_systolique": (_named("pas|tas|sbp|systolique|systolic"),),
    "pression_diastolique": (_named("pad|tad|dbp|diastolique|diastolic"),),
    "frequence_respiratoire": (_named("fr|frequence respiratoire|rr|resp rate|respiratory rate"),),
    "temperature": (
        _named("t|t°|temp|temperature|febrile|fievre|fever|bt", "°?[cf]\\b|"),
        re.compile(rf"()\b{_NUMBER}{_END}\s*(°\s?[cf]\b)"),
    ),
    "saturation_oxygene": (_named("spo2|sao2|sat|sat o2|satu|saturation|o2 sat|desature|desaturation"),),
    "echelle_douleur": (
        _named("eva|evs|nrs|vas"),
        _word("en"),
        re.compile(rf"\b(?:douleur|pain)\b{_GAP}()\b{_NUMBER}\s*()/\s*10\b"),
    ),
    "glasgow": (_named("gcs|glasgow|score de glasgow|cgs"),),
    "glycemie": (_named("glycemie|gly|dextro|hgt|glucose|blood sugar|bsl|bm", "g/l|mg/dl|mmol/l|mmol|"),),
}
_PRESSURE = re.compile(
    r"\b(?:ta|pa|tension|pression arterielle|bp|blood pressure|hta|hypotension)\b"
    rf"({_GAP})\b{_NUMBER}\s*(?:/|sur)\s*{_NUMBER}"
)
_AGE = re.compile(
    rf"\b{_NUMBER}\s*(ans?\b|years?\b|yo\b|y/o\b|yrs?\b|-year-old|mois\b|months?\b|semaines?\b|weeks?\b)"
)
YEARS = {"mois": 1 / 12, "month": 1 / 12, "semaine": 7 / 365.25, "week": 7 / 365.25}
"""What the units of an age that are no years come to in years."""
_DURATION = re.compile(
    r"(?:depuis|il y a|pendant|apres|for|since|past|dans|durant|moins de|plus de|<|>)\s*(?:les?\s)?$"
)
_YOUNG = re.compile(
    r"(?:bebe|nourrisson|enfant|age|agee|nouveau-ne|garcon|fille|infant|baby|aged)\W+(?:de\W+|of\W+)?$"
)
_SEX = (
    (
        re.compile(
            r"\b(?:femme|madame|mme|mlle|patiente|fille|fillette|female|woman|girl|lady|enceinte|pregnant)\b"
        ),
        "F",
    ),
    (re.compile(r"\b(?:homme|monsieur|mr|garcon|male|man|boy|gentleman)\b"), "M"),
    (re.compile(r"\bf(?=\W{0,2}[0-9]{1,3}\s*(?:ans|a\b|yo|y/o))|(?<=yo )f\b|(?<=y/o )f\b"), "F"),
    (re.compile(r"\b[hm](?=\W{0,2}[0-9]{1,3}\s*(?:ans|a\b|yo|y/o))|(?<=yo )m\b|(?<=y/o )m\b"), "M"),
)
_REASON = re.compile(
    r"\b(?:motif(?: de consultation| de recours)?|mdc|consulte|vient|venue?|amenee?|adressee?|admise?)"
    r"\s*(?::|pour|devant)\s*([^.;\n]+)"
    r"|\b(?:chief complaint|cc|c/o|complain(?:s|ing) of|present(?:s|ing|ed) with"
    r"|(?:came|brought) in (?:for|with))"
    r"\s*:?\s*([^.;\n]+)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A value a note states: its feature, what it is in the table's unit, and the words it was read from.

    `by_model` says that a language model read it, not the rules.
    """

    feature: str
    value: float | str
    start: int
    end: int
    text: str
    by_model: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A number that stands where a feature's value does, and is none it can have or is in no certain unit."""

    feature: str
    start: int
    end: int
    text: str


Placed = TypeVar("Placed", Found, LeftOut)


@dataclass(frozen=True, slots=True)
class NoteReading:
    """What a note states; of a feature named several times, the first plausible value.

    `left_out` has features without one: whoever wrote the number is to look at it again.
    """

    found: tuple[Found, ...]
    complaint: str
    match: Match
    left_out: tuple[LeftOut, ...] = ()


def read_note(text: str) -> NoteReading:
    """Read a note; beyond `LONGEST_NOTE` characters nothing is read."""
    folded = fold(text[:LONGEST_NOTE])
    best: dict[str, Found] = {}
    doubtful: dict[str, LeftOut] = {}
    for each in (*_pressures(folded), *_measured(folded), *_ages(folded), *_sexes(folded)):
        if isinstance(each, Found):
            best.setdefault(each.feature, each)
        else:
            doubtful.setdefault(each.feature, each)
    complaint, stated = _complaint(folded)
    left_out = [each for each in doubtful.values() if each.feature not in best]
    return NoteReading(_in_order(best.values()), complaint, stated, _in_order(left_out))


def _measured(folded: Folded) -> Iterator[Found | LeftOut]:
    for name, patterns in _PATTERNS.items():
        for pattern in patterns:
            for hit in pattern.finditer(folded.text):
                value = _in_own_unit(BY_NAME[name], _number(hit[2]), hit[3])
                if value is not None:
                    yield _found(name, value, folded, hit.span())
                elif _PLAIN.fullmatch(hit[1]):
                    yield _left_out(name, folded, hit.span())


def _pressures(folded: Folded) -> Iterator[Found | LeftOut]:
    names = ("pression_systolique", "pression_diastolique")
    for hit in _PRESSURE.finditer(folded.text):
        high, low = (
            _in_own_unit(BY_NAME[name], _number(number), "")
            for name, number in zip(names, hit.groups()[1:], strict=True)
        )
        if high is not None and low is not None and low < high:
            yield _found(names[0], high, folded, hit.span())
            yield _found(names[1], low, folded, hit.span())
        elif _PLAIN.fullmatch(hit[1]):
            yield from (_left_out(name, folded, hit.span()) for name in names)


def _ages(folded: Folded) -> Iterator[Found]:
    for hit in _AGE.finditer(folded.text):
        before = folded.text[: hit.start()]
        unit = hit[2].strip("-").removesuffix("s") if hit[2] != "mois" else hit[2]
        if _DURATION.search(before):
            continue
        old = folded.text[hit.end() :].lstrip(" -").startswith("old")
        if unit in YEARS and not (old or _YOUNG.search(before)):
            continue
        age = _number(hit[1]) * YEARS.get(unit, 1)
        if age <= BY_NAME["age"].high:
            yield _found("age", round(age, 3), folded, hit.span())


def _sexes(folded: Folded) -> Iterator[Found]:
    for pattern, sex in _SEX:
        for hit in pattern.finditer(folded.text):
            yield _found("sexe", sex, folded, hit.span())


def _complaint(folded: Folded) -> tuple[str, Match]:
    """Return the words that state the complaint: after `motif` or `consulte pour`, else anywhere."""
    for hit in _REASON.finditer(folded.text):
        given = _source(folded, hit.span(1 if hit[1] else 2))
        stated = match(given)
        if stated.complaint is not None:
            return _given(given, stated.complaint), stated
    stated = match(folded.source)
    return "" if stated.complaint is None else stretch(folded.source, stated.complaint), stated


def _given(text: str, complaint: str) -> str:
    """Return what was named as the reason, up to the comma; of a long text the words that state it."""
    first = text.split(",", maxsplit=1)[0]
    short = len(first.split()) <= MOST_WORDS and match(first).complaint == complaint
    return " ".join(first.split()) if short else stretch(text, complaint)


def stretch(text: str, complaint: str) -> str:
    """Return the first words in a row that state a complaint, without any that are not needed at the ends.

    Nothing where they are farther apart than `MOST_WORDS`.
    """
    words = text.split()
    for begin in range(len(words)):
        some = _shortest(words[begin : begin + MOST_WORDS], complaint)
        if some:
            starts = (start for start in reversed(range(len(some))) if _states(some[start:], complaint))
            return " ".join(_shortest(some[next(starts) :], complaint)).strip(" ,;:.")
    return ""


def _shortest(words: Sequence[str], complaint: str) -> Sequence[str]:
    """Return as few of the first words as state a complaint; none where not even all do."""
    ends = (end for end in range(1, len(words) + 1) if _states(words[:end], complaint))
    return words[: next(ends, 0)]


def _states(words: Sequence[str], complaint: str) -> bool:
    return match(" ".join(words)).complaint == complaint


def _in_own_unit(feature: Feature, number: float, unit: str) -> float | None:
    """Return a number in the feature's unit, by the one written or else the one it must be in."""
    unit = unit.replace(" ", "").removeprefix("°")
    for other in feature.others:
        written = other.name.lower().removeprefix("°")
        if unit and written.startswith(unit):
            number, unit = other.converted(number), ""
    if feature.low <= number <= feature.high:
        return round(number, 2)
    meant = feature.meant(number)
    return None if meant is None else round(meant.converted(number), 2)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _in_order(values: Iterable[Placed]) -> tuple[Placed, ...]:
    return tuple(sorted(values, key=lambda each: each.start))


def _found(name: str, value: float | str, folded: Folded, span: tuple[int, int]) -> Found:
    start, end = _place(folded, span)
    return Found(name, value, start, end, folded.source[start:end].strip())


def _left_out(name: str, folded: Folded, span: tuple[int, int]) -> LeftOut:
    start, end = _place(folded, span)
    return LeftOut(name, start, end, folded.source[start:end].strip())


def _source(folded: Folded, span: tuple[int, int]) -> str:
    start, end = _place(folded, span)
    return folded.source[start:end]


def _place(folded: Folded, span: tuple[int, int]) -> tuple[int, int]:
    return folded.origin[span[0]], folded.origin[span[1] - 1] + 1
