from typing import Any

import pytest

from ml.language.types import Consultation, Dispute, Polarity, Reading
from schema.models.disagreements import Disagreement, TextOrigin
from schema.policy import Role
from schema.services.disagreements import DisagreementJournal
from schema.services.passwords import Passwords
from schema.types.base import global_id
from tests.schema.conftest import World

LIST = """query($filter: DisagreementFilter) { matcherDisagreements(filter: $filter, first: 10) {
  totalCount edges { node { id concept { code } rulesPolarity modelPolarity origin sentence matcherVersion
    createdAt verdict settledAt settledBy { displayName } } } } }"""
SETTLE = """mutation($input: SettleDisagreementInput!) { settleDisagreement(input: $input) { __typename
  ... on MatcherDisagreement { verdict settledBy { displayName } } ... on NotAllowed { code } } }"""
SENTENCE = "BBG complet chez M. _____"
DISPUTES = (
    Dispute("LBBB", Polarity.PRESENT, Polarity.ABSENT, SENTENCE),
    Dispute("AV_BLOCK_1", None, Polarity.PRESENT, SENTENCE),
)


def noted(world: World, text: str = "BBG", origin: TextOrigin = TextOrigin.DESCRIPTION) -> None:
    journal = DisagreementJournal(world.database, world.clock, origin, world.services.passwords)
    journal.keep(text, Reading(source="model-m+rules-2", consultation=Consultation(disputes=DISPUTES)))


def nodes(world: World, **asked: Any) -> list[dict[str, Any]]:
    found = world.ask(LIST, world.person(Role.EXPERT), filter=asked)
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"] for edge in found["edges"]]


def first_id() -> str:
    return global_id("MatcherDisagreement", 1)


@pytest.mark.parametrize("role", set(Role) - {Role.ADMIN, Role.EXPERT})
def test_only_experts_and_administrators_see_and_settle_disagreements(world: World, role: Role) -> None:
    noted(world)
    settle = {"id": first_id(), "verdict": "RULES"}
    assert world.codes(LIST, None) == ["UNAUTHENTICATED"]
    assert world.codes(LIST, world.person(role)) == ["FORBIDDEN"]
    assert world.codes(SETTLE, None, input=settle) == ["UNAUTHENTICATED"]
    refused = world.ask(SETTLE, world.person(role), input=settle)
    assert refused == {"__typename": "NotAllowed", "code": "missing_scope"}
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert world.ask(node, world.person(role), id=first_id()) is None
    assert world.ask(node, world.person(Role.EXPERT), id=first_id()) == {"id": first_id()}


def test_each_reader_and_the_masked_sentence_are_told(each_world: World) -> None:
    noted(each_world)
    newest, oldest = nodes(each_world)
    assert (newest["concept"]["code"], newest["rulesPolarity"], newest["modelPolarity"]) == (
        "AV_BLOCK_1",
        None,
        "PRESENT",
    )
    assert oldest == {
        "id": first_id(),
        "concept": {"code": "LBBB"},
        "rulesPolarity": "PRESENT",
        "modelPolarity": "ABSENT",
        "origin": "DESCRIPTION",
        "sentence": SENTENCE,
        "matcherVersion": "model-m+rules-2",
        "createdAt": "2026-03-02T09:00:00+00:00",
        "verdict": None,
        "settledAt": None,
        "settledBy": None,
    }


def test_of_an_answer_not_a_word_is_kept(world: World) -> None:
    noted(world, "BBG complet chez M. Untel", TextOrigin.ANSWER)
    assert {node["sentence"] for node in nodes(world)} == {""}
    with world.database.read() as session:
        row = session.get(Disagreement, 1)
    assert row is not None
    assert "BBG" not in row.model_dump_json()
    assert "Untel" not in row.model_dump_json()


def test_the_same_text_is_noted_once(each_world: World) -> None:
    noted(each_world)
    noted(each_world)
    assert len(nodes(each_world)) == 2
    noted(each_world, "another text")
    assert len(nodes(each_world)) == 4


def test_a_text_is_known_again_by_a_digest_that_nobody_makes_without_the_secret(world: World) -> None:
    noted(world, "BBG")
    with world.database.read() as session:
        row = session.get(Disagreement, 1)
    assert row is not None
    assert row.text_digest == world.services.passwords.keyed("text", "BBG")
    assert row.text_digest != Passwords(b"another").keyed("text", "BBG")


def test_a_settled_one_is_kept_without_its_sentence(each_world: World) -> None:
    noted(each_world)
    settle = {"id": first_id(), "verdict": "MODEL"}
    assert each_world.ask(SETTLE, each_world.person(Role.EXPERT), input=settle)["verdict"] == "MODEL"
    assert [each["sentence"] for each in nodes(each_world)] == [SENTENCE, ""]


def test_an_expert_settles_one_and_may_think_again(world: World) -> None:
    noted(world)
    expert = world.person(Role.EXPERT)
    assert world.ask(SETTLE, expert, input={"id": first_id(), "verdict": "MODEL"})["verdict"] == "MODEL"
    settled = world.ask(SETTLE, expert, input={"id": first_id(), "verdict": "NEITHER"})
    assert settled["settledBy"] == {"displayName": expert.display_name}
    assert [each["verdict"] for each in nodes(world, settled=True)] == ["NEITHER"]
    assert [each["verdict"] for each in nodes(world, settled=False)] == [None]
    assert nodes(world, verdict="MODEL") == []
    trail = '{ auditEvents(filter: {action: "disagreement.settled"}) { totalCount } }'
    assert world.ask(trail, world.person(Role.ADMIN)) == {"totalCount": 2}


@pytest.mark.parametrize("identifier", ["x", global_id("Case", 1), global_id("MatcherDisagreement", 99)])
def test_what_is_no_disagreement_is_not_found(world: World, identifier: str) -> None:
    noted(world)
    settle = {"id": identifier, "verdict": "RULES"}
    assert world.ask(SETTLE, world.person(Role.EXPERT), input=settle) == {"__typename": "NotFound"}


def test_a_database_that_is_away_costs_the_note_and_not_the_reading(world: World) -> None:
    with world.database.write() as session:
        session.connection().exec_driver_sql("DROP TABLE disagreement")
    noted(world)
