"""Texts people type: names, titles, descriptions."""

import unicodedata

from schema.errors import FieldProblem


def line(text: str, path: str, maximum: int) -> tuple[str, list[FieldProblem]]:
    """Return a single line of text, composed and with single blanks, and what is wrong with it.

    It is required, at most `maximum` characters long, and printable: not every database stores the others (a
    zero byte, half a surrogate pair).
    """
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    where = tuple(path.split("."))
    if not tidy:
        return tidy, [FieldProblem(where, "required")]
    if len(tidy) > maximum:
        return tidy, [FieldProblem(where, "too_long", (("maximum", str(maximum)),))]
    if not tidy.isprintable():
        return tidy, [FieldProblem(where, "unprintable")]
    return tidy, []


def storable(text: str) -> str:
    """Return a text without the characters that mean nothing in one, which not every database stores."""
    return "".join(each for each in text if each in "\n\t" or unicodedata.category(each) not in {"Cc", "Cs"})


def prose(text: str, path: str, maximum: int) -> tuple[str, list[FieldProblem]]:
    """Return a longer text, its lines ended the Unix way, and what is wrong with it.

    Characters that mean nothing in a text (control characters, half a surrogate pair) are left out.
    """
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    tidy = storable(lines)
    if len(tidy) > maximum:
        return tidy, [FieldProblem(tuple(path.split(".")), "too_long", (("maximum", str(maximum)),))]
    return tidy, []
