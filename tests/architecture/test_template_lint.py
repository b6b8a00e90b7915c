import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.template_lint import REFUSED, faults

ROOT = Path(__file__).resolve().parents[2]

BAD = {
    '<a hx-on:click="go()">': "hx-on",
    '<a data-hx-on::after-swap="go()">': "hx-on",
    '<a hx-trigger="click[ctrlKey]">': "hx-trigger",
    "<a hx-trigger:inherited='keyup[key==\"s\"]'>": "hx-trigger",
    "<a hx-trigger=click[ctrlKey]>": "hx-trigger",
    """<a hx-vals='js:{"now": Date.now()}'>""": "js:",
    '<a href="JavaScript:go()">': "javascript:",
    '<p style="color: red">': "style=",
    '<p class="a" style = "color: red">': "style=",
    "<style>p { color: red }</style>": "<style>",
    "<script>go()</script>": "<script>",
    '<script type="module">go()</script>': "<script>",
}
GOOD = [
    '<a hx-trigger="keyup changed delay:500ms, save from:body">',
    '<script src="/static/vendor/htmx.min.js" defer></script>',
    '<script\n  type="module" src="/static/js/app.js"></script>',
    '<link rel="stylesheet" href="/static/css/base.css">',
    '<path stroke="currentColor" data-style="thin">',
    '<script src="/static/js/app.js"></script>',
]


@pytest.mark.parametrize("template, named", BAD.items())
def test_the_lint_refuses_what_the_policy_blocks(template: str, named: str) -> None:
    [(line, reason)] = faults(f"<main>\n{template}\n</main>")
    assert (line, named in reason) == (2, True)


def test_every_refusal_is_tried_above() -> None:
    assert {reason for template in BAD for _, reason in faults(template)} == REFUSED.keys()


@pytest.mark.parametrize("template", GOOD)
def test_the_lint_lets_harmless_markup_pass(template: str) -> None:
    assert list(faults(template)) == []


def test_the_command_fails_and_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "page.html").write_text("<p>\n<p style=''>\n", encoding="utf-8")
    command = [sys.executable, "-m", "tests.architecture.template_lint", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{tmp_path}/cases/page.html:2: style=" in done.stdout
    assert "1 templates, 1 faults" in done.stdout


def test_our_templates_hold_nothing_refused() -> None:
    command = [sys.executable, "-m", "tests.architecture.template_lint", "templates"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
