"""Models over the API: who sees them, and who decides which version answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlmodel import select

from schema.models.accounts import AuditEvent
from schema.models.alerts import Alert
from schema.models.models import Deployment
from schema.models.webhooks import Webhook, WebhookDelivery
from schema.models.work import Job
from schema.policy import Actor, Role
from schema.services.audit import verify
from schema.services.models import SYNC_JOB
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.schema.toys import toy
from tests.schema.training import Hospital
from tests.schema.ward import REFUSALS, Ward

DEPLOYMENTS = """deployments { alias inStore fault version { number } previous { number } changedBy { id }
  loaded { loading versionNumber loadMilliseconds memoryMegabytes fault } }"""
MODELS = f"query Q {{ models {{ edges {{ node {{ id family fault lookedAt {DEPLOYMENTS} }} }} }} }}"
VERSIONS = """query Q($filter: ModelVersionFilter) { modelVersions(filter: $filter) {
  totalCount edges { node { number digest architecture classes metrics { name value } card fault aliases
    model { family } } } } }"""
PROMOTE = f"""mutation M($input: PromoteModelInput!) {{ promoteModel(input: $input) {{ __typename
  ... on Model {{ {DEPLOYMENTS} }} {REFUSALS} }} }}"""
ROLLBACK = f"""mutation M($input: RollbackModelInput!) {{ rollbackModel(input: $input) {{ __typename
  ... on Model {{ {DEPLOYMENTS} }} {REFUSALS} }} }}"""
SYNC = f"""mutation M($input: SyncModelsInput!) {{
  syncModels(input: $input) {{ __typename {REFUSALS} }} }}"""


@pytest.fixture
def hospital(world: World, tmp_path: Path) -> Iterator[Hospital]:
    made = Hospital(world.database, world.clock, tmp_path)
    yield made
    made.close()


@pytest.fixture
def ward(world: World, hospital: Hospital) -> Ward:
    return Ward(world, hospital)


@pytest.fixture
def admin(world: World) -> Actor:
    return world.person(Role.ADMIN)


def challenger(ward: Ward, **settings: Any) -> str:
    """Add a version and return its id."""
    return global_id("ModelVersion", ward.register(toy(ward.world.home, **settings)).id or 0)


def against_the_rule(version: str) -> dict[str, str]:
    """Return what promotes a version that has earned nothing."""
    return {"versionId": version, "overrideReason": "Essai de la chaîne."}


def model_of(ward: Ward) -> str:
    return global_id("Model", ward.champion.model_id)


def alerts(world: World) -> list[tuple[str, str | None, str, str | None]]:
    with world.database.read() as session:
        return [(each.cause, each.alias, each.state, each.ending) for each in session.exec(select(Alert))]


def answering(ward: Ward) -> int:
    """Return the number of the version that answers, once what is deployed is loaded or has failed."""
    ward.predict()
    ward.settle()
    return int(ward.predict()["modelVersion"]["number"])


def test_nobody_sees_models_without_signing_in(world: World) -> None:
    assert world.codes(MODELS, None) == ["UNAUTHENTICATED"]
    assert world.codes(PROMOTE, None, input={"versionId": "x"}) == ["UNAUTHENTICATED"]


def test_only_administrators_decide(world: World, ward: Ward) -> None:
    version = challenger(ward)
    for role in (Role.TEACHER, Role.EXPERT, Role.ANALYST, Role.STUDENT):
        person = world.person(role)
        for text, given in (
            (PROMOTE, {"versionId": version}),
            (ROLLBACK, {"modelId": model_of(ward)}),
            (SYNC, {"modelId": model_of(ward)}),
        ):
            assert world.ask(text, person, input=given)["code"] == "missing_scope"
    assert answering(ward) == 1


def test_a_missing_version_or_model_is_not_found(world: World, admin: Actor) -> None:
    for identifier in (global_id("ModelVersion", 999), "forged"):
        assert world.ask(PROMOTE, admin, input={"versionId": identifier})["__typename"] == "NotFound"
    for text in (ROLLBACK, SYNC):
        answer = world.ask(text, admin, input={"modelId": global_id("Model", 999)})
        assert answer["__typename"] == "NotFound"


def test_a_model_tells_what_is_deployed_and_how_it_stands_here(world: World, ward: Ward) -> None:
    ward.predict()
    analyst = world.person(Role.ANALYST)
    [edge] = world.ask(MODELS, analyst)["edges"]
    [deployment] = edge["node"]["deployments"]
    assert (edge["node"]["family"], edge["node"]["fault"]) == ("BEATS", None)
    assert (deployment["alias"], deployment["version"], deployment["previous"]) == (
        "CHAMPION",
        {"number": 1},
        None,
    )
    loaded = deployment["loaded"]
    assert (loaded["loading"], loaded["versionNumber"], loaded["fault"]) == (False, 1, None)
    assert loaded["loadMilliseconds"] >= 0
    [version] = [edge["node"] for edge in world.ask(VERSIONS, analyst)["edges"]]
    assert version["classes"] == ["NORMAL", "LBBB", "RBBB", "APB", "PVC"]
    assert version["metrics"] == [{"name": "macro_f1", "value": 0.5}]
    assert (version["aliases"], version["model"]) == (["CHAMPION"], {"family": "BEATS"})


def test_promoting_and_rolling_back_switch_who_answers(world: World, ward: Ward, admin: Actor) -> None:
    assert answering(ward) == 1
    promoted = world.ask(PROMOTE, admin, input=against_the_rule(challenger(ward)))
    [deployment] = promoted["deployments"]
    assert (deployment["version"], deployment["previous"]) == ({"number": 2}, {"number": 1})
    assert deployment["changedBy"] == {"id": global_id("Account", admin.account_id)}
    assert answering(ward) == 2
    back = world.ask(ROLLBACK, admin, input={"modelId": model_of(ward)})
    assert back["deployments"][0]["version"] == {"number": 1}
    assert answering(ward) == 1
    again = world.ask(ROLLBACK, admin, input={"modelId": model_of(ward)})
    assert again["deployments"][0]["version"] == {"number": 2}


def test_promoting_what_answers_already_changes_nothing(world: World, ward: Ward, admin: Actor) -> None:
    given = {"versionId": global_id("ModelVersion", ward.champion.id or 0)}
    [deployment] = world.ask(PROMOTE, admin, input=given)["deployments"]
    assert (deployment["version"], deployment["previous"]) == ({"number": 1}, None)
    refused = world.ask(ROLLBACK, admin, input={"modelId": model_of(ward)})
    assert refused["code"] == "no_previous_version"
    with world.database.read() as session:
        assert session.exec(select(AuditEvent).where(AuditEvent.target_type == "Model")).all() == []


def test_the_champion_does_not_become_its_own_challenger_or_shadow(
    world: World, ward: Ward, admin: Actor
) -> None:
    champion = global_id("ModelVersion", ward.champion.id or 0)
    for alias in ("CHALLENGER", "SHADOW"):
        refused = world.ask(PROMOTE, admin, input={"versionId": champion, "alias": alias})
        assert (refused["__typename"], refused["code"]) == ("NotAllowed", "champion_beside_itself")
    other = challenger(ward)
    for alias in ("CHALLENGER", "SHADOW"):
        told = world.ask(PROMOTE, admin, input={"versionId": other, "alias": alias})
        assert {each["alias"]: each["version"]["number"] for each in told["deployments"]}[alias] == 2


def test_a_challenger_is_not_rolled_back_to_the_champion(world: World, ward: Ward, admin: Actor) -> None:
    first, second = challenger(ward), challenger(ward)
    for version in (first, second):
        world.ask(PROMOTE, admin, input={"versionId": version, "alias": "CHALLENGER"})
    world.ask(PROMOTE, admin, input=against_the_rule(first))
    refused = world.ask(ROLLBACK, admin, input={"modelId": model_of(ward), "alias": "CHALLENGER"})
    assert refused["code"] == "champion_beside_itself"


def test_a_version_that_cannot_be_loaded_is_not_promoted(world: World, ward: Ward, admin: Actor) -> None:
    faulty = ward.register(None)
    gone = ward.register(toy(world.home), withdrawn_at=world.clock())
    for version in (faulty, gone):
        given = {"versionId": global_id("ModelVersion", version.id or 0)}
        assert world.ask(PROMOTE, admin, input=given)["code"] == "version_unusable"
    unusable = world.ask(VERSIONS, admin, filter={"loadable": False, "modelId": model_of(ward)})
    assert [edge["node"]["fault"] for edge in unusable["edges"]] == ["tampered with"]
    assert world.ask(VERSIONS, admin, filter={"modelId": "forged"})["totalCount"] == 0


def test_where_the_new_version_fails_to_load_the_old_one_goes_on(
    world: World, ward: Ward, admin: Actor
) -> None:
    assert answering(ward) == 1
    world.ask(PROMOTE, admin, input=against_the_rule(challenger(ward, does="not load")))
    assert answering(ward) == 1
    [edge] = world.ask(MODELS, admin)["edges"]
    [deployment] = edge["node"]["deployments"]
    assert deployment["version"] == {"number": 2}
    assert deployment["loaded"]["versionNumber"] == 1
    assert "this toy does not load" in deployment["loaded"]["fault"]
    assert alerts(world) == [("load_failed", "champion", "open", None)]
    world.ask(ROLLBACK, admin, input={"modelId": model_of(ward)})
    assert alerts(world) == [("load_failed", "champion", "closed", "settled")]


def test_a_decision_is_on_the_trail_and_told_to_administrators_addresses(
    world: World, ward: Ward, admin: Actor
) -> None:
    events = ["model.promoted", "alert.opened"]
    with world.database.write() as session:
        for person in (admin, ward.teacher):
            session.add(
                Webhook(
                    account_id=person.account_id,
                    url="https://example.org/",
                    events=events,
                    salt="salt",
                    created_at=world.clock(),
                )
            )
    version = challenger(ward)
    world.ask(PROMOTE, admin, input=against_the_rule(version))
    with world.database.read() as session:
        [message] = session.exec(select(WebhookDelivery)).all()
        [event] = session.exec(select(AuditEvent).where(AuditEvent.action == "model.promoted")).all()
        assert verify(session).ok
    data = orjson.loads(message.body)["data"]
    assert data == {
        "modelId": model_of(ward),
        "modelVersionId": version,
        "cause": "promoted",
        "alias": "champion",
    }
    assert event.actor_id == admin.account_id
    assert (event.detail["version"], event.detail["replaced"]) == (2, 1)


def test_the_store_is_told_later_and_a_look_at_it_may_be_asked_for(
    world: World, ward: Ward, admin: Actor
) -> None:
    [deployment] = world.ask(PROMOTE, admin, input=against_the_rule(challenger(ward)))["deployments"]
    assert deployment["inStore"] is False
    world.ask(SYNC, admin, input={"modelId": model_of(ward)})
    with world.database.read() as session:
        [job] = session.exec(select(Job).where(Job.kind == SYNC_JOB)).all()
        [row] = session.exec(select(Deployment)).all()
    assert job.run_after <= world.clock()
    assert row.mirrored_id != row.version_id
