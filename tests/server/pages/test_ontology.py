"""Experts at the ontology: found, edited, taken back, imported, put to use."""

import json

import pytest
from httpx2 import Response

from ml.language.documents import ontology_document
from ml.language.ontology import Category, Concept, Kind
from schema.policy import Role
from schema.types.base import global_id
from server.app import Application
from tests.server.pages.conftest import Meet, School, Visitor
from tests.server.pages.reading import Page

LBBB = f"/concepts/{global_id('Concept', 'LBBB')}"
NEW = {
    "code": "LLAMA_SIGN",
    "labelFr": "Signe du lama",
    "labelEn": "Llama sign",
    "category": "MORPHOLOGY",
    "kind": "SIGN",
    "synonymsFr": "cou de lama\r\n\r\nlama",
    "parents": "Tachycardie",
    "signs": "FA + QRS larges\nTachycardie",
    "codings": "snomed: 12\nscp: LLAMA",
    "range.measure": "QRS",
    "range.above": "300",
}
LLAMA = f"/concepts/{global_id('Concept', 'LLAMA_SIGN')}"


@pytest.fixture
def app(own_app: Application) -> Application:
    """Return an application of the test's own: which ontology is in use concerns everybody."""
    return own_app


@pytest.fixture
def expert(meet: Meet) -> Visitor:
    return meet(Role.EXPERT)


def taken_back(expert: Visitor, page: Page) -> Response:
    """Press the button that takes the newest change of the history back."""
    newest = next(form for form in page.forms if form.action == f"{LLAMA}/restore")
    return expert.press(page, newest.action, newest.buttons[0])


def test_concepts_are_searched_with_typos_and_narrowed_by_category(meet: Meet) -> None:
    student = meet(Role.STUDENT)
    page = student.get("/concepts?search=bloque+branche+gauche")
    assert LBBB in page.links
    assert "/concepts/new" not in page.links
    nothing = student.get("/concepts?search=zzzzzzzz")
    assert "Nothing is called like this." in nothing.words


def test_concepts_are_paged_forth_and_back(meet: Meet) -> None:
    student = meet(Role.STUDENT)
    first = student.get("/concepts")
    (onward,) = [link for link in first.links if "after=" in link]
    second = student.get(f"/concepts{onward}")
    (back,) = [link for link in second.links if "before=" in link]
    again = student.get(f"/concepts{back}")
    shown = [link for link in first.links if link.startswith("/concepts/")]
    assert [link for link in again.links if link.startswith("/concepts/")] == shown
    assert set(shown).isdisjoint(link for link in second.links if link.startswith("/concepts/"))


def test_a_concept_is_read_by_all_and_its_history_by_experts(
    meet: Meet, school: School, expert: Visitor
) -> None:
    school.ontology(expert)
    assert "bloc gauche franc" in expert.get(LBBB).words
    assert "History" in expert.get(LBBB).words
    student = meet(Role.STUDENT).get(LBBB)
    assert "History" not in student.words
    assert not [form for form in student.forms if form.action.startswith("/concepts/")]


def test_an_expert_adds_a_concept_one_name_a_line(expert: Visitor) -> None:
    page = expert.follow(expert.ask("/concepts", NEW))
    assert page.said("done") == ["The concept is added: texts are read with it from now on."]
    concept = expert.app.site.services.ontology.concept("LLAMA_SIGN")
    assert concept.synonyms_fr == ("cou de lama", "lama")
    assert concept.parents == ("TACHYCARDIA",)
    assert [len(each) for each in concept.requires] == [2, 1]
    assert concept.codes == {"snomed": "12", "scp": "LLAMA"}
    assert concept.range is not None
    assert concept.range.above == 300


def test_what_was_typed_is_kept_and_each_fault_stands_beside_its_field(expert: Visitor) -> None:
    wrong = {**NEW, "synonymsFr": "BBG", "signs": "FA + Nimbus", "parents": "Cumulus", "range.above": ""}
    page = expert.post("/concepts", wrong)
    assert "No concept is called “Nimbus”." in page.words
    assert "No concept is called “Cumulus”." in page.words
    assert "Give at least one bound." in page.words
    assert dict(page.form("/concepts", None).fields)["signs"] == "FA + Nimbus"
    page = expert.post("/concepts", {**NEW, "synonymsFr": "BBG"})
    assert "“BBG” is already a name of" in page.words


def test_the_form_sent_back_as_it_is_changes_nothing(expert: Visitor) -> None:
    expert.ask("/concepts", NEW)
    before = expert.app.site.services.ontology
    page = expert.follow(expert.press(expert.get(f"{LLAMA}/edit"), LLAMA))
    assert page.said("done") == ["The concept is changed."]
    assert expert.app.site.services.ontology.version == before.version


def test_an_edit_is_told_in_the_history_and_taken_back(expert: Visitor) -> None:
    expert.ask("/concepts", NEW)
    form = expert.get(f"{LLAMA}/edit")
    page = expert.follow(expert.press(form, LLAMA, synonymsFr="cou de lama", comment="trop vague"))
    assert "trop vague" in page.words
    back = expert.follow(taken_back(expert, page))
    assert back.said("done") == ["The change is taken back."]
    assert expert.app.site.services.ontology.concept("LLAMA_SIGN").synonyms_fr == ("cou de lama", "lama")


def test_two_experts_at_one_concept_do_not_overwrite_each_other(meet: Meet, expert: Visitor) -> None:
    expert.ask("/concepts", NEW)
    stale = expert.get(f"{LLAMA}/edit")
    other = meet(Role.EXPERT)
    other.press(other.get(f"{LLAMA}/edit"), LLAMA, synonymsFr="autre nom")
    refused = expert.press(stale, LLAMA, synonymsFr="le mien")
    assert refused.status_code == 409
    assert "Someone changed this concept meanwhile." in refused.text
    assert expert.app.site.services.ontology.concept("LLAMA_SIGN").synonyms_fr == ("autre nom",)


def test_a_removed_concept_keeps_a_page_for_experts_that_brings_it_back(meet: Meet, expert: Visitor) -> None:
    expert.ask("/concepts", NEW)
    expert.leads(f"{LLAMA}/delete", {"version": expert.app.site.services.ontology.version})
    meet(Role.STUDENT).get(LLAMA, 404)
    page = expert.get(LLAMA)
    assert page.headings == ["Removed concept"]
    expert.follow(taken_back(expert, page))
    assert "LLAMA_SIGN" in expert.app.site.services.ontology


def test_a_concept_others_build_on_is_not_removed_and_the_page_says_which(expert: Visitor) -> None:
    expert.ask("/concepts", NEW)
    tachycardia = f"/concepts/{global_id('Concept', 'TACHYCARDIA')}"
    page = expert.post(f"{tachycardia}/delete", {"version": expert.app.site.services.ontology.version})
    assert "“Signe du lama” builds on this concept. Change that one first." in page.words


def test_an_ontology_is_imported_settled_and_put_to_use_by_an_administrator(
    meet: Meet, school: School, expert: Visitor
) -> None:
    ontology = f"/ontologies/{school.ontology(expert)}"
    page = expert.get(ontology)
    assert f"{ontology}/activate" not in [form.action for form in page.forms]
    settled = expert.follow(expert.press(page, f"{ontology}/faults", decision="BBG reste à gauche"))
    assert "No fault is open." in settled.words
    assert "BBG reste à gauche" in expert.get(f"{ontology}?faults=all").words
    administrator = meet(Role.ADMIN)
    page = administrator.follow(administrator.press(administrator.get(ontology), f"{ontology}/activate"))
    assert page.said("done") == ["Zoo is in use now: new texts are read with it."]
    assert [each.id for each in expert.app.site.services.ontology.concepts] == ["LLAMA"]


def test_a_fault_is_left_out_with_one_press(school: School, expert: Visitor) -> None:
    ontology = f"/ontologies/{school.ontology(expert)}"
    page = expert.get(ontology)
    expert.press(page, f"{ontology}/faults", ("decision", "left out"))
    assert "No fault is open." in expert.get(ontology).words


def test_a_file_is_imported_from_the_page(expert: Visitor) -> None:
    llama = Concept("LLAMA", "Signe du lama", "Llama sign", Category.MORPHOLOGY, Kind.SIGN)
    content = json.dumps(ontology_document([llama], 1)).encode()
    answer = expert.ask("/ontologies", {"name": "Zoo"}, files={"file": ("zoo.json", content)})
    page = expert.follow(answer)
    assert (page.headings, page.said("done")) == (["Zoo"], ["The ontology is imported."])


def test_a_large_file_is_imported_from_the_page(expert: Visitor) -> None:
    llama = Concept("LLAMA", "Signe du lama", "Llama sign", Category.MORPHOLOGY, Kind.SIGN)
    content = json.dumps(ontology_document([llama], 1)).encode() + b" " * 2_000_000
    answer = expert.ask("/ontologies", {"name": "Zoo"}, files={"file": ("zoo.json", content)})
    assert expert.follow(answer).headings == ["Zoo"]


def test_a_file_that_is_no_ontology_is_refused_beside_its_field(expert: Visitor) -> None:
    page = read_refused(expert, b"\x89PNG")
    assert "file: is not UTF-8 JSON" in page


def read_refused(expert: Visitor, content: bytes) -> str:
    answer = expert.ask("/ontologies", {"name": "Zoo"}, files={"file": ("zoo.json", content)})
    assert answer.status_code == 422
    return str(answer.text)
