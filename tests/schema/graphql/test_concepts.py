from typing import Any

import pytest

from ml.language.ontology import Category
from schema.policy import Role
from schema.types.base import global_id
from tests.schema.conftest import World

MATCH = """query($text: String!, $language: TextLanguage! = AUTO) {
  matchConcepts(text: $text, language: $language) {
  proposals { concept { code label categoryLabel } confidence polarity certainty expression proposed
    spans { start end text } }
  unresolved cached milliseconds matcherVersion } }"""
LIST = """query($search: String, $category: ConceptCategory, $first: Int, $after: String) {
  concepts(search: $search, category: $category, first: $first, after: $after) {
    totalCount edges { node { id code label category } } pageInfo { hasNextPage endCursor } } }"""
ONE = """query($id: ID!) { concept(id: $id) {
  code label synonyms categoryLabel fr: labelIn(language: FR) en: labelIn(language: EN) } }"""
MOBITZ = "BAV du 2e degré Mobitz 1, fréquence à 60 bpm, axe normal, pas d'onde Q pathologique"


@pytest.mark.parametrize(
    "query", ["{ concepts { totalCount } }", '{ matchConcepts(text: "BAV") { cached } }']
)
def test_nobody_reads_concepts_without_signing_in(world: World, query: str) -> None:
    assert world.codes(query, None) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("role", Role)
def test_every_role_completes_concepts(world: World, role: Role) -> None:
    assert world.ask(LIST, world.person(role), search="mobitz", first=5)["edges"]


def test_a_text_is_read_into_proposals_surest_first(world: World) -> None:
    found = world.ask(MATCH, world.person(), text=MOBITZ)
    confidences = [each["confidence"] for each in found["proposals"]]
    assert confidences == sorted(confidences, reverse=True)
    assert found["matcherVersion"] == world.services.matcher.version
    for proposal in found["proposals"]:
        for span in proposal["spans"]:
            assert MOBITZ[span["start"] : span["end"]] == span["text"]


def test_what_is_affirmed_at_seventy_per_cent_is_proposed_and_what_is_denied_is_not(world: World) -> None:
    found = world.ask(MATCH, world.person(), text="BAV du 2e degré Mobitz 1, pas de fibrillation atriale")
    proposed = {each["polarity"]: each["proposed"] for each in found["proposals"]}
    assert proposed == {"PRESENT": True, "ABSENT": False}


def test_a_dismissed_concept_is_not_proposed(world: World) -> None:
    found = world.ask(MATCH, world.person(), text="péricardite écartée")
    assert {each["certainty"] for each in found["proposals"]} == {"REJECTED"}
    assert not any(each["proposed"] for each in found["proposals"])


def test_the_figures_tell_a_miss_then_a_hit(world: World) -> None:
    teacher = world.person()
    figures = "{ statistics { matcher { hits misses hitRate entries } } }"
    assert world.ask(MATCH, teacher, text=MOBITZ)["cached"] is False
    assert world.ask(figures, teacher)["matcher"] == {"hits": 0, "misses": 1, "hitRate": 0.0, "entries": 1}
    assert world.ask(MATCH, world.person(), text=f"  {MOBITZ}\n")["cached"] is True
    assert world.ask(figures, teacher)["matcher"] == {"hits": 1, "misses": 1, "hitRate": 50.0, "entries": 1}


TYPED = """query($text: String!) { matchConcepts(text: $text) { fallback
  measurements { name value unit span { text } meaning { code } agrees }
  findings { kind concepts { code } spans { text } } unresolvedSpans { start end text } } }"""


def test_numbers_are_told_with_what_they_mean_and_whether_the_words_agree(world: World) -> None:
    found = world.ask(TYPED, world.person(Role.STUDENT), text="Tachycardie à 45/min. PR allongé à 240 ms.")
    assert found["measurements"] == [
        {
            "name": "rate",
            "value": 45.0,
            "unit": "/min",
            "span": {"text": "45/min"},
            "meaning": {"code": "BRADYCARDIA"},
            "agrees": False,
        },
        {
            "name": "pr",
            "value": 240.0,
            "unit": "ms",
            "span": {"text": "PR allongé à 240 ms"},
            "meaning": {"code": "PR_PROLONGED"},
            "agrees": True,
        },
    ]
    (finding,) = [each for each in found["findings"] if each["kind"] == "MEASUREMENT_CONFLICT"]
    assert {each["code"] for each in finding["concepts"]} >= {"BRADYCARDIA"}
    assert found["fallback"] is None


def test_what_nothing_was_recognised_in_is_told_with_its_place(world: World) -> None:
    text = "Rythme sinusal, le chat dort ici"
    (span,) = world.ask(TYPED, world.person(), text=text)["unresolvedSpans"]
    assert text[span["start"] : span["end"]] == span["text"] == "le chat dort ici"


def test_a_text_beyond_twenty_thousand_characters_is_refused(world: World) -> None:
    teacher = world.person()
    assert world.ask(MATCH, teacher, text="x" * 20_000)["proposals"] == []
    assert world.codes(MATCH, teacher, text="x" * 20_001) == ["BAD_REQUEST"]


def test_without_a_search_the_whole_ontology_is_paged_in_its_own_order(world: World) -> None:
    teacher, codes, cursor = world.person(), list[str](), None
    while True:
        page = world.ask(LIST, teacher, first=100, after=cursor)
        codes += [edge["node"]["code"] for edge in page["edges"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert codes == [concept.id for concept in world.services.ontology.concepts]
    assert page["totalCount"] == len(codes)


@pytest.mark.parametrize("search", ["fibrilation atriale", "FIBRILLATION ATR", "atriale fibril"])
def test_a_search_forgives_case_order_and_typos(world: World, search: str) -> None:
    first = world.ask(LIST, world.person(), search=search, first=3)["edges"][0]["node"]
    assert world.services.ontology.concept(first["code"]).label_fr == "Fibrillation atriale"


def test_a_category_narrows_a_search(world: World) -> None:
    page = world.ask(LIST, world.person(), category="AXIS", first=100)
    expected = [each.id for each in world.services.ontology.concepts if each.category is Category.AXIS]
    assert [edge["node"]["code"] for edge in page["edges"]] == expected
    assert expected


def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    teacher = world.person()
    cursor = world.ask(LIST, teacher, search="mobitz", first=1)["pageInfo"]["endCursor"]
    assert world.codes(LIST, teacher, category="AXIS", after=cursor) == ["BAD_REQUEST"]
    assert world.codes(LIST, teacher, after="!!") == ["BAD_REQUEST"]


def test_a_concept_is_named_in_the_viewers_language_and_in_any_other(world: World) -> None:
    concept = world.services.ontology.concepts[0]
    found: Any = world.ask(ONE, world.person(), id=global_id("Concept", concept.id))
    assert (found["code"], found["label"]) == (concept.id, concept.label_en)
    assert (found["fr"], found["en"]) == (concept.label_fr, concept.label_en)
    assert found["synonyms"] == list(concept.synonyms_en)
    assert found["categoryLabel"] == concept.category.label("en")


@pytest.mark.parametrize("identifier", ["x", "", global_id("Concept", "NO_SUCH"), global_id("Case", 1)])
def test_an_unknown_concept_is_null(world: World, identifier: str) -> None:
    assert world.ask(ONE, world.person(), id=identifier) is None
