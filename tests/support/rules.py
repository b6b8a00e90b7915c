"""The rules of a run: under CI nothing is skipped, areas keep their budgets of minutes, and come in turn."""

import os
import tomllib
from collections import defaultdict
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from tests.support.growth import slowness

BUDGETS = Path(__file__).resolve().parents[1] / "budgets.toml"
TOLERANCE = 1.5
_seconds: dict[str, float] = defaultdict(float)
_SLOWER = pytest.StashKey[float]()


def budgets() -> dict[str, float]:
    """Return the minutes that each area may take."""
    return {area: float(minutes) for area, minutes in tomllib.loads(BUDGETS.read_text())["minutes"].items()}


def area_of(path: str) -> str:
    """Return the area of a test: the first folder under tests/."""
    return Path(path.removeprefix("tests/")).parts[0]


def overspent(minutes: Mapping[str, float], allowed: Mapping[str, float], slower: float = 1.0) -> list[str]:
    """Return a line for each area that took far more than its budget; without a budget it may take none.

    A machine that is slower than that which the budgets are written for has so much more time.
    """
    return [
        f"{area} took {spent:.1f} min of the {allowed.get(area, 0.0):g} in {BUDGETS.name}"
        for area, spent in sorted(minutes.items())
        if spent > slower * TOLERANCE * allowed.get(area, 0.0)
    ]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the served product and end with the models, in whatever order within an area.

    Of two processes one takes the first half of the tests and the other one the second, until it has time to
    take over. So demo, browser and walks are set up in one of them alone, and TensorFlow in the other.
    """
    turn = {"e2e": 0, "ml": 2}
    items.sort(key=lambda item: turn.get(area_of(item.nodeid), 1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips under CI, unless it is marked `may_skip`."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker("may_skip"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself whole under CI."""
    report = yield
    if report.skipped:
        _refuse_skip(report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what each test took."""
    _seconds[area_of(report.nodeid.partition("::")[0])] += report.duration


def pytest_sessionstart(session: pytest.Session) -> None:
    """Measure the machine before there is work."""
    session.config.stash[_SLOWER] = slowness()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when an area took far more than its budget; a soak's campaigns have none."""
    session.config.stash[_SLOWER] = max(session.config.stash[_SLOWER], slowness())
    if _over(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the minutes went."""
    allowed = budgets()
    terminalreporter.section(f"minutes by area, {config.stash[_SLOWER]:.1f} times as slow as usual")
    for area, spent in sorted(_minutes(config).items()):
        terminalreporter.line(f"{area:<14}{spent:5.1f} of {allowed.get(area, 0.0):g}")
    for line in _over(config):
        terminalreporter.line(f"Too slow: {line}", red=True)


def _over(config: pytest.Config) -> list[str]:
    if os.environ.get("CHEVET_SOAK") == "1":
        return []
    return overspent(_minutes(config), budgets(), config.stash[_SLOWER])


def _minutes(config: pytest.Config) -> dict[str, float]:
    """Return the minutes of the clock by area: the processes share the work evenly."""
    processes = config.getoption("numprocesses", None) or 1
    return {area: seconds / 60 / processes for area, seconds in _seconds.items()}


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"nothing is skipped under CI, and this was: {reason}"
