"""What the words right after a number call it: `4,2 s, durée courte`, `520 ms, inférieur au seuil`."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Where a number is said to lie."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Called:
    """A verdict and where its words stand in the folded text."""

    verdict: Verdict
    start: int
    end: int


_LEADS = r"(?:v[1-9]r?|d(?:iii|ii|i|[123])|av[rlf]|iii|ii)"
_LEADING = re.compile(
    r"(?:[\s,:=(/]|-(?=\s?v)|=>"
    rf"|\b(?:en|in|a|to|et|and|de|of)\s(?={_LEADS}\b)|\b{_LEADS}\b"
    r"|\b(?:donc|soit|ce|qui|c'est|est|reste|demeure|ici|alors|une?|la|le|l'|valeurs?|durees?|mesures?"
    r"|tout a fait|bien|juge[es]*|considere[es]*|comme|strictement|parfaitement|encore|so|thus|hence|which|is"
    r"|that is|i\.e\.|an?|the|value|duration|quite|well|perfectly|still|completely|considered|deemed)\b"
    r"){0,24}"
)
"""What may stand between a number and its verdict: leads, and words that lead to the verdict."""
_ENDS = (
    r"(?=\s*(?:$|[.,;:)\n!]"
    r"|(?:et|and|donc|so|mais|but|pour|for|chez|en|in|au repos|here|ici)\b))"
)
_LIMIT = (
    r"(?:au|du|le|a la|de la) (?:seuil|limite|normale)"
    r"(?: superieure| pathologique| de significativite| de la normale)?"
)
_WORDS = {
    Verdict.NORMAL: (
        "normale?s?(?: basse| haute)?",
        "physiologiques?",
        "(?:non|pas) (?:pathologiques?|significati(?:f|ve)s?|allonges?|elargis?|prolonges?)",
        "non-significati(?:f|ve)",
        "insignifiante?",
        "sans (?:aucune? )?(?:signification|valeur pathologique|gravite|anomalie)",
        "benigne?",
        "banale?",
        "acceptable",
        "correcte?",
        f"(?:inferieure?s?|sous|en dessous|au-dessous|en deca) {_LIMIT}",
        "dans (?:les normes|les limites(?: de la normale)?|la norme)",
        "of no significance",
        "physiological",
        "(?:not|non|non-) ?(?:significant|pathological|prolonged)",
        "insignificant",
        "(?:below|under|within) (?:the )?(?:threshold|cut-?off|limits?|normal limits|normal range)",
    ),
    Verdict.HIGH: (
        "(?:allonge|prolonge|augmente)[es]*",
        "longue?s?",
        "elevee?s?",
        "rapides?",
        "tachycarde",
        "trop (?:longue?|rapide)s?",
        "superieure?s? a la normale",
        "au-dessus de la normale",
        "prolonged|long|lengthened|fast|rapid|high|raised",
        "above (?:the )?normal(?: limits?| range)?",
    ),
    Verdict.LOW: (
        "courte?s?",
        "(?:raccourci|abaisse|diminue)e?s?",
        "breve?s?|bref",
        "lente?s?",
        "bradycarde",
        "basse?s?",
        "trop (?:court|lent)e?s?",
        "inferieure?s? a la normale",
        "short|shortened|brief|slow|low",
        "below (?:the )?normal(?: limits?| range)?",
    ),
}
_CALLS = {verdict: re.compile(rf"(?:{'|'.join(words)}){_ENDS}") for verdict, words in _WORDS.items()}


def called(text: str, number_end: int) -> Called | None:
    """Return what a folded text calls the number that ends at a place, in words that only speak of it."""
    between = _LEADING.match(text, number_end)
    start = between.end() if between else number_end
    for verdict, pattern in _CALLS.items():
        if found := pattern.match(text, start):
            return Called(verdict, start, found.end())
    return None
