"""French and English: which language a request is answered in, and the catalogues behind `_`."""

import gettext as standard_gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("fr", "en")
DEFAULT = "fr"
LOCALE_FOLDER = Path(__file__).resolve().parent.parent / "locale"

current_language: ContextVar[str] = ContextVar("current_language", default=DEFAULT)


def gettext(message: str) -> str:
    """Return the message in the current language; messages are written in English."""
    return catalogue(current_language.get()).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """Return the form of the message that goes with the count."""
    return catalogue(current_language.get()).ngettext(singular, plural, count)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Make a language the current one within the block."""
    token = current_language.set(language)
    try:
        yield
    finally:
        current_language.reset(token)


@cache
def catalogue(language: str) -> standard_gettext.NullTranslations:
    """Return a language's catalogue: compiled in memory where no current compiled one lies beside it."""
    source = LOCALE_FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not source.exists():
        return standard_gettext.NullTranslations()
    compiled = source.with_suffix(".mo")
    if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
        return standard_gettext.GNUTranslations(io.BytesIO(compiled.read_bytes()))
    return standard_gettext.GNUTranslations(io.BytesIO(_compiled(source)))


def preferred(accepted: str) -> str:
    """Return our language that an Accept-Language header prefers; French when it names neither."""
    choices = [_weighed(part) for part in accepted.split(",")]
    ours = [(weight, language) for weight, language in choices if language in LANGUAGES and weight > 0]
    return max(ours, key=lambda choice: choice[0])[1] if ours else DEFAULT


def _weighed(part: str) -> tuple[float, str]:
    tag, _, parameters = part.partition(";")
    try:
        weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
    except ValueError:
        weight = 0.0
    return weight, tag.strip().split("-")[0].lower()


def _compiled(source: Path) -> bytes:
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - only where no compiled catalogue is at hand
    from babel.messages.pofile import read_po  # noqa: PLC0415 - the same

    compiled = io.BytesIO()
    with source.open("rb") as lines:
        write_mo(compiled, read_po(lines, locale=source.parts[-3]))
    return compiled.getvalue()
