"""Groups of leads read as territories of the heart (READING.md, rule 9)."""

import re
from dataclasses import dataclass

from ml.language.normalising import Folded
from ml.language.types import Span

_LEAD = r"(?:v\s?[1-9]r?|d\s?(?:iii|ii|i|[123])|av[rlf]|v[rlf]|iii|ii|i)"
_LEAD_ENDS = r"(?![b-ce-uw-z0-9])"  # another lead may be glued to it: `V1V2V3`
_LEADS = re.compile(
    rf"(?<![a-z0-9]){_LEAD}"
    r"(?:(?:\s?(?:,|/|-|et|and|a|to|through|puis|jusqu'a|jusqu'en|\+|\s)\s?(?:en |in |de )?|(?<=[1-9]))"
    rf"{_LEAD}{_LEAD_ENDS})+(?![a-z0-9])"
)
_ONE = re.compile(rf"(?P<range>-|\ba\b|\bto\b|\bthrough\b|\bjusqu)|(?P<lead>{_LEAD}{_LEAD_ENDS})")
_CHEST = tuple(f"v{number}" for number in range(1, 10))
_INFERIOR = frozenset({"d2", "d3", "avf"})
_HIGH_LATERAL = frozenset({"d1", "avl"})
_NAMES = {"di": "d1", "dii": "d2", "diii": "d3", "i": "d1", "ii": "d2", "iii": "d3"}
_NAMES |= {"vl": "avl", "vf": "avf", "vr": "avr"}


@dataclass(frozen=True, slots=True)
class LeadGroup:
    """A stretch of text that lists leads, and the territories the leads look at."""

    territories: tuple[str, ...]
    span: Span


def lead_groups(folded: Folded) -> tuple[LeadGroup, ...]:
    """Find every list or range of at least two leads; a lead alone is no territory."""
    return tuple(
        LeadGroup(
            territories_of(_leads(match.group())),
            Span(folded.origin[match.start()], folded.origin[match.end() - 1] + 1),
        )
        for match in _LEADS.finditer(folded.text)
    )


def _leads(listed: str) -> frozenset[str]:
    leads: list[str] = []
    through = False
    for found in _ONE.finditer(listed):
        if found["range"]:
            through = True
            continue
        lead = found["lead"].replace(" ", "")
        lead = _NAMES.get(lead, lead)
        if through and leads and {lead, leads[-1]} <= set(_CHEST):
            first, last = sorted((_CHEST.index(leads[-1]), _CHEST.index(lead)))
            leads.extend(_CHEST[first : last + 1])
        leads.append(lead)
        through = False
    return frozenset(leads)


def territories_of(leads: frozenset[str]) -> tuple[str, ...]:
    """Return the territories a set of leads covers, as identifiers of the project's ontology.

    Two of DII, DIII and aVF are inferior; V5 with V4 or V6 lateral, DI with aVL high lateral; V1-V4
    anterior, V1-V2 alone septal, V1-V3 antero-septal, V1 to V5 or V6 extensive anterior; V7-V9 posterior;
    V3R and V4R right ventricular.
    """
    chest = {int(lead[1]) for lead in leads if lead in _CHEST[:6]}
    found: list[str] = []
    front = _front(chest)
    if front:
        found.append(front)
    if front != "TERRITORY_ANTERIOR_EXTENSIVE" and {5, 6} & chest and len(chest & {4, 5, 6}) >= 2:
        found.append("TERRITORY_LATERAL")
    if leads >= _HIGH_LATERAL:
        found.append(
            "TERRITORY_LATERAL"
            if "TERRITORY_LATERAL" in found or {5, 6} & chest
            else "TERRITORY_HIGH_LATERAL"
        )
    if len(leads & _INFERIOR) >= 2:
        found.append("TERRITORY_INFERIOR")
    if len(leads & {"v7", "v8", "v9"}) >= 2:
        found.append("TERRITORY_POSTERIOR")
    if leads & {"v3r", "v4r"}:
        found.append("TERRITORY_RIGHT_VENTRICLE")
    return tuple(dict.fromkeys(found))


def _front(chest: set[int]) -> str | None:
    front = chest & {1, 2, 3, 4}
    if len(front) < 2:
        return None
    if {1, 2, 3, 4, 5} <= chest or ({2, 3, 4, 5, 6} <= chest):
        return "TERRITORY_ANTERIOR_EXTENSIVE"
    if chest == {1, 2}:
        return "TERRITORY_SEPTAL"
    if chest <= {1, 2, 3} and 1 in chest:
        return "TERRITORY_ANTEROSEPTAL"
    return "TERRITORY_ANTERIOR"
