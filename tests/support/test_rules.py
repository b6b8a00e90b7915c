import pytest

from tests.support.rules import BUDGETS, area_of, budgets, overspent

UNUSED = ("randomly", "cacheprovider", "schemathesis", "hypothesispytest", "anyio")
"""Plugins that say nothing here, and of which two take seconds to import."""
RULES = ["-p", "tests.support.rules", *(word for name in UNUSED for word in ("-p", f"no:{name}"))]
SKIPPING = "def test_it(): pytest.skip('no data')"
pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _rules_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(BUDGETS.parents[1]))


@pytest.fixture
def under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def run_in_area(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    """Run a test file that lies in the area ml."""
    pytester.makeini("[pytest]\nmarkers = may_skip: may")
    folder = pytester.mkdir("tests") / "ml"
    folder.mkdir()
    folder.joinpath("test_it.py").write_text(f"import pytest\n{test}", encoding="utf-8")
    return pytester.runpytest_subprocess(*RULES)


@pytest.mark.usefixtures("under_ci")
def test_a_skip_fails_the_run_under_ci(pytester: pytest.Pytester) -> None:
    result = run_in_area(pytester, SKIPPING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nothing is skipped under CI*no data*"])


@pytest.mark.usefixtures("at_home")
def test_a_skip_is_a_skip_elsewhere(pytester: pytest.Pytester) -> None:
    run_in_area(pytester, SKIPPING).assert_outcomes(skipped=1)


@pytest.mark.usefixtures("under_ci")
def test_a_test_marked_so_may_skip_under_ci(pytester: pytest.Pytester) -> None:
    run_in_area(pytester, f"@pytest.mark.may_skip\n{SKIPPING}").assert_outcomes(skipped=1)


@pytest.mark.usefixtures("under_ci")
def test_a_module_that_skips_itself_fails_the_run_under_ci(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module')\n")
    pytester.runpytest_subprocess(*RULES).assert_outcomes(errors=1)


@pytest.mark.usefixtures("under_ci")
def test_a_skip_in_a_process_of_xdist_fails_the_run_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module')\n")
    assert pytester.runpytest_subprocess(*RULES, "-n", "1").ret != pytest.ExitCode.OK


@pytest.mark.usefixtures("under_ci")
def test_an_expected_failure_is_not_a_skip(pytester: pytest.Pytester) -> None:
    run_in_area(pytester, "@pytest.mark.xfail\ndef test_it(): assert False").assert_outcomes(xfailed=1)


@pytest.mark.usefixtures("at_home")
def test_an_area_without_a_budget_fails_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess(*RULES)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["Too slow: test_*", "*1 passed*"])


def test_the_served_product_comes_first_and_models_come_last(pytester: pytest.Pytester) -> None:
    for area in ("e2e", "ml", "server"):
        folder = pytester.path / "tests" / area
        folder.mkdir(parents=True)
        folder.joinpath(f"test_{area}.py").write_text("def test_it(): pass", encoding="utf-8")
    result = pytester.runpytest_subprocess(*RULES, "--collect-only", "-q")
    result.stdout.fnmatch_lines(["tests/e2e/*", "tests/server/*", "tests/ml/*"])


def test_an_area_may_pass_its_budget_by_half() -> None:
    assert overspent({"ml": 3.0}, {"ml": 2.0}) == []
    assert overspent({"ml": 3.1}, {"ml": 2.0}) == ["ml took 3.1 min of the 2 in budgets.toml"]


def test_a_slower_machine_has_so_much_more_time() -> None:
    assert overspent({"ml": 8.9}, {"ml": 2.0}, slower=3.0) == []
    assert overspent({"ml": 9.1}, {"ml": 2.0}, slower=3.0) == ["ml took 9.1 min of the 2 in budgets.toml"]


def test_the_area_of_a_test_is_its_first_folder() -> None:
    assert area_of("tests/schema/services/test_cases.py") == "schema"


def test_the_budgets_make_twenty_minutes() -> None:
    assert sum(budgets().values()) <= 20


def test_every_folder_of_tests_has_a_budget() -> None:
    folders = {path.relative_to(BUDGETS.parent).parts[0] for path in BUDGETS.parent.rglob("test_*.py")}
    assert folders <= budgets().keys()
