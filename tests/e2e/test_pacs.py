"""A teacher imports from the hospital's archives in a real browser, from a real Orthanc."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site
from tests.support.pacs import IDENTIFYING, Orthanc, another_of, picture, waveform

pytestmark = pytest.mark.e2e


def test_a_teacher_searches_the_pacs_ticks_and_opens_the_drafts(
    site: Site, enter: Callable[..., Page], orthanc: Orthanc, shared_data: Path
) -> None:
    today = dt.datetime.now(dt.UTC).strftime("%Y%m%d")
    first = waveform(shared_data, StudyDate=today, StudyDescription="Consultation")
    orthanc.store(first, another_of(first, picture(300, Modality="ECG", StudyDate=today)))
    page = enter("teacher")
    page.goto(f"{site.address}/builder/new")
    page.get_by_role("link", name="Importer depuis le PACS").click()
    page.get_by_label("Archive (PACS)").select_option("Cardiologie")
    page.get_by_label("Description de l’examen").fill("Consultation")
    page.get_by_role("button", name="Rechercher", exact=True).click()
    expect(page.get_by_role("heading", name="1 série trouvée")).to_be_visible()
    assert not [each for each in IDENTIFYING if each in page.content()]
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_text("Cochez au moins une série.").first).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("^Consultation")).check()
    page.get_by_label("Nom des cas").fill("Depuis le PACS")
    page.get_by_role("button", name="Importer", exact=True).click()
    page.wait_for_url(re.compile("/jobs/"))
    drafts = page.get_by_role("link", name=re.compile("^Ouvrir le brouillon"))
    expect(drafts).to_have_count(2, timeout=60_000)
    drafts.first.click()
    expect(page.locator("[data-ecg]")).to_have_count(1)
    expect(page.get_by_label("Nom", exact=True)).to_have_value(re.compile(r"Depuis le PACS \d"))
