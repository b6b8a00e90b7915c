"""Lead names: one spelling for every way machines write them.

Codes are those of DICOM PS3.16 CID 3001 (SCP-ECG ``5.6.3-9-n``, and ISO/IEEE 11073 ``2:n`` with the same n).
A name outside this list is never passed on: a channel label is free text and may name a person.
"""

import re
from collections.abc import Iterable

STANDARD_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

CODE_NUMBERS = {
    "I": 1,
    "II": 2,
    "V1": 3,
    "V2": 4,
    "V3": 5,
    "V4": 6,
    "V5": 7,
    "V6": 8,
    "V7": 9,
    "V3R": 11,
    "V4R": 12,
    "V5R": 13,
    "V6R": 14,
    "V7R": 15,
    "X": 16,
    "Y": 17,
    "Z": 18,
    "III": 61,
    "aVR": 62,
    "aVL": 63,
    "aVF": 64,
    "-aVR": 65,
    "V8": 66,
    "V9": 67,
}
_BY_NUMBER = {number: lead for lead, number in CODE_NUMBERS.items()}
_UNCODED = ("MLI", "MLII", "MLIII", "MCL1", "MCL6", "CM5", "CS5", "CC5", "ES", "AS", "AI")
_BY_SPELLING = {lead.upper(): lead for lead in (*CODE_NUMBERS, *_UNCODED)}
_CODE = re.compile(r"(?:5\.6\.3-9-|2:)(\d{1,3})")
_DECORATION = re.compile(r"\(.*?\)|\bLEAD\b|MDC_ECG_LEAD_|\bE[CK]G\b|[\s_]")


def lead_from_text(text: str) -> str | None:
    """Return the lead a label names (``Lead I (Einthoven)``, ``AVR``, ``MDC_ECG_LEAD_V1``), if any."""
    return _BY_SPELLING.get(_DECORATION.sub("", text.upper()))


def lead_from_code(code: str) -> str | None:
    """Return the lead an SCP-ECG or 11073 code names (``5.6.3-9-61``, ``2:61``), if any."""
    match = _CODE.fullmatch(code.strip())
    return _BY_NUMBER.get(int(match[1])) if match else None


def unique_leads(named: Iterable[str | None]) -> tuple[str, ...]:
    """Name channels in order; one with no known name, or one already taken, goes by its number."""
    leads: list[str] = []
    for number, lead in enumerate(named, 1):
        leads.append(lead if lead and lead not in leads else str(number))
    return tuple(leads)
