"""The whole main job in a real browser, on real ECGs."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, Position, expect

from tests.e2e import steps
from tests.e2e.conftest import Site, sign_in

pytestmark = pytest.mark.e2e
BAV2 = "BAV du 2e degré Mobitz 1, fréquence à 60 bpm, axe normal, pas d'onde Q pathologique"
STEMI = "STEMI antérieur étendu, sus-décalage ST V1-V6, miroir en inférieur, évolution vers ondes Q profondes"
BAV1 = "BAV du 1er degré avec PR allongé à 240ms"
BAV3 = "BAV 3 complet avec dissociation AV, FC ventriculaire 35"
Enter = Callable[..., Page]


def test_a_stranger_is_asked_to_sign_in_and_sees_nothing(site: Site, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="fr-FR")
    for path in ("/builder", "/cases", "/sessions", "/learn", "/account", "/audit"):
        page.goto(f"{site.address}{path}")
        assert "/sign-in" in page.url


def test_a_teacher_turns_one_png_into_a_case_with_five_concepts(
    site: Site, enter: Enter, pictures: list[Path]
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, pictures[:1])
    steps.name_case(page, "Bloc à cinq concepts", "Trouble de la conduction", "Intermédiaire")
    steps.describe(page, BAV2)
    names = steps.add_proposed(page)
    assert len(names) >= 4
    shares = page.locator("section[aria-labelledby=proposed] .confidence").all_inner_texts()
    percents = [int(found.group(1)) for text in shares if (found := re.search(r"(\d+)", text))]
    assert percents == sorted(percents, reverse=True)
    assert min(percents) >= 70
    steps.pick(page, "PR allongé", "PR allongé", "0,8 important")
    assert steps.kept(page).count() >= 5
    steps.validate(page)
    page.goto(f"{site.address}/cases?search=cinq+concepts")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card")).to_contain_text("Validé")


def test_three_pngs_with_labels_and_timings_and_eight_concepts(
    site: Site, enter: Enter, pictures: list[Path]
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, pictures)
    for number, (label, timing) in enumerate(
        [("Avant", "Initial"), ("Après thrombolyse", "Post-traitement"), ("À trois mois", "Suivi")]
    ):
        page.locator("input[name^=label_]").nth(number).fill(label)
        page.locator("select[name^=timing_]").nth(number).select_option(label=timing)
    page.get_by_role("button", name="Enregistrer étiquettes et moments").click()
    expect(page.locator("[data-ecg] .ecg-title")).to_have_text(["Avant", "Après thrombolyse", "À trois mois"])
    page.get_by_role("button", name="Descendre Avant").click()
    expect(page.locator("[data-ecg] .ecg-title").first).to_have_text("Après thrombolyse")
    steps.name_case(page, "Infarctus suivi", "Infarctus", "Avancé")
    steps.describe(page, STEMI)
    found = len(steps.add_proposed(page))
    assert found >= 4
    for search, name in [
        ("rythme sinusal", "Rythme sinusal"),
        ("tachycardie sinusale", "Tachycardie sinusale"),
        ("axe normal", "Axe normal"),
        ("QRS fins", "QRS fins"),
    ][: max(8 - found, 0)]:
        steps.pick(page, search, name, "0,5 optionnel")
    assert steps.kept(page).count() >= 8
    steps.validate(page)


def test_a_session_of_three_cases_is_taken_and_graded(
    site: Site,
    enter: Enter,
    new_page: Callable[..., Page],
    student_of: Callable[[str], tuple[str, str]],
    pictures: list[Path],
) -> None:
    teacher = enter("teacher")
    for name, text, picture in zip(
        ("Cas un", "Cas deux", "Cas trois"), (BAV1, STEMI, BAV3), pictures, strict=True
    ):
        steps.import_files(teacher, site.address, [picture])
        steps.name_case(teacher, name, "Autre", "Débutant")
        steps.describe(teacher, text)
        steps.add_proposed(teacher)
        steps.validate(teacher)
    code = steps.make_session(teacher, "Trois lectures", ["Cas un", "Cas deux", "Cas trois"])
    teacher.get_by_role("link", name="Suivre la session").click()
    expect(teacher.get_by_text("Personne n’a encore commencé")).to_be_visible()

    student = new_page(locale="fr-FR", viewport={"width": 390, "height": 844})
    sign_in(student, site, *student_of("Lina"))
    steps.join_and_begin(student, site.address, code)
    expect(student.get_by_role("heading", level=1)).to_contain_text("Cas 1 sur 3")
    assert "Cas un" not in student.content()
    expect(teacher.locator("#activity")).to_contain_text("Lina", timeout=5_000)

    steps.write(student, BAV1)
    student.get_by_role("button", name="Enregistrer et cas suivant").click()
    student.wait_for_url(re.compile(r"/attempts/[^/]+/2"))
    steps.write(student, "Pas de sus-décalage ST.")
    student.goto(student.url.rsplit("/", 1)[0] + "/3")
    steps.write(student, "BAV 3 complet, FC ventriculaire 35")
    student.reload()
    expect(student.get_by_label("Votre lecture")).to_have_value("BAV 3 complet, FC ventriculaire 35")
    steps.hand_in(student)
    expect(student.locator(".score")).to_contain_text("/ 100")
    score = float(student.locator(".score strong").inner_text().replace(",", "."))
    assert 20 < score < 90
    expect(student.locator("#case-1")).to_contain_text("100 / 100")
    expect(student.locator("[data-verdict=found]").first).to_be_visible()
    expect(student.locator("[data-verdict=contradicted]").first).to_be_visible()
    expect(student.locator("#case-1")).to_contain_text("Cas un")
    expect(teacher.locator("#activity")).to_contain_text("Rendue", timeout=5_000)


@pytest.mark.parametrize("scripted", [True, False])
def test_cases_are_looked_for_while_the_session_is_being_filled_in(
    site: Site, enter: Enter, *, scripted: bool
) -> None:
    page = enter("teacher", java_script_enabled=scripted)
    page.goto(f"{site.address}/builder/session")
    page.get_by_role("checkbox", name=re.compile("^Rythme sinusal normal")).check()
    page.get_by_label("Nom", exact=True).fill("Trouvée en cherchant")
    page.get_by_label("Rechercher", exact=True).fill("aucun cas ne dit cela")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Aucun autre cas validé ici.")).to_be_visible()
    expect(page.get_by_role("heading", name="1 cas choisi")).to_be_visible()
    expect(page.get_by_role("checkbox", name=re.compile("^Rythme sinusal normal"))).to_be_checked()
    page.get_by_role("button", name="Créer la session").click()
    page.wait_for_url(re.compile("/builder/done/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Trouvée en cherchant")


def test_a_matcher_miss_then_a_hit_moves_the_figures_beside_the_page(
    site: Site, enter: Enter, pictures: list[Path]
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, pictures[:1])
    steps.name_case(page, "Deux fois le même texte", "Autre", "Débutant")
    hits, misses = _figures(page)
    text = f"Fibrillation atriale à 120/min, QRS fins ({hits}-{misses})"
    steps.describe(page, text)
    after_miss = _figures(page)
    assert after_miss[1] > misses
    page.get_by_role("button", name="Trouver les concepts").click()
    expect(page.get_by_role("heading", name="Proposés")).to_be_visible()
    expect(page.locator("#statistics dd").nth(-2)).not_to_have_text(str(after_miss[0]))


def test_a_case_made_elsewhere_shows_beside_the_page_within_two_seconds(
    site: Site, enter: Enter, pictures: list[Path]
) -> None:
    watching = enter("teacher")
    watching.goto(f"{site.address}/builder/new")
    figure = watching.locator("#statistics dd").first
    before = int(figure.inner_text())
    other = enter("expert")
    steps.import_files(other, site.address, pictures[:1])
    expect(figure).not_to_have_text(str(before), timeout=2_000)


def test_tracings_are_dragged_and_files_dropped_onto_the_page_and_what_was_typed_stays(
    site: Site, enter: Enter, pictures: list[Path]
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, pictures[:2])
    description = page.get_by_label("Description clinique")
    description.fill("Femme de 70 ans, syncope.")
    grips = page.locator("[data-order-item]")
    below = grips.nth(1).bounding_box()
    assert below is not None
    place = Position(x=20, y=below["height"] - 4)
    grips.nth(0).locator("[data-order-grip]").drag_to(grips.nth(1), target_position=place)
    expect(page.locator(".ecg-title")).to_have_text(["ECG_02", "ECG_01"])
    expect(description).to_have_value("Femme de 70 ans, syncope.")
    description.fill("Femme de 71 ans, syncope.")
    bytes_of = list(pictures[2].read_bytes())
    dropped = page.evaluate_handle(
        """bytes => { const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(bytes)], "x.png", {type: "image/png"}));
            return carried; }""",
        bytes_of,
    )
    page.dispatch_event("[data-dropzone]", "drop", {"dataTransfer": dropped})
    expect(page.locator("[data-ecg] img")).to_have_count(3, timeout=steps.READING_MS)
    expect(description).to_have_value("Femme de 71 ans, syncope.")


def test_an_answer_survives_a_busy_server_and_a_lost_connection_and_a_second_device_is_told(
    site: Site, enter: Enter, new_page: Callable[..., Page], student_of: Callable[[str], tuple[str, str]]
) -> None:
    teacher = enter("teacher")
    teacher.goto(f"{site.address}/sessions?search=lecture")
    teacher.get_by_role("link", name="Première lecture").click()
    code = teacher.locator(".join-code").inner_text().strip()
    person = student_of("Deux")
    phone, laptop = new_page(locale="fr-FR"), new_page(locale="fr-FR")
    for device in (phone, laptop):
        sign_in(device, site, *person)
    steps.join_and_begin(phone, site.address, code)
    state = phone.locator("[data-save-state]")
    phone.route("**/attempts/*/1", lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}))
    phone.get_by_label("Votre lecture").fill("Rythme")
    expect(state).to_have_attribute("data-state", "busy", timeout=10_000)
    expect(state).to_contain_text("Beaucoup de monde")
    phone.unroute_all()
    expect(state).to_have_attribute("data-state", "saved", timeout=20_000)
    phone.context.set_offline(True)
    phone.get_by_label("Votre lecture").fill("Rythme sinusal")
    expect(state).to_have_attribute("data-state", "offline", timeout=10_000)
    phone.get_by_label("Ajouter un concept").press_sequentially("bra")
    expect(phone.locator("#messages")).to_contain_text("n’a pas répondu")
    phone.context.set_offline(False)
    expect(state).to_have_attribute("data-state", "saved", timeout=20_000)
    expect(phone.locator("#messages")).to_be_empty()
    laptop.goto(phone.url)
    expect(laptop.get_by_label("Votre lecture")).to_have_value("Rythme sinusal")
    steps.write(laptop, "Rythme sinusal, axe normal")
    phone.get_by_label("Votre lecture").fill("Autre chose")
    expect(state).to_have_attribute("data-state", "refused", timeout=10_000)
    expect(phone.locator("#messages")).not_to_be_empty()
    phone.reload()
    expect(phone.get_by_label("Votre lecture")).to_have_value("Rythme sinusal, axe normal\n\nAutre chose")


def test_on_a_phone_a_swipe_over_the_tracing_moves_the_page_and_the_last_words_go_before_the_time_is_up(
    site: Site, enter: Enter, new_page: Callable[..., Page], student_of: Callable[[str], tuple[str, str]]
) -> None:
    teacher = enter("teacher")
    teacher.goto(f"{site.address}/sessions?search=lecture")
    code = teacher.locator("tr", has_text="Première lecture").locator("td").nth(1).inner_text()
    phone = new_page(locale="fr-FR", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    sign_in(phone, site, *student_of("Pouce"))
    phone.clock.install()
    steps.join_and_begin(phone, site.address, code)

    stage, tracing = phone.locator("[data-ecg-stage]"), phone.locator("[data-ecg] img")
    box = stage.bounding_box()
    assert box is not None
    finger, x, y = phone.context.new_cdp_session(phone), box["x"] + 100, box["y"] + 250
    for kind, up in [("touchStart", 0), *(("touchMove", up) for up in range(20, 220, 20)), ("touchEnd", 0)]:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y - up}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(phone.get_by_role("heading", level=1)).not_to_be_in_viewport()
    expect(tracing).not_to_have_css("width", f"{box['width']:g}px")
    phone.get_by_role("button", name="Toute la largeur").tap()
    expect(tracing).to_have_css("width", f"{box['width']:g}px")

    phone.get_by_label("Votre lecture").fill("Rythme")
    phone.keyboard.press("Control+s")
    expect(phone.locator("[data-save-state]")).to_have_attribute("data-state", "saved")
    expect(phone.get_by_label("Votre lecture")).to_be_focused()

    now = phone.evaluate("Date.now()")
    phone.clock.pause_at((now + 1000) / 1000)
    phone.clock.set_system_time((now + 1_190_000) / 1000)
    for _quarter_second in range(40):
        phone.clock.run_for(250)
        if phone.locator("[data-timer-value]").inner_text() == "0:04":
            break
    phone.clock.run_for(500)
    phone.get_by_label("Votre lecture").fill("Rythme sinusal")
    phone.clock.run_for(500)
    expect(phone.locator("[data-save-state]")).to_have_attribute("data-state", "saved")


def test_leaving_the_builder_and_returning_resumes_the_draft(
    site: Site, enter: Enter, pictures: list[Path]
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, pictures[:1])
    page.context.set_offline(True)
    page.get_by_label("Nom", exact=True).fill("Brouillon repris")
    page.set_input_files("input[name=files]", [str(pictures[1])])
    expect(page.locator("#messages")).to_contain_text("n’a pas répondu")
    assert steps.guarded(page, "Sessions"), "what could not be sent is not left without a question either"
    page.context.set_offline(False)
    page.set_input_files("input[name=files]", [])
    steps.name_case(page, "Brouillon repris", "Autre", "Débutant")
    page.get_by_label("Décrivez-le avec vos mots").fill("Tachycardie sinusale à 110/min")
    assert steps.guarded(page, "Sessions"), "what was typed and not sent is not left without a question"
    page.get_by_role("button", name="Trouver les concepts").click()
    page.goto(f"{site.address}/cases")
    page.goto(f"{site.address}/builder")
    expect(page.get_by_label("Décrivez-le avec vos mots")).to_have_value("Tachycardie sinusale à 110/min")


def test_a_picture_is_cropped_by_keyboard_and_put_back_without_a_script(
    site: Site, enter: Enter, new_page: Callable[..., Page], pictures: list[Path]
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, pictures[2:])
    before = page.locator("[data-ecg] img").get_attribute("src")
    steps.edit_picture(page)
    page.get_by_role("group", name="Cadre").wait_for()  # the script has the picture
    page.get_by_label("Angle").press("ArrowRight")
    page.get_by_label("Bord droit du cadre").press("Shift+ArrowLeft")
    page.get_by_label("Bord droit du cadre").press("ArrowLeft")
    page.get_by_role("group", name="Cadre").press("ArrowUp")
    page.get_by_role("button", name="Ne garder que le cadre").press("Enter")
    assert steps.edited_by(page) == ["straighten,0.1", "crop,5,4,89,94"]
    canvas = page.locator("[data-editor-stage] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.05 * box["width"], box["y"] + 0.05 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"], steps=3)
    page.mouse.up()
    expect(page.get_by_label("Gauche, en %")).to_have_value(re.compile(r"^(49|50)(\.|$)"))
    expect(page.get_by_label("Haut, en %")).to_have_value(re.compile(r"^(59|60)(\.|$)"))
    page.get_by_role("button", name="Noircir le cadre").click()
    expect(page.locator("[data-editor-steps] li")).to_have_count(3)
    page.get_by_role("button", name="Annuler la dernière étape").click()
    page.get_by_role("button", name="Enregistrer l’image").click()
    expect(page.get_by_text("L’image est enregistrée.")).to_be_visible()
    expect(page.locator("[data-ecg] img")).not_to_have_attribute("src", str(before))

    plain = new_page(locale="fr-FR", java_script_enabled=False, viewport={"width": 390, "height": 844})
    sign_in(plain, site, *site.people["teacher"])
    plain.goto(page.url)
    steps.edit_picture(plain)
    assert steps.edited_by(plain) == ["straighten,0.1", "crop,5,4,89,94"]
    plain.get_by_label("Gauche, en %").fill("0")
    plain.get_by_role("button", name="Noircir le cadre").click()
    assert steps.edited_by(plain)[2:] == ["mask,0,5,95,95"]
    shown = plain.locator("[data-editor-picture]").get_attribute("src")
    assert plain.request.get(f"{site.address}{shown}").headers["content-type"] == "image/webp"
    plain.get_by_role("button", name="Revenir à l’original").click()
    plain.get_by_role("button", name="Enregistrer l’image").click()
    assert plain.locator("[data-ecg] img").get_attribute("src") == before


def test_a_dicom_is_drawn_on_calibrated_paper_and_keeps_no_name(
    site: Site, enter: Enter, shared_data: Path
) -> None:
    page = enter("teacher")
    steps.import_files(page, site.address, [shared_data / "ecg-formats/dicom/pydicom_waveform_ecg.dcm"])
    expect(page.locator("[data-ecg]")).to_have_attribute("data-px-per-mm", re.compile(r"\d"))
    expect(page.locator(".ecg-foot")).to_contain_text("25 mm/s · 10 mm/mV")


def test_a_file_that_is_no_ecg_is_refused_beside_the_field_and_the_good_one_kept(
    site: Site, enter: Enter, pictures: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "notes.png"
    bad.write_bytes(b"not a picture at all")
    page = enter("teacher")
    page.goto(f"{site.address}/builder/new")
    page.set_input_files("input[name=files]", [str(pictures[0]), str(bad)])
    said = page.locator("main .message[data-kind=error]")
    expect(said).to_contain_text("Fichier 2", timeout=steps.READING_MS)
    expect(page.locator("[data-ecg] img")).to_have_count(1)


def test_a_page_that_names_the_patient_is_masked_by_pointer_and_keyboard_before_it_is_added(
    site: Site, enter: Enter, tmp_path: Path
) -> None:
    sheet = Image.new("RGB", (900, 300), "white")
    font = ImageFont.load_default(24)
    ImageDraw.Draw(sheet).text((60, 40), "Nom : KOWALCZYK   FC 72 bpm", fill="black", font=font)
    sheet.save(tmp_path / "x.png")
    page = enter("teacher")
    page.goto(f"{site.address}/builder/new")
    page.set_input_files("input[name=files]", tmp_path / "x.png")
    page.wait_for_url(re.compile(r"/held/"), timeout=steps.READING_MS)
    expect(page.locator("[data-found]")).to_have_count(1)
    box = page.locator("[data-boxes]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8)
    page.mouse.up()
    left = page.get_by_label("Bord gauche du cadre 1")
    drawn = float(left.input_value())
    assert abs(drawn - 50) < 2
    page.locator(".held-drawn").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert float(left.input_value()) == drawn + 0.5
    page.get_by_role("button", name="Masquer et ajouter au cas").click()
    page.wait_for_url(re.compile(r"/builder/[^/]+/import"))
    expect(page.locator("[data-ecg] img")).to_have_count(1)
    masked = page.request.get(f"{site.address}{page.locator('[data-ecg] img').get_attribute('src')}").body()
    with Image.open(io.BytesIO(masked)) as kept:
        assert [kept.convert("L").getpixel(point) for point in ((130, 52), (540, 200), (880, 280))] == [
            0,
            0,
            255,
        ]


def _figures(page: Page) -> tuple[int, int]:
    hits, misses = page.locator("#statistics dd").all_inner_texts()[-2:]
    return int(re.sub(r"\D", "", hits)), int(re.sub(r"\D", "", misses))
