"""Cutting a text about an ECG into the words that matter, each knowing where it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ml.language.normalising import Folded, fold, stem
from ml.language.vocabulary import ALL_NORMAL, EQUAL, JOINTS, PREFIXES, UNJOINED

_PATTERN = re.compile(
    r"""
    (?P<cannot>\b(?:can(?:\s?not|'t)|could(?:\s?not|n't))\b)
  | (?P<not>\b(?:do|does|did|is|are|was|were|has|have|had|would|should)n't\b)
  | (?P<without>\bw/o\b|\bss\b(?![\s-]*(?:de(?:cal|niv)|dec\b|st\b|endo|epi|jacen|unit)))
  | (?P<with>\bw/(?=\s?[a-z]))
  | (?P<below>\bss\b)
  | (?P<ruling>\br/o\b(?!'))
  | (?P<ruled>\br/o'?d\b)
  | (?P<absence>\babs\b\.?(?=\s*(?:d'|d[eu]\b|des\b)))
  | (?P<argument>\bargs?\b\.?(?=\s+(?:ecg|pour|pr|en|for|in)\b))
  | (?P<for>(?<=argument\s)pr\b|(?<=arguments\s)pr\b|(?<=arg\s)pr\b|(?<=args\s)pr\b|(?<=arg\.\s)pr\b
      |\bpr\b(?=\sune?\b))
  | (?P<nil>(?<![^\W\d_])ø)
  | (?P<minus>\(\s?-\s?\)
      |(?<=[a-z0-9+]\x20)-(?=\s*(?:$|[,;.)])|\x20*\n[^\n]*\s[+-]\x20*(?:\n|$))
      |(?<=[a-z]\s)0(?=\s*(?:$|[;)\n]|[,.](?!\d))))
  | (?P<equals>=(?=\s?(?:non?|0|-|ø)\s*(?:$|[;)\n]|[,.](?!\d))))
  | (?P<plus>(?:(?<=cornell)|(?<=sokolow))\s?\+)
  | (?P<ratio1>\br\s?/\s?s\s?(?:>|sup(?:erieure?)?(?:\sa)?)\s?1(?![\d.,]*\d))
  | (?P<normal>\b(?:within|in|inside)\s(?:the\s)?normal\s(?:limits?|range)\b
      |\bdans\sl(?:es|a)\s(?:limites?\sde\sla\snormale|normes?)\b)
  | (?P<after>\bpost\b(?=[\s-]*(?!ant|inf|lat|et\b|and\b)[a-z]))
  | (?P<special>(?<![a-z0-9])(?:st\s?\+|(?<=(?:sca|idm)\s)st\s?-(?!\s?[a-z]*elev)
      |st\s?-(?=\s*(?:[,.;:)\n]|$)|\s+(?:ant|inf|lat|sep|post|apic|circ))
      |rsr'?|r'|r/t|rs(?=\s?(?:[<>]|en\sv|v[1-9]|\d+\s?ms))|ac/fa|s1\s?q3(?:\s?t3)?))
  | (?P<vf>(?<=en\s)vf(?![a-z])|(?<=et\s)vf(?![a-z])|(?<=and\s)vf(?![a-z])
      |(?<=d3)vf(?![a-z])|(?<=iii[\s,/-])\s?vf(?![a-z])|(?<=[d\s]3[\s,/-])\s?vf(?![a-z]))
  | (?P<lead>(?:(?<![a-z0-9])|(?<=v[1-9])|(?<=d[123]))(?:v[1-9]r?|d(?:iii|ii|i|[123])|av[rlf]|v[rl])
      (?=v[1-9]|d[123]|av[lf]|(?![a-z0-9])))
  | (?P<negative>(?<![a-z0-9])t\s?-(?=\s*(?:[,.;:)\n]|$)|\s?(?:en|in|v[1-9]|d[i123]|av[lf]|inf|ant|lat|sep)))
  | (?P<fv>\bfv(?=\s?(?:a|=|:|~|vers|environ)?\s*\d{2,3}(?![\d.,]?\d)))
  | (?P<ratio>(?<![\d.,/:])(?:[1-9]\s?(?:[:/]|pour|to)\s?1(?!\d|[.,/]\d)
      |\b(?:un|deux|trois|quatre|one|two|three|four)[\s-](?:pour|to)[\s-](?:un|one)\b))
  | (?P<ordinal>(?<![\d.,])[123](?=(?:er|ere|re|e|eme|ieme|nd|nde|st|rd)\b))(?:[a-z]+)
  | (?P<number>\d+(?:[.,]\d+)?)
  | (?P<word>[^\W\d_]+)
  | (?P<dash>(?<=\s)->?(?=\s)|->)
  | (?P<arrow>=+>)
  | (?P<mark>[,.;:()\n?!>+/&])
    """,
    re.VERBOSE,
)
_MARKS = frozenset({"mark", "dash", "arrow", "equals"})
_LEADS = frozenset({"lead", "vf"})
# By the part of the pattern that found it: a VF among leads is no fibrillation, nor is `fv 150`.
_MEANT = {each: each for each in ("cannot", "not", "normal", "after")}
_MEANT |= {"without": "without", "with": "with", "below": "sous", "ruling": "r/o", "ruled": "r/od"}
_MEANT |= {
    "absence": "absenc",
    "argument": "argument",
    "for": "pour",
    "nil": "ø",
    "minus": "(-)",
    "equals": ":",
}
_MEANT |= {"plus": "positiv", "ratio1": "r/s>1"}
_MEANT |= {"vf": "avf", "fv": "frequenc", "negative": "tneg", "dash": ",", "arrow": "=>"}
_NUMERALS = {"premier": "1", "first": "1", "deuxiem": "2", "second": "2", "troisiem": "3", "third": "3"}
# Words whose stem is another word: French `note` would be English `not`, `rules out` to be ruled out.
_WHOLE = {
    "note": "noter",
    "notes": "noter",
    "notee": "noter",
    "notees": "noter",
    "none": "none",
    "poste": "poste",
    "late": "late",
    "rules": "rules",
    "excludes": "excludes",
}
_SPELT = {"un": "1", "deux": "2", "trois": "3", "quatre": "4"}
_SPELT |= {"one": "1", "two": "2", "three": "3", "four": "4"}
_ROMAN = {"i": "1", "ii": "2", "iii": "3"}
_BEFORE_ROMAN = frozenset({"bav", "bloc", "av", "mobitz", "typ", "degr", "degre", "grad", "m", "2", "1", "3"})
_WAVES = frozenset("pqrstufj")
# Two words that say the same as one, whichever order French or English puts them in.
_PAIRS = {
    ("bloc", "av"): "bav",
    ("av", "bloc"): "bav",
    ("non", "specifiqu"): "aspecifiqu",
    ("non", "specific"): "nonspecific",
    ("san", "particularit"): "normal",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or mark.

    Attributes
    ----------
    key
        What the word is compared by: its stem, or what it is equal to.
    start, end
        Characters of the original text it was read from.
    mark
        Whether it is punctuation.
    capital
        Whether it was written in capitals: `MI` is an infarct, `mi` is half of something.
    """

    key: str
    start: int
    end: int
    mark: bool = False
    lead: bool = False
    capital: bool = False


def tokenise(text: str | Folded, *, summed_up: bool = True) -> tuple[Token, ...]:
    """Cut a text into tokens: words joined to their prefixes, waves to their letters, numerals read.

    Unless told otherwise, a sentence that only calls everything normal becomes one token.
    """
    folded = fold(text) if isinstance(text, str) else text
    words = _shared_decalage(list(_joined(folded.text, list(_raw(folded)))))
    tokens = list(_pairs(_waves(_numerals(words))))
    return tuple(_summary(tokens) if summed_up else tokens)


def _raw(folded: Folded) -> Iterator[tuple[Token, int, int]]:
    """Yield each token with its place in the folded text, where prefixes are joined."""
    for found in _PATTERN.finditer(folded.text):
        kind = found.lastgroup or "word"
        start, end = found.span()
        key = found.group() if kind != "ordinal" else found.group()[0]
        if kind == "ratio":
            spelt = key.replace("-", " ").partition(" ")[0]
            key = f"{_SPELT.get(spelt, key[0])}:1"
        elif kind in _MEANT:
            key = _MEANT[kind]
        elif kind == "special":
            key = "rscomplex" if key == "rs" else key.replace(" ", "")
        first, last = folded.origin[start], folded.origin[end - 1] + 1
        written = folded.source[first:last]
        if written == "rS":  # a complex of a small r and a deep S, not the sinus rhythm
            key = "rscomplex"
        capital = written.isupper() or (last - first > 2 and written[:-1].isupper() and written[-1] == "s")
        yield Token(key, first, last, kind in _MARKS, kind in _LEADS, capital), start, end


def _joined(text: str, raw: list[tuple[Token, int, int]]) -> Iterator[Token]:
    """Join a prefix to the word after it, then reduce every word to its key."""
    index = 0
    while index < len(raw):
        token, _, end = raw[index]
        if token.key in PREFIXES and index + 1 < len(raw):
            following, start, _ = raw[index + 1]
            close = not text[end:start].strip(" -") and start - end <= 2
            if close and not following.mark and following.key not in UNJOINED and following.key.isalpha():
                token = replace(token, key=token.key + following.key, end=following.end)
                index += 1
        yield replace(token, key=_key(token.key)) if token.key.isalpha() and not token.lead else token
        index += 1


def _key(word: str) -> str:
    key = _WHOLE.get(word) or stem(word)
    key = _NUMERALS.get(key, key)
    return EQUAL.get(key, key)


def _shared_decalage(tokens: list[Token]) -> Iterator[Token]:
    """Give `sus` its noun in `sus ou sous-décalage`."""
    for index, token in enumerate(tokens):
        ahead = [each.key for each in tokens[index + 1 : index + 4] if each.key not in {"de", "d"}]
        if token.key == "sus" and len(ahead) > 1 and ahead[0] in JOINTS and ahead[1].startswith("sous"):
            yield replace(token, key="sus" + ahead[1].removeprefix("sous"))
        else:
            yield token


def _numerals(tokens: Iterator[Token]) -> Iterator[Token]:
    before = ""
    for token in tokens:
        roman = _ROMAN.get(token.key)
        yield replace(token, key=roman) if roman and before in _BEFORE_ROMAN else token
        before = token.key


def _waves(tokens: Iterator[Token]) -> Iterator[Token]:
    """Read `onde T` and `T wave` as one word, `ondet`."""
    held: Token | None = None
    for token in tokens:
        if held is None:
            held = token
        elif held.key == "ond" and token.key in _WAVES:
            held = Token("onde" + token.key, held.start, token.end)
        elif held.key in _WAVES and token.key == "wav":
            held = Token("onde" + held.key, held.start, token.end)
        else:
            yield held
            held = token
    if held is not None:
        yield held


def _pairs(tokens: Iterator[Token]) -> Iterator[Token]:
    held: Token | None = None
    for token in tokens:
        merged = _PAIRS.get((held.key, token.key)) if held else None
        if held and merged:
            held = Token(merged, held.start, token.end)
            continue
        if held:
            yield held
        held = token
    if held is not None:
        yield held


_SENTENCE_ENDS = frozenset({".", ";", "\n", "!"})
_OTHERWISE = (("otherwis",), ("sinon",), ("par", "ailleur"), ("le", "rest"), ("rest",))
_MOST_WORDS = 6


def _summary(tokens: list[Token]) -> Iterator[Token]:
    """Read a sentence that only calls everything normal (`RAS`, `otherwise unremarkable`) as one word."""
    first = 0
    for last in range(len(tokens) + 1):
        if last < len(tokens) and tokens[last].key not in _SENTENCE_ENDS:
            continue
        sentence = tokens[first:last]
        words = tuple(each.key for each in sentence) if len(sentence) <= _MOST_WORDS else ()
        opening = next((each for each in _OTHERWISE if first == 0 and words[: len(each)] == each), ())
        heads_line = (
            first > 1 and tokens[first - 2].key == ":"
        )  # `Repolarisation :` and `RAS` on the next line
        if words[len(opening) :] in _all_normal() and not heads_line:
            yield replace(sentence[0], key="ecgnormal", end=sentence[-1].end)
        else:
            yield from sentence
        yield from tokens[last : last + 1]
        first = last + 1


@cache
def _all_normal() -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(each.key for each in _pairs(_joined_words(phrase))) for phrase in ALL_NORMAL)


def _joined_words(phrase: str) -> Iterator[Token]:
    folded = fold(phrase)
    return _joined(folded.text, list(_raw(folded)))
