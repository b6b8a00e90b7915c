"""Text folded to plain lower-case ASCII-like characters, with the way back to where each came from."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_FOLDED = {
    "œ": "oe",
    "æ": "ae",
    "ß": "ss",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "′": "'",
    "´": "'",
    "`": "'",
    "–": "-",
    "—": "-",
    "−": "-",
    "‑": "-",
    "‐": "-",
    "→": "=>",
    "≥": ">",
    "≤": "<",
    "⁺": "+",
    "∅": "ø",
    "⌀": "ø",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; character `i` of `text` came from character `origin[i]` of `source`, what was folded."""

    text: str
    origin: tuple[int, ...]
    source: str


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _FOLDED:
        return _FOLDED[character]
    decomposed = unicodedata.normalize("NFKD", character.lower())
    kept = "".join(_FOLDED.get(each, each) for each in decomposed if not unicodedata.combining(each))
    return "".join(each if each.isprintable() or each == "\n" else " " for each in kept)


def fold(text: str) -> Folded:
    """Lower-case, drop accents, unify quotes and dashes, unfold ligatures and superscripts."""
    pieces = [_fold_character(character) for character in text]
    origin = [index for index, piece in enumerate(pieces) for _ in piece]
    return Folded("".join(pieces), tuple(origin), text)


def plain(text: str) -> str:
    """Return the folded text with runs of blanks as one space."""
    return " ".join(fold(text).text.split())


def stem(word: str) -> str:
    """Cut French and English endings for number and gender, the same way for every word.

    The result is a key to compare words by, not a word: `ventriculaires` and `ventriculaire` share one,
    so do `normaux` and `normal`, `négative` and `négatif`.
    """
    if len(word) < 4:
        return word
    if word.endswith("aux") and len(word) > 4:
        return word[:-3] + "al"
    if word.endswith("ities"):
        return word[:-3] + "y"
    plural = word[:-1] if word.endswith("ux") else word.rstrip("s")
    cut = plural if len(plural) >= 3 else word
    if cut.endswith(("if", "ive")):
        return cut[: cut.rindex("i")] + "iv"
    return cut.rstrip("e") if len(cut.rstrip("e")) >= 3 else cut
