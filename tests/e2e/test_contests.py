"""A mark contested on a phone without JavaScript, and settled beside the tracing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import Site, sign_in

pytestmark = pytest.mark.e2e


def test_a_student_contests_a_teacher_rules_and_the_mark_follows(
    site: Site,
    enter: Callable[..., Page],
    new_page: Callable[..., Page],
    student_of: Callable[[str], tuple[str, str]],
    pictures: list[Path],
) -> None:
    name = "Retard gauche"
    teacher = enter("teacher")
    steps.import_files(teacher, site.address, pictures[:1])
    steps.name_case(teacher, name, "Trouble de la conduction", "Débutant")
    steps.describe(teacher, "Rythme sinusal, bloc de branche gauche")
    steps.add_proposed(teacher)
    steps.validate(teacher)
    code = steps.make_session(teacher, name, [name])
    teacher.get_by_role("link", name="Suivre la session").click()

    student = new_page(locale="fr-FR", viewport={"width": 390, "height": 844}, java_script_enabled=False)
    sign_in(student, site, *student_of("Nora"))
    steps.join_and_begin(student, site.address, code)
    student.get_by_label("Votre lecture").fill("Rythme sinusal, retard du ventricule gauche")
    student.get_by_role("button", name="Enregistrer", exact=True).last.click()
    steps.hand_in(student)
    expect(student.locator(".score")).to_contain_text("50 / 100")
    steps.contest(student, "Bloc de branche gauche", "Un retard du ventricule gauche, c’est un bloc gauche.")

    expect(teacher.locator("#activity")).to_contain_text("1 contestation à trancher", timeout=5_000)
    teacher.get_by_role("link", name="1 contestation à trancher").click()
    teacher.get_by_role("link", name="Bloc de branche gauche").click()
    expect(teacher.get_by_text("Un retard du ventricule gauche, c’est un bloc gauche.")).to_be_visible()
    expect(teacher.get_by_text("Votre réponse n’en parle pas.")).to_be_visible()
    steps.rule(teacher, "Trouvé", "C’est bien décrit.")

    student.reload()
    expect(student.locator(".score")).to_contain_text("100 / 100")
    settled = student.locator(".verdict", has_text="Bloc de branche gauche")
    expect(settled).to_contain_text("Contestation acceptée")
    expect(settled).to_contain_text("Réponse de l’enseignant : C’est bien décrit.")
    expect(student.get_by_text("avant la décision d’un enseignant : 50 / 100")).to_be_visible()
