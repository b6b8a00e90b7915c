"""Real Chromium, Debian's, driven by Playwright; and axe-core's judgement of a page."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
PICTURES = ROOT / "build" / "screenshots" if os.environ.get("CHEVET_SCREENSHOTS") == "1" else None
"""Where pictures of pages are kept: where they are asked for, since those of a whole run take a minute."""
WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NewPage = Callable[..., Page]


# Playwright keeps an event loop in this thread, so one for the session would break every other test that
# runs asyncio; a start takes a second.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium for the module's tests."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing; `make test` installs it, or: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Return a function that opens a page as a person of its own: cookies and storage are not shared.

    It takes the options of Playwright's `Browser.new_context`: `locale`, `viewport`, `java_script_enabled` …
    """
    contexts: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()


def photograph(page: Page, name: str) -> None:
    """Keep a picture of a whole page, where pictures are asked for."""
    if PICTURES:
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def accessibility_faults(page: Page) -> list[str]:
    """Return what breaks WCAG 2.2 AA on a page as it stands, one line per rule and element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("tags => axe.run({runOnly: tags})", WCAG_2_2_AA)
    return [
        f"{rule['id']}: {rule['help']} — {node['html']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
