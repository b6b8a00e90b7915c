"""Every page: readable by everyone, on a phone and in the dark, by keyboard alone and without JavaScript."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from schema.types.base import global_id
from tests.e2e import steps
from tests.e2e.conftest import Site, sign_in
from tests.support.browser import accessibility_faults, photograph

pytestmark = pytest.mark.e2e
LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1366, "height": 768}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1366, "height": 768}, "color_scheme": "dark"},
}
Enter = Callable[..., Page]


@pytest.fixture(scope="session")
def walked() -> dict[str, list[str]]:
    """Return what `walk` found on this process's site: empty until then."""
    return {}


# A browser lives for a module; a process may come back to this module after others, when it takes over
# another's tests. The site still has the first walk's case and session by then.
@pytest.fixture(scope="module")
def walk(
    site: Site, browser: Browser, pictures: list[Path], walked: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Return the address of every page by role, made by doing the main job once."""
    if not walked:
        walked.update(_walk(site, browser, pictures))
    return walked


def _walk(site: Site, browser: Browser, pictures: list[Path]) -> dict[str, list[str]]:
    context = browser.new_context(locale="fr-FR", viewport={"width": 1366, "height": 768})
    teacher = context.new_page()
    sign_in(teacher, site, *site.people["teacher"])
    steps.import_files(teacher, site.address, pictures[:2])
    importing = teacher.url
    editing = str(teacher.get_by_role("link", name="Recadrer et redresser").first.get_attribute("href"))
    steps.name_case(teacher, "Tour des pages", "Infarctus", "Avancé")
    steps.describe(
        teacher, "Rythme sinusal, FC 75/min, axe normal, pas d'onde Q pathologique, PR allongé à 240 ms"
    )
    annotating = teacher.url.partition("#")[0]
    steps.add_proposed(teacher)
    steps.validate(teacher)
    code = steps.make_session(teacher, "Tour", ["Tour des pages"])
    done = teacher.url
    teacher.get_by_role("link", name="Suivre la session").click()
    following = teacher.url
    student_context = browser.new_context(locale="fr-FR")
    student = student_context.new_page()
    sign_in(student, site, *site.people["student"])
    student.set_default_timeout(15_000)
    steps.join_and_begin(student, site.address, code)
    steps.write(student, "Rythme sinusal, FC 75/min, axe gauche, PR normal")
    steps.hand_in(student)
    result = student.url
    steps.contest(student, "PR allongé", "J’ai mesuré 160 ms.")
    steps.contest(student, "Axe normal", "Trouvé à −20°.")
    teacher.goto(f"{site.address}/contests")
    contests = [f"{site.address}{link.get_attribute('href')}" for link in teacher.locator("tbody a").all()]
    teacher.goto(contests[0])
    steps.rule(teacher, "Trouvé en partie", "Un axe à −20° est encore normal.")
    student.goto(f"{site.address}/learn")
    steps.begin(student)
    quiz = student.url
    teacher.goto(following)
    teacher.locator("#activity a[href*='/review/']").first.click()
    review = teacher.url
    webhook = steps.add_webhook(teacher, site.address)
    jobs = [steps.import_participants(teacher, following), steps.export_attempts(teacher, following)]
    teacher.goto(f"{site.address}/cases?search=tour")
    teacher.locator(".card-title a").first.click()
    case = teacher.url
    beats = steps.have_beats_read(teacher, site.address)
    context.close()
    student_context.close()
    base = site.address
    return {
        "": [f"{base}/sign-in", f"{base}/nothing-here"],
        "teacher": [
            f"{base}/",
            f"{base}/builder/new",
            importing,
            f"{base}{editing}",
            f"{annotating}?category=RHYTHM",
            annotating.replace("/annotate", "/validate"),
            f"{base}/builder/session",
            done,
            f"{base}/cases",
            case,
            f"{base}/sessions",
            following,
            review,
            f"{base}/contests",
            *contests[:2],
            f"{base}/account",
            f"{base}/accounts",
            f"{base}/webhooks",
            webhook,
            f"{following}/import",
            f"{base}/jobs",
            *jobs,
            *beats,
        ],
        "student": [
            f"{base}/",
            f"{base}/learn",
            quiz,
            result,
            f"{base}/account",
            f"{base}/api?search=answer",
            f"{base}/api/types/Query#field-cases",
            f"{base}/api/changes",
        ],
        "admin": [
            f"{base}/",
            f"{base}/accounts",
            f"{base}/audit",
            f"{base}/concepts",
            f"{base}/concepts/{global_id('Concept', 'LBBB')}",
            f"{base}/concepts/{global_id('Concept', 'LBBB')}/edit",
            f"{base}/ontologies",
            f"{base}/ontologies/{global_id('Ontology', 1)}",
            f"{base}/api",
            f"{base}/models",
            f"{base}/statistics/feedback",
            f"{base}/monitoring",
        ],
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("role", ["", "teacher", "student", "admin"])
def test_every_page_meets_wcag_2_2_aa(
    site: Site, new_page: Callable[..., Page], walk: dict[str, list[str]], role: str, look: str
) -> None:
    page = new_page(locale="fr-FR", **LOOKS[look])
    problems: list[str] = []
    page.on(
        "console", lambda said: problems.append(f"console: {said.text}") if said.type == "error" else None
    )
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    if role:
        sign_in(page, site, *site.people[role])
    for number, address in enumerate(walk[role]):
        page.goto(address)
        page.wait_for_load_state("load")
        problems += [f"{address}: {fault}" for fault in accessibility_faults(page)]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            problems.append(f"{address}: {wide} px wider than the window")
        photograph(page, f"{role or 'stranger'}-{number:02d}-{look}")
    assert [line for line in problems if "404 (Not Found)" not in line] == []


def test_a_student_does_everything_by_keyboard(
    site: Site,
    new_page: Callable[..., Page],
    student_of: Callable[[str], tuple[str, str]],
    walk: dict[str, list[str]],
    enter: Enter,
) -> None:
    teacher = enter("teacher")
    teacher.goto(next(address for address in walk["teacher"] if "/builder/done/" in address))
    code = teacher.locator(".join-code").inner_text().strip()
    email, password = student_of("Clavier")
    page = new_page(locale="fr-FR", viewport={"width": 1366, "height": 768})
    page.goto(f"{site.address}/sign-in")
    _tab_to(page, "email")
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    page.goto(f"{site.address}/learn")
    _tab_to(page, "joinCode")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Vous avez rejoint")).to_be_visible()
    _tab_until(page, "Commencer")
    page.keyboard.press("Enter")
    _tab_until(page, "Commencer maintenant")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/attempts/[^/]+/1"))
    page.keyboard.press("r")
    expect(page.get_by_label("Votre lecture")).to_be_focused()
    page.keyboard.type("Rythme sinusal")
    expect(page.locator("[data-save-state]")).to_have_attribute("data-state", "saved", timeout=10_000)
    _tab_until(page, "Rendre")
    page.keyboard.press("Enter")
    _tab_until(page, "Rendre définitivement")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/result"))
    expect(page.locator(".score")).to_be_visible()


def test_the_whole_job_is_done_without_javascript(
    site: Site,
    new_page: Callable[..., Page],
    student_of: Callable[[str], tuple[str, str]],
    pictures: list[Path],
) -> None:
    page = new_page(locale="fr-FR", java_script_enabled=False, viewport={"width": 1366, "height": 900})
    sign_in(page, site, *site.people["teacher"])
    page.goto(f"{site.address}/builder/new")
    page.set_input_files("input[name=files]", [str(picture) for picture in pictures[:2]])
    page.get_by_role("button", name="Ajouter au cas").click()
    expect(page.locator("[data-ecg] img")).to_have_count(2, timeout=steps.READING_MS)
    page.get_by_role("button", name="Descendre ECG_01").click()
    expect(page.locator(".ecg-title").first).to_have_text("ECG_02")
    steps.name_case(page, "Sans script", "Autre", "Débutant")
    steps.describe(page, "Fibrillation atriale à 130/min")
    steps.add_proposed(page)
    steps.validate(page)
    code = steps.make_session(page, "Sans script", ["Sans script"])

    student = new_page(locale="fr-FR", java_script_enabled=False, viewport={"width": 390, "height": 844})
    sign_in(student, site, *student_of("Papier"))
    steps.join_and_begin(student, site.address, code)
    student.get_by_label("Votre lecture").fill("Fibrillation atriale")
    student.get_by_role("button", name="Enregistrer", exact=True).last.click()
    student.get_by_label("Ajouter un concept").fill("tachycardie")
    student.get_by_role("button", name="Rechercher").click()
    student.locator("#found button").first.click()
    expect(student.locator(".chip")).to_have_count(1)
    expect(student.get_by_label("Votre lecture")).to_have_value("Fibrillation atriale")
    steps.hand_in(student)
    expect(student.locator(".score")).to_contain_text("/ 100")


def test_english_is_spoken_to_who_asks_for_it(site: Site, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="en-GB")
    page.goto(f"{site.address}/sign-in")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def _tab_to(page: Page, name: str) -> None:
    _tab(page, "document.activeElement.name", lambda found: found == name)


def _tab_until(page: Page, words: str) -> None:
    _tab(page, "document.activeElement.innerText", lambda found: (found or "").strip() == words)


def _tab(page: Page, ask: str, enough: Callable[[str], bool]) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if enough(page.evaluate(ask)):
            return
    pytest.fail("the keyboard never gets there")
