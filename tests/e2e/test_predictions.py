"""What a model reads of the beats: in the page, on a phone, in the dark, by keyboard, without JavaScript."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import ROOT, Site, environment, is_ready, sign_in
from tests.support.browser import accessibility_faults, photograph
from tests.support.processes import free_port, running

pytestmark = pytest.mark.e2e
NewPage = Callable[..., Page]
READ = re.compile("^Lire (de nouveau )?les battements")


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the demo, served with a toy as its champion."""
    folder, port = tmp_path_factory.mktemp("toys"), free_port()
    settings = {**environment(folder), "PYTHONPATH": str(ROOT)}
    for command in ("migrate", "seed"):
        options = ["--demo"] if command == "seed" else []
        subprocess.run(
            [sys.executable, "-m", "server", command, *options], cwd=ROOT, env=settings, check=True
        )
    serve = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port)]
    said = [f"{name}={value}" for name, value in settings.items()]
    started = ["env", "-i", *said, *serve, "--factory", "tests.e2e.toy_site:application"]
    with running(started, log=folder / "serve.log", ready=lambda: is_ready(port)):
        lines = (folder / "demo-passwords.txt").read_text(encoding="utf-8").splitlines()
        people = {role: (email, password) for role, email, password in (line.split(" ", 2) for line in lines)}
        yield Site(f"http://127.0.0.1:{port}", folder, people, settings)


def entered(new_page: NewPage, site: Site, role: str, **options: object) -> Page:
    page = new_page(**{"locale": "fr-FR", "viewport": {"width": 1366, "height": 768}, **options})
    page.set_default_timeout(15_000)
    sign_in(page, site, *site.people[role])
    return page


def middle(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2


def seen(page: Page, name: str) -> None:
    """Keep a picture, and hold the page to what every page must be."""
    photograph(page, name)
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_teacher_has_the_beats_read_in_the_page_and_takes_up_what_is_found(
    toys: Site, new_page: NewPage
) -> None:
    page = entered(new_page, toys, "teacher")
    page.goto(f"{toys.address}/cases")
    page.locator(".card-title a").first.click()
    case = page.url
    page.get_by_role("link", name="Battements lus par un modèle").click()
    page.get_by_role("button", name=READ).click()
    strip = page.locator(".beat-strip svg")
    expect(strip.locator(".beat-mark")).to_have_count(12)
    expect(page.get_by_text("Ceci n’est pas un diagnostic").first).to_be_visible()
    assert page.url == case, "the panel came to the page"
    strip.locator("a").nth(2).click()
    expect(page.get_by_role("heading", name=re.compile("Battement 3"))).to_be_focused()
    page.get_by_role("link", name="Battement 10", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("Battement 10"))).to_be_focused()
    seen(page, "beats-in-the-case")
    page.get_by_role("button", name="Confirmer ce battement").click()
    expect(page.get_by_text("Votre avis est enregistré.")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("Battement 5, à 3,6"))).to_be_focused()
    page.get_by_role("button", name="Confirmer ce battement").click()
    expect(page.get_by_role("heading", name=re.compile("Battement 12"))).to_be_focused()
    assert page.url == case, "beats are judged one after another where one is"
    seen(page, "beats-beat")
    page.get_by_role("link", name="Proposer comme annotations").click()
    page.get_by_role("button", name="Ajouter Extrasystole ventriculaire").click()
    expect(page.locator("form", has=page.locator("#kept"))).to_contain_text("Extrasystole ventriculaire")
    seen(page, "beats-suggested")


@pytest.mark.parametrize(
    "look, options",
    [
        ("phone", {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}),
        ("dark", {"color_scheme": "dark"}),
        ("without-script", {"java_script_enabled": False}),
    ],
)
def test_the_panel_on_a_phone_in_the_dark_and_without_a_script(
    toys: Site, new_page: NewPage, look: str, options: dict[str, object]
) -> None:
    page = entered(new_page, toys, "teacher", **options)
    page.goto(f"{toys.address}/cases")
    page.locator(".card-title a").first.click()
    page.get_by_role("link", name="Battements lus par un modèle").click()
    page.get_by_role("button", name=READ).click()
    page.locator(".beat-strip svg a").nth(4).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("Battement 5, à 3,6"))).to_be_visible()
    if look == "phone":
        beat, strip = page.locator(".beat-strip a[aria-current]"), page.locator(".beat-strip")
        assert abs(middle(beat) - middle(strip)) < 2, "the strip is scrolled to the beat"
    page.get_by_text("Corriger ce battement").click()
    page.get_by_label("C’est plutôt").select_option("APB")
    page.get_by_role("button", name="Enregistrer la correction").first.click()
    expect(page.get_by_text("Votre avis est enregistré.")).to_be_visible()
    expect(page.locator("section[id$=-list]")).to_contain_text("Extrasystole atriale")
    expect(page.locator("section[id$=-list]")).to_contain_text("corrigé par vous")
    if look != "without-script":
        seen(page, f"beats-{look}")


def test_what_moved_the_model_of_triage_fits_the_narrowest_phone(toys: Site, new_page: NewPage) -> None:
    page = entered(new_page, toys, "clinician", viewport={"width": 320, "height": 844})
    page.goto(f"{toys.address}/triage/new")
    page.get_by_label("Motif de consultation").fill("douleur thoracique")
    page.locator(".form-actions").get_by_role("button", name="Trier ce patient").click()
    expect(page.get_by_role("columnheader", name="Contribution")).to_be_attached()
    table, frame = (
        page.locator(".triage-reasons").bounding_box(),
        page.locator(".triage-model").bounding_box(),
    )
    assert table is not None
    assert frame is not None
    assert table["x"] + table["width"] <= frame["x"] + frame["width"] + 0.5
    seen(page, "triage-narrow")


def test_an_administrator_puts_a_version_to_use_and_rolls_back(toys: Site, new_page: NewPage) -> None:
    page = entered(new_page, toys, "admin")
    page.goto(f"{toys.address}/models")
    expect(page.get_by_role("row", name=re.compile("Champion")).first).to_contain_text("1")
    page.get_by_text("Mettre en service").nth(0).click()
    page.get_by_label("Pourquoi, si la règle de promotion s’y oppose").nth(0).fill("Essai de la chaîne.")
    page.get_by_role("button", name="Mettre la version 2 en service").click()
    expect(page.get_by_text("La version répond désormais.")).to_be_visible()
    seen(page, "models")
    page.get_by_role("button", name="Revenir en arrière").click()
    expect(page.get_by_text("La version précédente répond de nouveau.")).to_be_visible()
