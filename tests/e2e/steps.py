"""What people do in the browser, said once."""

import re
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, expect

READING_MS = 90_000
"""For which pictures are read at most: some seconds of processor time each."""


def import_files(page: Page, address: str, files: Sequence[Path]) -> None:
    """Start a new case with some files; return once they are shown."""
    page.goto(f"{address}/builder/new")
    page.set_input_files("input[name=files]", [str(file) for file in files])
    page.wait_for_url(re.compile(r"/builder/[^/]+/import"), timeout=READING_MS)
    expect(page.locator("[data-ecg] img")).to_have_count(len(files))


def edit_picture(page: Page) -> None:
    """Open the editor of the first picture, from the page that lists it."""
    page.get_by_role("link", name="Recadrer et redresser").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recadrer et redresser")


def edited_by(page: Page) -> list[str]:
    """Return the steps the editor has, as it sends them."""
    return [str(each.get_attribute("value")) for each in page.locator("input[name=step]").all()]


def name_case(page: Page, name: str, category: str, difficulty: str) -> None:
    """Say what the case is and go on to annotating it."""
    page.get_by_label("Nom", exact=True).fill(name)
    page.get_by_label("Catégorie", exact=True).select_option(label=category)
    page.get_by_label("Difficulté", exact=True).select_option(label=difficulty)
    page.get_by_role("button", name="Enregistrer et annoter").click()
    page.wait_for_url(re.compile("/annotate"))


def guarded(page: Page, link: str) -> bool:
    """Return whether the browser asks before a link leaves the page; stay."""
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as asked:
        page.get_by_role("link", name=link).click(no_wait_after=True)
    return asked.value.type == "beforeunload"


def describe(page: Page, text: str) -> None:
    """Describe the tracing and ask for its concepts."""
    page.get_by_label("Décrivez-le avec vos mots").fill(text)
    page.get_by_role("button", name="Trouver les concepts").click()
    expect(page.get_by_role("heading", name="Proposés")).to_be_visible()


def add_proposed(page: Page) -> list[str]:
    """Add every proposed concept and return their names."""
    proposed = page.locator("section[aria-labelledby=proposed]")
    names = proposed.locator("> ul .concept-name").all_inner_texts()
    proposed.get_by_role("button", name=re.compile("^Ajouter les")).click()
    expect(kept(page)).to_have_count(len(names))
    return names


def kept(page: Page) -> Locator:
    """Return the concepts kept for the case."""
    return page.locator("section[aria-labelledby=kept] .concept")


def pick(page: Page, search: str, name: str, weight: str) -> None:
    """Pick a concept by hand, with its weight."""
    before = kept(page).count()
    if not page.get_by_label("Rechercher un concept").is_visible():
        page.get_by_text("Choisir par catégorie").click()
    page.get_by_label("Rechercher un concept").fill(search)
    page.get_by_role("button", name="Afficher les concepts").click()
    page.get_by_label(weight).check()
    page.get_by_role("button", name=f"Ajouter {name}", exact=True).first.click()
    expect(kept(page)).to_have_count(before + 1)


def validate(page: Page) -> None:
    """Save, go on to validation and validate the case."""
    page.get_by_role("button", name="Enregistrer et passer à la validation").click()
    page.get_by_role("button", name="Valider le cas").click()
    page.wait_for_url(re.compile("/builder/session"))


def make_session(page: Page, name: str, cases: Sequence[str]) -> str:
    """Make a session of validated cases by name and return its join code."""
    for case in cases:
        page.get_by_role("checkbox", name=re.compile(f"^{case}")).check()
    page.get_by_label("Nom", exact=True).fill(name)
    page.get_by_role("button", name="Créer la session").click()
    page.wait_for_url(re.compile("/builder/done/"))
    expect(page.get_by_text("disponible pour les étudiants")).to_be_visible()
    return page.locator(".join-code").inner_text().strip()


def join_and_begin(page: Page, address: str, code: str) -> None:
    """Join a session by code and begin."""
    page.goto(f"{address}/learn")
    page.get_by_label("Code d’accès").fill(code)
    page.get_by_role("button", name="Rejoindre une session").click()
    begin(page)


def begin(page: Page) -> None:
    """Begin the first session that can be begun, once asked."""
    asked = page.locator("details.confirm", has_text="Commencer maintenant").first
    asked.locator("summary").click()
    asked.get_by_role("button", name="Commencer maintenant").click()
    page.wait_for_url(re.compile(r"/attempts/[^/]+/1"))


def write(page: Page, text: str) -> None:
    """Write an answer and wait until the page says it is saved."""
    page.get_by_label("Votre lecture").fill(text)
    expect(page.locator("[data-save-state]")).to_have_attribute("data-state", "saved", timeout=10_000)


def hand_in(page: Page) -> None:
    """Hand the attempt in."""
    page.locator("summary", has_text="Rendre").click()
    page.get_by_role("button", name="Rendre définitivement").click()
    page.wait_for_url(re.compile("/result"))


def contest(page: Page, concept: str, statement: str) -> None:
    """Contest on the result page what the correction says of a concept."""
    row = page.locator(".verdict", has_text=concept).first
    row.get_by_text("Contester").click()
    row.get_by_label("Pourquoi contestez-vous").fill(statement)
    row.get_by_role("button", name="Envoyer à l’enseignant").click()
    expect(page.locator(".verdict", has_text=concept).first).to_contain_text("Contestation en attente")


def rule(page: Page, verdict: str, explanation: str) -> None:
    """Settle the contest the page shows."""
    page.get_by_text(verdict, exact=True).last.click()
    page.get_by_label("Explication pour l’étudiant").fill(explanation)
    page.get_by_role("button", name="Enregistrer la décision").click()
    page.wait_for_url(re.compile("/contests$"))
    expect(page.get_by_text("La décision est enregistrée.")).to_be_visible()


def add_webhook(page: Page, site: str) -> str:
    """Have an address told of everything, send it a test event and return the webhook's address."""
    page.goto(f"{site}/webhooks")
    page.get_by_label("Adresse").fill(f"{site}/nothing-here".replace("127.0.0.1", "localhost"))
    page.get_by_label("Tentative rendue").check()
    page.get_by_label("Note modifiée ou contestée").check()
    page.get_by_role("button", name="Ajouter").click()
    expect(page.locator(".secret")).to_contain_text("whsec_")
    page.goto(f"{site}/webhooks")
    page.locator("tbody a").first.click()
    page.get_by_role("button", name="Envoyer un événement d’essai").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    return page.url


def import_participants(page: Page, session: str) -> str:
    """Import participants from a file and return where what came of it is told, live."""
    page.goto(f"{session}/import")
    file = FilePayload(name="a.csv", mimeType="text/csv", buffer=b"email\nnobody@example.org\n")
    page.set_input_files("input[name=file]", file)
    page.get_by_role("button", name="Importer").click()
    expect(page.locator("#job tbody tr")).to_have_count(1)
    return page.url


def export_attempts(page: Page, session: str) -> str:
    """Export a session's attempts and return where the file is to be had, live."""
    page.goto(session)
    page.get_by_role("button", name="Exporter les tentatives").click()
    expect(page.get_by_role("link", name="Télécharger")).to_be_visible()
    return page.url


def have_beats_read(page: Page, address: str) -> list[str]:
    """Have a model read the demonstration ECG; return the page that asks and the one that tells."""
    page.goto(f"{address}/cases?search=rythme+sinusal+normal")
    page.locator(".card-title a").last.click()
    asking = page.get_by_role("link", name="Battements lus par un modèle").get_attribute("href")
    page.goto(f"{address}{asking}")
    page.get_by_role("button", name="Lire les battements").click()
    expect(page.get_by_role("heading", name="Ce que lit le modèle")).to_be_visible()
    page.goto(f"{address}{asking}")
    told = page.locator("a[href^='/predictions/']").first.get_attribute("href")
    return [f"{address}{asking}", f"{address}{told}"]
