"""Which words of a printed ECG may say who the patient is: all that are not known to be harmless.

Harmless is what machines print of a tracing (leads, scales, measures, interpretations) and what nobody is
recognised by (age, sex, the time of day). A label such as `Nom` makes what follows it in its line suspicious
even where that would be harmless elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ml.ecg.burned_in.found import TextKind
from ml.ecg.burned_in.tesseract import Word
from ml.language.masking import MASK, Masker
from ml.language.normalising import plain
from ml.language.ontology import load_ontology

_WORDS = Path(__file__).parent / "harmless.txt"
_INTERRUPTING = frozenset(
    (
        *(
            "age",
            "ans",
            "sexe",
            "sex",
            "f",
            "m",
            "h",
            "fc",
            "hr",
            "freq",
            "frequence",
            "rythme",
            "rhythm",
            "ecg",
        ),
        *("pr", "qrs", "qt", "qtc", "axe", "axes", "axis", "poids", "taille", "pa"),
    )
)
"""Words that end what a label announces: those measures begin with."""
_GAP = 2.5
"""Blanks between words of one line, in heights of its letters: after more, another line begins."""
_SURE, _LONG_AND_SURE, _PATTERN_SURE = 60, 45, 25
"""How surely words, words of five characters or more, and dates, numbers and labels are read at least: less
surely, a piece of curve is."""
_SHORT, _LONG = 3, 5

_LABELS: dict[TextKind, str] = {
    TextKind.NAME: r"noms?|prenoms?|nom de naissance|nom usuel|nom d'usage|patiente?|mme|mlle|madame|monsieur"
    r"|name|first ?name|last ?name|surname|nachname|vorname|apellidos?|cognome"
    r"|dr|docteur|professeur|prof|medecin|prescripteur|operateur|operatrice|technicien(?:ne)?|technician"
    r"|referred by|referring|confirmed by|reviewed by|ordered by|physician|infirmiere?|interne|valide par"
    r"|confirme par|demande par|adresse par|edite par|signe par|lu par|realise par|attending|operator",
    TextKind.DATE: r"nee?(?:\(e\))? ?(?:le|en)|nee|d\.?d\.?n\.?|date de naissance|naissance|birth ?date|dob"
    r"|date of birth|born|geburtsdatum",
    TextKind.IDENTIFIER: r"ipp|nip|nda|iep|nir|mrn|patient id|id patient|identifiant|acc#|accession"
    r"|n°|numero|matricule|numero de dossier|ssn|nss|n° ?ss|n° secu|rpps|adeli|finess|s/n",
    TextKind.CONTACT: r"tel|telephone|phone|fax|adresse|address|e-mail|courriel",
    TextKind.PLACE: r"chu|chr|chru|ghu|hopital|hospital|hospitalier|hopitaux|clinique|clinic|etablissement"
    r"|cabinet|maternite|ehpad|samu|smur|urgences|cardiologie|reanimation|ospedali?|ospedale"
    r"|krankenhaus|klinikum",
}
_COMMON_LABELS: dict[TextKind, str] = {
    TextKind.NAME: r"pr|tech|user|ide|nombre|m|mr|mrs|last|first",
    TextKind.DATE: r"date|ne|recorded|enregistre",
    TextKind.IDENTIFIER: r"id|pid|eid|edt|ins|ine|acc|account|order|visit|sejour|dossier|venue|no|num|secu"
    r"|case|record|device|serial|sn|serie|file",
    TextKind.CONTACT: r"mobile|portable|mail",
    TextKind.PLACE: r"ch|centre|center|service|unite|unit|uf|chambre|room|lit|bed|loc|location|site"
    r"|departement|department|institution",
}
"""Labels that are such only where a colon or the like follows: else, they are a measure or any word."""


def _kinds(labels: dict[TextKind, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{kind.value}>(?:{words}))" for kind, words in labels.items()))


_LABELLED, _LABELLED_BY_A_SIGN = _kinds(_LABELS), _kinds(_COMMON_LABELS)
_WORDS_OF_A_LABEL = 3

_UNITS = (
    r"(?:mm|mm/s|mm/sec|mm/mv|cm/mv|mv|uv|µv|hz|khz|ms|msec|mn|min|s|sec|bpm|bat/min|bat/mn|batt/min|/min|/mn|lpm|puls/min"
    r"|°|deg|degres|ans?|a|y|yo|yr|yrs|years?|mois|months?|jours?|j|kg|cm|m|mmhg|%|d|x|db|/s|1/min)"
)
_NUMBER = r"[<>=~±+*(\[-]{0,2}\d{1,4}(?:[.,]\d{1,4})?"
_HARMLESS = [
    re.compile(pattern)
    for pattern in (
        rf"{_NUMBER}(?:[/:x*;°-]{{1,2}}{_NUMBER}){{0,3}}{_UNITS}?(?:/{_UNITS})?[)\]]?",
        rf"{_UNITS}(?:/{_UNITS})?",
        r"\d{1,2}(?:st|nd|rd|th|er|e|eme)",
        r"\d{1,2}[:h]\d{2}(?:(?::|m|mn|min)\d{2}s?)?(?:[.,]\d+)?",
        r"(?:a[vy]+[rlfi]|v[r]?[1-9iseal]|v1[0-2]|[i1l|!]{1,4}|d[i1l|!23]{1,3}|[xyz]|vr|vl|vf|mcl\d|cm\d)[,:;.]?",
        r"(?:p|q|r|s|t|qrs|pr|qt|qtc|qtcb|qtcf|rr|pp|st|j|qtb|qtf)(?:[-/](?:p|q|r|s|t|qrs|pr|qt|qtc|rr|pp|st))*",
        r"[a-z]{0,2}[<>=+-]?\d{0,3}",
        r"\d{1,2} ?(?:of|sur) ?\d{1,2}|[1-9]0{4,5}",
    )
]
"""Against a word without accents and capitals: measures with their units, times of day, leads, intervals."""
_SIGN = re.compile(r"[:#=°]$|^[:#=]|\.$")
_YEAR = re.compile(r"\D*(?:19|20)\d{2}\D*")
_DATE = re.compile(
    r"\D*\d{1,4}\s?[./-]\s?(?:\d{1,2}|[^\W\d_]{3,9}\.?)\s?[./-]\s?\d{1,4}\D*"
    r"|\d{0,2}[./-]?(?:janv?|fevr?|feb|mars?|avr|apr|mai|may|juin|jun|juil|jul|aout|aug|sept?|oct|nov|dec)"
    r"[a-z]*[./-]{0,2}\d{2,4}"
)
_DAY_OR_YEAR = re.compile(r"\d{1,2}(?:er|st|nd|rd|th)?|\d{4}")
_LONG_NUMBER = re.compile(r"(?:.*\d){5,}.*")
_MAIL = re.compile(r".*(?:@|www\.).*")


def _vocabulary() -> frozenset[str]:
    names = [name for concept in load_ontology().concepts for name in concept.every_name]
    words = {word for name in names for word in re.findall(r"[^\W\d_]+", plain(name))}
    return frozenset(words | set(plain(_WORDS.read_text(encoding="utf-8")).split()))


_HARMLESS_WORDS = _vocabulary()
_MASKER = Masker(_HARMLESS_WORDS)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Words of one line that may identify somebody, as one part of the picture, in pixels."""

    kind: TextKind
    left: int
    top: int
    right: int
    bottom: int


def suspects(words: Iterable[Word], *, least_confidence: float = 0, shortest: int = 1) -> list[Suspect]:
    """Return the parts of a picture whose words may identify somebody.

    Parameters
    ----------
    least_confidence, shortest
        What a word must have besides where letters may lie on their side: there, curves are often read.
    """
    found = list[Suspect]()
    for line in _lines(words):
        kinds = _judged(line, least_confidence, shortest)
        for kind, run in groupby(zip(kinds, line, strict=True), key=lambda each: each[0] is not None):
            if kind:
                found.append(_suspect([(each, word) for each, word in run if each is not None]))
    return found


def _lines(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Yield the words of each line, which ends at a wide gap too."""
    for _, together in groupby(words, key=lambda word: word.line):
        line = list[Word]()
        for word in together:
            if line and word.left - line[-1].right > _GAP * max(word.bottom - word.top, 8):
                yield line
                line = []
            line.append(word)
        yield line


def _judged(line: Sequence[Word], least_confidence: float, shortest: int) -> list[TextKind | None]:
    """Return what each word looks like; None for one that is harmless or no word at all."""
    texts = [_tidy(word.text) for word in line]
    kinds = list[TextKind | None]([None] * len(line))
    masked = _masked(line)
    following: TextKind | None = None
    fresh = False
    index = 0
    while index < len(line):
        length, kind = _label(line, texts, index)
        if kind is not None:
            following, fresh = kind, True
            kinds[index : index + length] = [kind] * length
            index += length
            continue
        word, text = line[index], texts[index]
        sure = word.confidence >= least_confidence and len(text) >= shortest
        if sure and (shape := _shape(text)) is not None and word.confidence >= _PATTERN_SURE:
            kinds[index] = shape
        elif following is not None and (fresh or not _is_value(text)) and text not in _INTERRUPTING:
            kinds[index] = following
        elif sure and masked[index] and _is_word(text) and word.confidence >= _LONG_AND_SURE:
            kinds[index] = TextKind.IDENTIFIER if any(map(str.isdigit, text)) else TextKind.NAME
        elif sure and _is_read(word, text) and not _is_harmless(text):
            kinds[index] = TextKind.UNKNOWN
        elif text in _INTERRUPTING:
            following = None
        fresh = fresh and not text
        index += 1
    return _joined(line, texts, kinds)


def _joined(
    line: Sequence[Word], texts: Sequence[str], kinds: list[TextKind | None]
) -> list[TextKind | None]:
    """Take in what stands beside a suspicious word: short pieces, words written like names, days of dates."""
    for step in (1, -1):
        places = range(1, len(line)) if step == 1 else range(len(line) - 2, -1, -1)
        for index in places:
            beside = kinds[index - step]
            if kinds[index] is None and beside is TextKind.DATE and _DAY_OR_YEAR.fullmatch(texts[index]):
                kinds[index] = beside
            elif kinds[index] is None and beside is not None and not _belongs_to_a_measure(texts[index]):
                capital = line[index].text[:1].isupper()
                if len(texts[index]) < _SHORT or (capital and texts[index] not in _INTERRUPTING):
                    kinds[index] = beside
    return kinds


def _suspect(run: Sequence[tuple[TextKind, Word]]) -> Suspect:
    """Return one part for words beside each other: the kind that says most, and a margin."""
    kinds = [kind for kind, _ in run]
    kind = next(each for each in TextKind if each in kinds)
    words = [word for _, word in run]
    margin = max(round(0.25 * max(word.bottom - word.top for word in words)), 2)
    return Suspect(
        kind,
        min(word.left for word in words) - margin,
        min(word.top for word in words) - margin,
        max(word.right for word in words) + margin,
        max(word.bottom for word in words) + margin,
    )


def _label(line: Sequence[Word], texts: Sequence[str], index: int) -> tuple[int, TextKind | None]:
    """Return how many words from here on are a label, and of what."""
    for length in range(min(_WORDS_OF_A_LABEL, len(texts) - index), 0, -1):
        last = index + length - 1
        said = " ".join(texts[index : last + 1])
        found = _LABELLED.fullmatch(said)
        if not found and (_SIGN.search(line[last].text) or _SIGN.match(_at(line, last + 1))):
            found = _LABELLED_BY_A_SIGN.fullmatch(said)
        if found and said and line[last].confidence >= _PATTERN_SURE:
            return length, TextKind(found.lastgroup or "")
    return 0, None


def _at(line: Sequence[Word], index: int) -> str:
    return line[index].text if index < len(line) else ""


def _masked(line: Sequence[Word]) -> list[bool]:
    """Say of each word whether the rules for names in texts would mask it."""
    masked = _MASKER.mask(" ".join(word.text for word in line))
    starts = [0]
    for word in line:
        starts.append(starts[-1] + len(word.text) + 1)
    return [MASK in masked[start : start + len(word.text)] for start, word in zip(starts, line, strict=False)]


def _shape(text: str) -> TextKind | None:
    """Return what a word is by its shape alone."""
    if _MAIL.fullmatch(text):
        return TextKind.CONTACT
    if _DATE.fullmatch(text) or _YEAR.fullmatch(text):
        return TextKind.DATE
    if _LONG_NUMBER.fullmatch(text) and not _is_measure(text):
        return TextKind.IDENTIFIER
    return None


def _is_read(word: Word, text: str) -> bool:
    letters = sum(map(str.isalnum, text))
    least = _SURE if letters < _LONG else _LONG_AND_SURE
    return letters >= _SHORT and letters >= 0.7 * len(text) and word.confidence >= least


def _is_harmless(text: str) -> bool:
    pieces = [piece for piece in re.split(r"[-/'.,;:()=+&]+", text) if piece]
    return all(_is_measure(piece) or piece in _HARMLESS_WORDS for piece in pieces)


def _is_word(text: str) -> bool:
    return len(text) >= _SHORT or any(map(str.isdigit, text))


def _is_value(text: str) -> bool:
    """Say whether a word is a measure with a number in it."""
    return _is_measure(text) and any(map(str.isdigit, text))


def _belongs_to_a_measure(text: str) -> bool:
    return _is_value(text) or re.fullmatch(_UNITS, text) is not None


def _is_measure(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in _HARMLESS)


def _tidy(text: str) -> str:
    return plain(text).strip(" .,;:!?'\"*_|[]{}<>=~#»«")
