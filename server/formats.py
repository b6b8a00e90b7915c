"""Dates, numbers and durations as French and English readers write them.

Babel is imported on first use: a worker that renders no figure never pays for it.
"""

import datetime as dt
from typing import Literal
from zoneinfo import ZoneInfo

from server.i18n import current_language

LOCALES = {"fr": "fr_FR", "en": "en_GB"}
NO_BREAK_SPACE = "\u00a0"


def _locale() -> str:
    return LOCALES[current_language.get()]


def instant(value: str | dt.datetime) -> dt.datetime:
    """Return an instant from its ISO form, as scalars arrive from GraphQL."""
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)


class Formats:
    """The template filters; instants are shown in one time zone.

    Parameters
    ----------
    zone
        The time zone of the people who read, e.g. `Europe/Paris`.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def date(self, value: str | dt.datetime) -> str:
        """Return « 21 novembre 2026 »."""
        from babel.dates import format_date  # noqa: PLC0415 - see the module's docstring

        return _first(str(format_date(instant(value).astimezone(self._zone), "long", locale=_locale())))

    def datetime(self, value: str | dt.datetime) -> str:
        """Return « 21 nov. 2026, 10:42 »."""
        from babel.dates import format_datetime  # noqa: PLC0415 - see the module's docstring

        local = instant(value).astimezone(self._zone).replace(tzinfo=None)
        return _first(str(format_datetime(local, "d MMM y, HH:mm", locale=_locale())))

    def time(self, value: str | dt.datetime) -> str:
        """Return « 10:42 »."""
        return instant(value).astimezone(self._zone).strftime("%H:%M")

    def datetime_local(self, value: str | dt.datetime) -> str:
        """Return the value of an `<input type=datetime-local>`."""
        return instant(value).astimezone(self._zone).strftime("%Y-%m-%dT%H:%M")


def day(value: str, length: Literal["short", "long"] = "long") -> str:
    """Return a day from its ISO form: « 21 novembre 2026 », or « 21/11/2026 »."""
    from babel.dates import format_date  # noqa: PLC0415 - see the module's docstring

    form = "long" if length == "long" else "dd/MM/y"
    return _first(str(format_date(dt.date.fromisoformat(value), form, locale=_locale())))


def _first(date: str) -> str:
    """Return a date; the first of a month in French, as CLDR has it not: « 1er novembre 2026 »."""
    return f"1er{date[1:]}" if current_language.get() == "fr" and date.startswith("1 ") else date


def month(value: str) -> str:
    """Return the month of a day in ISO form: « octobre 2026 »."""
    from babel.dates import format_date  # noqa: PLC0415 - see the module's docstring

    return str(format_date(dt.date.fromisoformat(value), "LLLL y", locale=_locale()))


def number(value: float, digits: int = 1) -> str:
    """Return a number with at most that many decimals: « 1 234,5 »."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - see the module's docstring

    pattern = "#,##0." + "#" * digits if digits else "#,##0"
    return str(format_decimal(value, format=pattern, locale=_locale()))


def percent(value: float, digits: int = 0) -> str:
    """Return a percentage between 0 and 100 with its sign: « 87 % » in French, "87%" in English."""
    space = NO_BREAK_SPACE if current_language.get() == "fr" else ""
    return f"{number(value, digits)}{space}%"


def moment(seconds: float, digits: int = 2, *, clock: bool = False) -> str:
    """Return a place in a recording: « 12,34 s », or « 22:44,8 » by the clock of a long one."""
    if not clock:
        return f"{number(seconds, digits)}{NO_BREAK_SPACE}s"
    minutes, tenths = divmod(round(seconds * 10), 600)
    return f"{minutes}:{tenths // 10:02d}{number(0.1, 1)[1]}{tenths % 10}"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: « 1 h 05 min », « 12 min 30 s », « 45 s »."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _joined(f"{hours} h", f"{minutes:02d} min" if minutes else "")
    if minutes:
        return _joined(f"{minutes} min", f"{rest:02d} s" if rest else "")
    return _joined(f"{rest} s")


def _joined(*parts: str) -> str:
    return NO_BREAK_SPACE.join(part.replace(" ", NO_BREAK_SPACE) for part in parts if part)
