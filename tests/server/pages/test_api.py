"""The API's reference: all of the schema, for whoever has an account; strangers are told nothing."""

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from schema.policy import Role
from server.reference import Reference
from tests.schema.operations import printed_schema
from tests.server.pages.conftest import Meet, Visitor

FIELDED = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType


@pytest.mark.parametrize(
    "path", ["/api", "/api?search=case", "/api/types/Case", "/api/types/No", "/api/changes"]
)
def test_a_stranger_is_told_nothing_of_the_schema(meet: Meet, path: str) -> None:
    assert meet().browser.get(path).status_code == 303


@pytest.mark.parametrize("role", Role)
def test_whoever_has_an_account_reads_it(meet: Meet, role: Role) -> None:
    visitor = meet(role)
    assert "/api" in visitor.get("/account").links
    assert visitor.get("/api").headings[0] == "API reference"


def test_every_type_is_listed_and_leads_to_its_page(teacher: Visitor) -> None:
    page = teacher.get("/api")
    kinds = Reference(printed_schema()).kinds
    for kind in kinds.values():
        if kind.family == "root":
            wanted = {f"/api/types/{kind.name}#field-{part.name}" for part in kind.parts}
        else:
            wanted = {f"/api/types/{kind.name}"}
        assert wanted <= set(page.links), kind.name


@pytest.mark.parametrize("name", ["Query", "Mutation", "Attempt", "Refusal", "CaseFilter", "RuledVerdict"])
def test_a_page_tells_all_parts_of_a_type_with_their_arguments(teacher: Visitor, name: str) -> None:
    page, kind = teacher.get(f"/api/types/{name}"), printed_schema().type_map[name]
    parts: dict[str, object] = {}
    if isinstance(kind, GraphQLEnumType):
        parts = {**kind.values}
    if isinstance(kind, FIELDED):
        parts = {**kind.fields}
    assert {f"field-{each}" for each in parts} <= set(page.ids)
    for each in parts.values():
        for told in (each, *getattr(each, "args", {}).values()):
            description = getattr(told, "description", "").replace("`", "")
            assert " ".join(description.split()) in page.words


def test_a_type_says_where_it_is_used_and_a_union_what_it_may_be(teacher: Visitor) -> None:
    assert "/api/types/Mutation#field-createCase" in teacher.get("/api/types/CreateCaseInput").links
    members = teacher.get("/api/types/CreateCaseResult").links
    assert {"/api/types/Case", "/api/types/ValidationErrors", "/api/types/Conflict"} <= set(members)
    assert "/api/types/Case" in teacher.get("/api/types/Node").links


def test_what_is_deprecated_says_so_wherever_it_is_told(teacher: Visitor) -> None:
    assert (
        "Deprecated Since 2026-11-26: ask unresolvedSpans" in teacher.get("/api/types/ConceptMatching").words
    )
    assert "Deprecated" in teacher.get("/api/changes").words


@pytest.mark.parametrize(
    "asked, place",
    [
        ("createcase", "/api/types/Mutation#field-createCase"),
        ("HANDED in deadline", "/api/types/AttemptState#field-SUBMITTED"),
        ("cases first", "/api/types/Query#field-cases"),
        ("attemptstate", "/api/types/AttemptState"),
    ],
)
def test_what_is_searched_for_is_found_by_name_and_description(
    teacher: Visitor, asked: str, place: str
) -> None:
    page = teacher.get(f"/api?search={asked}")
    assert place in page.links
    assert place not in teacher.get(f"/api?search={asked}+zzzz").links
    assert page.values["search"] == asked


def test_a_search_that_finds_too_much_says_so(teacher: Visitor) -> None:
    assert "Only the first ones are shown" in teacher.get("/api?search=e").words
    assert "Nothing in the schema" in teacher.get("/api?search=<zzzz>").words


@pytest.mark.parametrize("name", ["Nothing", "__Schema", "String", "case"])
def test_what_is_no_type_of_ours_has_no_page(teacher: Visitor, name: str) -> None:
    teacher.get(f"/api/types/{name}", 404)


def test_the_changes_lead_to_what_they_name_and_not_to_what_is_gone(teacher: Visitor) -> None:
    page = teacher.get("/api/changes")
    assert "/api/types/Query#field-concepts" in page.links
    assert not [link for link in page.links if link.startswith("/api/types/SessionCase")]
    assert "SessionCase.id" in page.words
    assert "27 November 2026" in page.words or "November 27, 2026" in page.words
