"""What the words right after a number call it: `pause de 4,2 s, durée courte`, `520 ms, inférieur au seuil`."""

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
_ENDS = r"(?=\s*(?:$|[.,;:)\n!]|et\b|and\b|donc\b|so\b|mais\b|but\b|pour\b|for\b|chez\b|en\b|in\b|au repos\b|here\b|ici\b))"
_WORDS = {
    Verdict.NORMAL: (
        r"normale?s?(?: basse| haute)?|physiologiques?|(?:non|pas) (?:pathologiques?|significati(?:f|ve)s?|allonges?"
        r"|elargis?|prolonges?)|non-significati(?:f|ve)|insignifiante?|sans (?:aucune? )?(?:signification|valeur pathologique|gravite)|benigne?|banale?|acceptable|correcte?|sans anomalie"
        r"|(?:inferieure?s?|sous|en dessous|au-dessous|en deca) (?:au|du|le|a la|de la) (?:seuil|limite|normale)"
        r"(?: superieure| pathologique| de significativite| de la normale)?"
        r"|dans (?:les normes|les limites(?: de la normale)?|la norme)"
        r"|of no significance|physiological|(?:not|non|non-) ?(?:significant|pathological|prolonged)|insignificant"
        r"|(?:below|under|within) (?:the )?(?:threshold|cut-?off|limits?|normal limits|normal range)"
    ),
    Verdict.HIGH: (
        r"allonge[es]*|prolonge[es]*|longue?s?|augmente[es]*|elevee?s?|rapides?|tachycarde|trop (?:longue?|rapide)s?"
        r"|superieure?s? a la normale|au-dessus de la normale|prolonged|long|lengthened|fast|rapid|high|raised"
        r"|above (?:the )?normal(?: limits?| range)?"
    ),
    Verdict.LOW: (
        r"courte?s?|raccourcie?s?|breve?s?|bref|lente?s?|bradycarde|basse?s?|abaissee?s?|diminuee?s?"
        r"|trop (?:court|lent)e?s?|inferieure?s? a la normale|short|shortened|brief|slow|low"
        r"|below (?:the )?normal(?: limits?| range)?"
    ),
}
_CALLS = {verdict: re.compile(rf"(?:{words}){_ENDS}") for verdict, words in _WORDS.items()}


def called(text: str, number_end: int) -> Called | None:
    """Return what a folded text calls the number that ends at a place, in words that only speak of it."""
    between = _LEADING.match(text, number_end)
    start = between.end() if between else number_end
    for verdict, pattern in _CALLS.items():
        if found := pattern.match(text, start):
            return Called(verdict, start, found.end())
    return None
