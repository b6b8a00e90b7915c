"""Documents an account registers for its confined tokens."""

import hashlib
from typing import Any

import pytest
from sqlmodel import col, select

from schema.cost import CALL
from schema.documents import MOST_FAULTS_REGISTERED
from schema.models.accounts import AuditEvent
from schema.policy import Actor, Role, Scope
from schema.services import trusted_documents
from schema.types.base import global_id
from tests.schema.attacks import ATTACKS
from tests.schema.conftest import World

REGISTER = """mutation($text: String!) { registerDocument(input: {text: $text}) {
  __typename ... on TrustedDocument { id sha256 text operations cost }
  ... on ValidationErrors { fields { path code message } } ... on NotAllowed { code } } }"""
REMOVE = """mutation($id: ID!) { removeDocument(input: {id: $id}) {
  __typename ... on TrustedDocument { id } ... on NotFound { message } } }"""
NODE = "query($id: ID!) { node(id: $id) { id } }"
LIST = "{ viewer { documents { text } } }"
VIEWER = "query Me { viewer { id } }"


def register(world: World, actor: Actor | None, text: str) -> Any:
    return world.ask(REGISTER, actor, text=text)


def faults(world: World, text: str) -> list[tuple[list[str], str, str]]:
    answer = register(world, world.person(), text)
    assert answer["__typename"] == "ValidationErrors"
    return [(each["path"], each["code"], each["message"]) for each in answer["fields"]]


def texts(world: World, actor: Actor) -> list[str]:
    return [each["text"] for each in world.ask(LIST, actor)["documents"]]


def test_nobody_registers_without_signing_in(world: World) -> None:
    assert world.codes(REGISTER, None, text=VIEWER) == ["UNAUTHENTICATED"]
    assert world.codes(REMOVE, None, id=global_id("TrustedDocument", 1)) == ["UNAUTHENTICATED"]


def test_a_foreign_document_answers_like_a_missing_one(world: World) -> None:
    owner = world.person()
    made = register(world, owner, VIEWER)
    for other in (world.person(), world.person(Role.ADMIN)):
        for query in (NODE, REMOVE):
            foreign = world.run(query, other, {"id": made["id"]})
            missing = world.run(query, other, {"id": global_id("TrustedDocument", 999)})
            assert (foreign.data, foreign.errors) == (missing.data, missing.errors)
        assert texts(world, other) == []
    assert texts(world, owner) == [VIEWER]


def test_administrators_see_no_documents_of_others(world: World) -> None:
    owner, admin = world.person(Role.STUDENT), world.person(Role.ADMIN)
    register(world, owner, VIEWER)
    asked = "query($id: ID!) { node(id: $id) { ... on Account { displayName documents { id } } } }"
    found = world.ask(asked, admin, id=global_id("Account", owner.account_id))
    assert found == {"displayName": owner.display_name, "documents": []}


def test_a_document_is_kept_to_the_letter_with_its_id_names_and_cost(each_world: World) -> None:
    text = "# été\nquery A { viewer { id } }\n\nquery B { viewer { id displayName } }\n"
    owner = each_world.person()
    made = register(each_world, owner, text)
    assert made.pop("id")
    assert made == {
        "__typename": "TrustedDocument",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "text": text,
        "operations": ["A", "B"],
        "cost": CALL + 3,
    }
    assert texts(each_world, owner) == [text]


def test_registering_twice_does_nothing_and_accounts_do_not_meet(each_world: World) -> None:
    owner, other = each_world.person(), each_world.person()
    made = register(each_world, owner, VIEWER)
    assert register(each_world, owner, VIEWER) == made
    assert register(each_world, other, VIEWER)["id"] != made["id"]
    assert texts(each_world, owner) == [VIEWER]


def test_a_document_is_removed_and_both_are_on_record(world: World) -> None:
    owner = world.person()
    made = register(world, owner, VIEWER)
    assert world.ask(REMOVE, owner, id=made["id"])["id"] == made["id"]
    assert texts(world, owner) == []
    with world.database.read() as session:
        trail = session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence))).all()
    assert [event.action for event in trail] == ["document.registered", "document.removed"]
    assert trail[0].detail == {"account": owner.account_id, "sha256": made["sha256"]}


def test_every_fault_is_told_with_its_line(world: World) -> None:
    found = faults(world, "query A($n: Int) {\n  viewer { idd }\n  nothing\n}")
    assert {(tuple(path), code) for path, code, _ in found} == {(("text",), "document_fault")}
    messages = [message for _, _, message in found]
    assert len(messages) == 3
    assert any(said.startswith("Line 2: Cannot query field 'idd'") for said in messages)
    assert any(said.startswith("Line 3: Cannot query field 'nothing'") for said in messages)


def test_many_faults_are_told_but_not_endlessly(world: World) -> None:
    found = faults(world, "{ viewer { " + " ".join(f"f{n}" for n in range(200)) + " } }")
    assert len(found) == MOST_FAULTS_REGISTERED + 1  # and that there are more
    assert all(len(message) < 400 for _, _, message in found)


@pytest.mark.parametrize(
    "text, code, said",
    [
        ("", "document_fault", "Syntax Error"),
        ("{ viewer {", "document_fault", "Syntax Error"),
        ("fragment a on Account { id }", "document_fault", "Fragment 'a' is never used"),
        ("# only a note", "document_fault", "Syntax Error"),
        ("# \0\n{ viewer { id } }", "unprintable", "cannot be shown"),
        ("# \ud800\n{ viewer { id } }", "document_fault", "Syntax Error"),
        ("{ viewer { id } } query A { viewer { id } }", "document_fault", "Name one operation"),
        ("query($n: Int = 90000) { cases(first: $n) { edges { cursor } } }", "document_fault", "a cost of"),
    ],
)
def test_a_document_nobody_could_send_is_not_registered(
    world: World, text: str, code: str, said: str
) -> None:
    [(path, found, message)] = faults(world, text)[:1]
    assert (path, found) == (["text"], code)
    assert said in message


@pytest.mark.parametrize("name", ["fan-out of 40", "many input fields", "a long text", "many tokens"])
def test_an_attack_is_not_registered(world: World, name: str) -> None:
    assert faults(world, ATTACKS[name])


def test_an_account_has_only_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_documents, "MAX_DOCUMENTS", 2)
    owner = world.person()
    for name in ("A", "B", "A"):
        register(world, owner, f"query {name} {{ viewer {{ id }} }}")
    [refused] = register(world, owner, VIEWER)["fields"]
    assert (refused["path"], refused["code"]) == (["text"], "too_many_documents")
    assert register(world, world.person(), VIEWER)["__typename"] == "TrustedDocument"


def test_a_confined_token_does_not_free_itself(world: World) -> None:
    owner = world.person()
    scopes = frozenset(Scope)
    confined = Actor(owner.account_id, owner.role, scopes=scopes, token_id=1, confined=True)
    assert register(world, confined, VIEWER) == {"__typename": "NotAllowed", "code": "confined_token"}
    assert texts(world, owner) == []
