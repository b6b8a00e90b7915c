"""Triage in the browser: a clinician's visit from a note, a student's training; with and without a script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.support.browser import accessibility_faults, photograph

pytestmark = pytest.mark.e2e
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
NOTE = "Homme 62 ans, vient pour douleur thoracique. TA 14/8, FC 96, FR 18, T 37,4, SpO2 95 %, EVA 6/10."


def seen(page: Page, name: str) -> None:
    """Keep a picture, and hold the page to what every page must be."""
    photograph(page, name)
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_clinician_triages_a_visit_from_a_note(site: Site, enter: Callable[..., Page]) -> None:
    page = enter("clinician")
    page.goto(f"{site.address}/triage/new")
    page.get_by_label("Note d’accueil").fill(NOTE)
    page.get_by_role("button", name="Lire la note").click()
    expect(page.get_by_text("9 valeurs ont été lues dans la note.")).to_be_visible()
    expect(page.get_by_label("Température")).to_have_value("37,4")
    assert page.url == f"{site.address}/triage/new", "the form came in place"
    page.get_by_role("group", name="ECG typique d’un SCA").get_by_text("Oui").click()
    seen(page, "triage-form")
    page.locator(".form-actions").get_by_role("button", name="Trier ce patient").click()
    banner = page.locator(".triage-banner")
    expect(banner).to_contain_text(re.compile(r"Tri\s1.*Rouge.*immédiatement", re.DOTALL))
    expect(page.get_by_text("Ceci n’est pas un dispositif médical").first).to_be_visible()
    seen(page, "triage-answer")
    page.get_by_role("button", name=re.compile("^Confirmer")).click()
    expect(page.get_by_text("Votre avis est enregistré.")).to_be_visible()
    page.goto(f"{site.address}/triage")
    expect(page.locator("tbody tr").first).to_contain_text("Juste")
    seen(page, "triage-list")


def test_a_clinician_without_a_script_corrects_a_level_on_a_phone(
    site: Site, enter: Callable[..., Page]
) -> None:
    page = enter("clinician", java_script_enabled=False, **PHONE)
    page.goto(f"{site.address}/triage/new")
    page.get_by_label("Motif de consultation").fill("plaie de la main")
    page.get_by_label("Température").fill("98.6")
    page.locator(".form-actions").get_by_role("button", name="Trier ce patient").click()
    expect(page.locator("#temperature-error")).to_contain_text("ressemble à des °F")
    page.get_by_label("Température").fill("37,1")
    page.locator(".form-actions").get_by_role("button", name="Trier ce patient").click()
    page.get_by_text("Corriger le niveau").click()
    page.get_by_label("Le niveau aurait dû être").select_option("TRI_2")
    page.get_by_role("button", name="Enregistrer la correction").click()
    expect(page.get_by_text("Votre avis est enregistré.")).to_be_visible()


@pytest.mark.parametrize("look", ["script", "without-script"])
def test_a_student_triages_a_patient_and_reads_why(site: Site, enter: Callable[..., Page], look: str) -> None:
    page = enter("student", **({"java_script_enabled": False, **PHONE} if look == "without-script" else {}))
    page.goto(f"{site.address}/training")
    page.get_by_role("link", name=re.compile("^(Premier patient|Patient suivant)")).click()
    page.get_by_text(re.compile(r"^Tri\s3B$")).click()
    if look == "script":
        seen(page, "training-patient")
    page.get_by_role("button", name="Donner ce niveau").click()
    expect(page.get_by_text("cette règle donne le niveau").first).to_be_visible()
    expect(page.locator(".triage-score")).to_contain_text("/ 100")
    if look == "script":
        seen(page, "training-answer")
        page.goto(f"{site.address}/training")
        seen(page, "training")
