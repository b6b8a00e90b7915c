"""Hiding who a text is about before it leaves the machine.

Each name or identifier is overwritten character by character, so that every position in the masked text is
one in the text itself. The rules see names where something announces them (a title, `patient`, `né le`, an
age), never by a list of people: a name in the middle of a sentence without any of these stays. They are our
own because the known libraries (Presidio, EDS-Pseudo) bring a language model of several hundred megabytes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Self

from ml.language.normalising import plain
from ml.language.ontology import Ontology
from ml.language.types import Span
from ml.language.vocabulary import SKIPPED

MASKING_VERSION = 2
MASK = "_"

_NAME = r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_]))*(?!\w)"
_WHOLE_NAME = rf"(?<![^\W\d_])(?<![^\W\d_]['’-]){_NAME}"
"""One that begins nowhere within another: a long run of letters is tried once, not at each of them."""
_PARTICLE = r"(?:d[eu]|des|la|le|van|von|der|den|ben|el|al|d['’]|l['’])"
_PARTICLES = rf"(?:{_PARTICLE}[ ]*){{0,3}}"
_NAMES = rf"{_NAME}\.?(?:[ ]+{_PARTICLES}{_NAME}){{0,3}}"
_INITIALS = r"(?:[^\W\d_]\.(?:[ -]?[^\W\d_]\.){0,3}[ ]*)?"
_TITLES = (
    r"(?i:monsieur|madame|mademoiselle|mme|mlle|mrs?|(?-i:Ms)|miss|dr|docteur|doctor|professeur|professor"
    r"|prénom|nom(?:[ ]de[ ]naissance)?|nommée?|named|name|surname|s['’]appelle|appelée?)"
)
_ANNOUNCED = re.compile(rf"\b{_TITLES}\b\.?(?:[ ]*:)?[ ]*(?=(?P<who>{_INITIALS}{_NAMES}))")
_WEAKLY_ANNOUNCED = re.compile(
    rf"(?:(?<!\w)(?<!\ben[ ])(?:M\.|MM\.|M(?=[ ]+[^\W\d_][a-zà-ÿ])|Pr\.?)[ ]*"
    rf"|\b(?i:patiente?|malade)\b(?:[ ]*:)?[ ]*)(?=(?P<who>{_INITIALS}{_NAMES}))"
)
_AGED = re.compile(
    rf"(?P<who>{_WHOLE_NAME}[ ]+{_PARTICLES}{_NAME})(?:[ ]*,)?[ ]*\(?"
    r"(?=née?\b|born\b|\d{1,3}[ ]*(?:ans?\b|a\b|years?\b|y\.?/?o\b))"
)
_MONTHS = (
    r"(?:janv|févr|fevr|mars|avr|mai|juin|juil|août|aout|sept|oct|nov|déc|dec"
    r"|jan|feb|mar|apr|may|jun|jul|aug|sep)[a-zéû]*\.?"
)
_NUMBERED = (
    r"ipp|nip|nda|iep|ins|mrn|nir|rpps|finess|dossier|séjour|venue|identifiant|matricule"
    r"|chambre|lit|box|room|bed|record|file|id"
)
_NUMBER = r"(?:n°|no\.?|num[ée]ro|number|:|#)"
_STREET = r"rue|avenue|av\.|boulevard|bd|bvd|place|impasse|chemin|allée|route|quai|square|cours|faubourg"
_IDENTIFIERS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"\b(?:https?://|www\.)\S+",
        r"\b[12][ .]?\d{2}[ .]?\d{2}[ .]?(?:\d{2}|2[ab])[ .]?\d{3}[ .]?\d{3}(?:[ .]?\d{2})?\b",  # the NIR
        r"(?<![\w/])(?:\+|00)\d{1,3}(?:[ .-]?\(?\d\)?){6,12}(?!\d)",  # telephones
        r"(?<![\w/])0[1-9](?:[ .-]?\d{2}){4}(?!\d)",
        r"(?<![\d/])\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?![\d/])",  # dates
        r"\b\d{4}-\d{2}-\d{2}\b",
        rf"\b\d{{1,2}}(?:er|st|nd|rd|th)?[ ]+{_MONTHS}[ ]+\d{{2,4}}\b",
        rf"\b{_MONTHS}[ ]+\d{{1,2}}(?:st|nd|rd|th)?,?[ ]+\d{{4}}\b",
        r"(?:(?<=\bnée en )|(?<=\bné en )|(?<=\bborn in )|(?<=\bddn ))\d{4}\b",
        rf"(?:\b(?:{_NUMBERED})\b|n°)[ ]*(?:{_NUMBER}{{1,4}}[ ]*)?(?=[\w/-]{{0,40}}\d)[\w/-]+",
        r"(?<![\w.,])\d{6,}(?!\w)",
        rf"\b\d{{1,4}}(?:[ ]?(?:bis|ter))?,?[ ]+(?:{_STREET})[ ]+[^\n,;.]{{2,60}}",
        r"\b\d{1,4}[ ]+(?-i:(?:[A-Z][a-z]+[ ]+){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Square)\b)",
        r"\b\d{5}[ ]+(?-i:[A-ZÉÈÎ][\w'’-]+(?:[ -](?:[A-ZÉÈÎ]|sur|en|lès|le|la|les)[\w'’-]*)*)",
    )
]
_WORDS: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "data" / "masking.json").read_text(encoding="utf-8")
)
_PLAIN = SKIPPED.union(_WORDS["ordinary"])


class Masker:
    """Masks names and identifiers, and leaves what an ECG is described with.

    Parameters
    ----------
    names
        Names of concepts: after a weak sign of a name, such as `patient`, their words are no names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        words = {word for name in names for word in re.findall(_NAME, plain(name))}
        self._abbreviations = {pair for name in names for pair in _abbreviations(name)}
        self._described = _PLAIN.union(words, _WORDS["eponyms"])

    @classmethod
    def of(cls, ontology: Ontology) -> Self:
        """Return one that leaves an ontology's concepts."""
        return cls(name for each in ontology.concepts for name in each.every_name)

    def mask(self, text: str) -> str:
        """Return the text, as long as it was, without whom it is about."""
        masked = list(text)
        for span in self._stretches(text):
            masked[span.start : span.end] = MASK * (span.end - span.start)
        return "".join(masked)

    def _stretches(self, text: str) -> Iterator[Span]:
        for pattern in _IDENTIFIERS:
            yield from (Span(*found.span()) for found in pattern.finditer(text))
        named = set(self._names(text))
        yield from named
        words = {plain(text[span.start : span.end]) for span in named}
        for each in re.finditer(_WHOLE_NAME, text):  # said once with a title, then without
            if len(each[0]) > 2 and each[0][0].isupper() and plain(each[0]) in words:
                yield Span(*each.span())

    def _names(self, text: str) -> Iterator[Span]:
        for pattern, strong in ((_ANNOUNCED, True), (_WEAKLY_ANNOUNCED, False), (_AGED, False)):
            for found in pattern.finditer(text):
                yield from self._words(text, Span(*found.span("who")), strong=strong)

    def _words(self, text: str, who: Span, *, strong: bool) -> Iterator[Span]:
        """Yield each word of a name; it ends where ordinary words or what was seen on the ECG begin."""
        found = re.finditer(_WHOLE_NAME, text[who.start : who.end])
        words = [(word, plain(word[0])) for word in found]
        for number, (word, said) in enumerate(words):
            capital = word[0][0].isupper()
            if number and re.fullmatch(_PARTICLE, said):
                continue
            titled = capital and (len(word[0]) == 1 or not word[0].isupper())
            known = _PLAIN if strong and (titled or not number) else self._described
            if not capital and (number or not strong or len(said) == 1):
                return
            initial = len(said) == 1 and (strong or text.startswith(".", who.start + word.end()))
            if said in known and not initial:
                return
            following = words[number + 1][1] if number + 1 < len(words) else ""
            if initial and not strong and (said, following) in self._abbreviations:
                return
            yield Span(who.start + word.start(), who.start + word.end())


def _abbreviations(text: str) -> Iterator[tuple[str, str]]:
    """Yield each letter before a full stop with the word after it: `A. fib`."""
    for letter, word in pairwise(re.finditer(_WHOLE_NAME, text)):
        if len(letter[0]) == 1 and text.startswith(".", letter.end()):
            yield plain(letter[0]), plain(word[0])
