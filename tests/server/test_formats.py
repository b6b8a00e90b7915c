"""Dates, numbers and durations as their readers write them; values computed by hand."""

from zoneinfo import ZoneInfo

import pytest

from server.formats import Formats, day, duration, moment, number, percent
from server.i18n import speaking

PARIS = Formats(ZoneInfo("Europe/Paris"))
WINTER, SUMMER = "2026-11-21T09:42:00+00:00", "2026-07-21T22:42:00+00:00"


def test_a_date_is_written_out() -> None:
    with speaking("fr"):
        assert PARIS.date(WINTER) == "21 novembre 2026"
    with speaking("en"):
        assert PARIS.date(WINTER) == "21 November 2026"


def test_the_first_of_a_month_is_an_ordinal_in_french_alone() -> None:
    with speaking("fr"):
        assert PARIS.date("2026-11-01T09:00:00+00:00") == "1er novembre 2026"
        assert PARIS.datetime("2026-11-01T09:00:00+00:00") == "1er nov. 2026, 10:00"
        assert (day("2026-11-01"), day("2026-11-11")) == ("1er novembre 2026", "11 novembre 2026")
        assert day("2026-11-01", "short") == "01/11/2026"
    with speaking("en"):
        assert day("2026-11-01") == "1 November 2026"


def test_an_instant_is_shown_in_the_readers_time_zone() -> None:
    with speaking("fr"):
        assert PARIS.datetime(WINTER) == "21 nov. 2026, 10:42"
        assert PARIS.datetime(SUMMER) == "22 juil. 2026, 00:42"
    with speaking("en"):
        assert PARIS.datetime(WINTER) == "21 Nov 2026, 10:42"
    assert PARIS.time(WINTER) == "10:42"
    assert PARIS.datetime_local(SUMMER) == "2026-07-22T00:42"


def test_numbers_have_their_languages_comma() -> None:
    with speaking("fr"):
        assert number(1234.56) == "1\u202f234,6"
        assert number(1234.56, 0) == "1\u202f235"
        assert number(40) == "40"
    with speaking("en"):
        assert number(1234.56) == "1,234.6"


def test_a_percentage_keeps_its_sign() -> None:
    with speaking("fr"):
        assert percent(87.4) == "87\u00a0%"
        assert percent(0) == "0\u00a0%"
    with speaking("en"):
        assert percent(87.46, 1) == "87.5%"


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0, "0 s"),
        (45, "45 s"),
        (59.6, "1 min"),
        (750, "12 min 30 s"),
        (3600, "1 h"),
        (3900, "1 h 05 min"),
        (10800, "3 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said.replace(" ", "\u00a0")


def test_a_place_in_a_long_recording_is_told_by_the_clock() -> None:
    with speaking("fr"):
        assert moment(12.34) == "12,34\u00a0s"
        assert moment(1_364.78, clock=True) == "22:44,8"
        assert moment(59.96, clock=True) == "1:00,0"
    with speaking("en"):
        assert moment(3.6, clock=True) == "0:03.6"
