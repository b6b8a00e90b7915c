"""Webhooks over the API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import standardwebhooks
from anyio import CapacityLimiter

from schema.policy import Actor, Role, Scope
from schema.services.jobs import run_due
from schema.services.outbound import Outbound
from schema.services.webhooks import DELIVER_JOB, MAX_WEBHOOKS
from schema.types.base import global_id
from tests.schema.conftest import World
from tests.support.receiver import Receiver, receiving

REFUSALS = """... on ValidationErrors { fields { path code message } } ... on NotFound { message }
  ... on NotAllowed { code message } ... on Conflict { code current }"""
SECRET = "... on WebhookSecret { secret webhook { id url events state revision } }"
WEBHOOK = "... on Webhook { id url events state revision }"
DELIVERY = "... on WebhookDelivery { id event state }"


def mutation(name: str, kind: str, fields: str) -> str:
    return f"mutation M($input: {kind}!) {{ {name}(input: $input) {{ __typename {fields} {REFUSALS} }} }}"


CREATE = mutation("createWebhook", "CreateWebhookInput", SECRET)
UPDATE = mutation("updateWebhook", "UpdateWebhookInput", WEBHOOK)
ROTATE = mutation("rotateWebhookSecret", "WebhookInput", SECRET)
DELETE = mutation("deleteWebhook", "WebhookInput", "... on DeletedWebhook { webhookId }")
TEST = mutation("sendTestEvent", "WebhookInput", DELIVERY)
REDELIVER = mutation("redeliver", "RedeliverInput", DELIVERY)
REDELIVER_DEAD = mutation("redeliverDead", "WebhookInput", WEBHOOK)
ONE = """query Q($id: ID!) { webhook(id: $id) { url state failures restingUntil previousSecretUntil
  deliveries(first: 10) { totalCount edges { node {
    id eventId event body state tries status latencyMs fault dueAt triedAt } } } } }"""
LIST = "query Q { webhooks { totalCount edges { node { id } } } }"
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"
EVENTS = ["ATTEMPT_SUBMITTED", "GRADE_CHANGED"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture(autouse=True)
def _local(world: World) -> None:
    world.services.outbound = Outbound(local=True)


def made(world: World, owner: Actor, url: str = "http://localhost/hook") -> Any:
    answer = world.ask(CREATE, owner, input={"url": url, "events": EVENTS})
    assert answer["__typename"] == "WebhookSecret", answer
    return answer


def work(world: World) -> None:
    run_due(world.database, {DELIVER_JOB: world.services.courier.deliver}, world.clock, 10)


def test_nobody_asks_without_signing_in_and_no_student_at_all(world: World) -> None:
    webhook = made(world, world.person())["webhook"]["id"]
    for actor, code in ((None, "UNAUTHENTICATED"), (world.person(Role.STUDENT), "FORBIDDEN")):
        assert world.codes(LIST, actor) == [code]
        assert world.codes(ONE, actor, id=webhook) == [code]


def test_a_foreign_webhook_answers_like_a_missing_one(world: World) -> None:
    owner, others = world.person(), [world.person(), world.person(Role.ADMIN)]
    webhook = made(world, owner)["webhook"]["id"]
    delivery = world.ask(TEST, owner, input={"id": webhook})["id"]
    missing = {"Webhook": global_id("Webhook", 999), "WebhookDelivery": global_id("WebhookDelivery", 999)}
    for other in others:
        assert world.ask(LIST, other) == {"totalCount": 0, "edges": []}
        for kind, key in (("Webhook", webhook), ("WebhookDelivery", delivery)):
            assert world.ask(NODE, other, id=key) is world.ask(NODE, other, id=missing[kind]) is None
            assert world.ask(NODE, owner, id=key) == {"__typename": kind, "id": key}
        assert world.ask(ONE, other, id=webhook) is None
        for text, key, more in (
            (UPDATE, webhook, {"revision": 1}),
            (ROTATE, webhook, {}),
            (DELETE, webhook, {}),
            (TEST, webhook, {}),
            (REDELIVER_DEAD, webhook, {}),
            (REDELIVER, delivery, {}),
        ):
            foreign = world.ask(text, other, input={"id": key, **more})
            kind = "WebhookDelivery" if text is REDELIVER else "Webhook"
            assert foreign == world.ask(text, other, input={"id": missing[kind], **more})
            assert foreign["__typename"] == "NotFound"


def test_a_webhook_is_made_tested_rotated_paused_and_deleted(world: World, receiver: Receiver) -> None:
    owner = world.person()
    first = made(world, owner, receiver.url)
    key = first["webhook"]["id"]
    assert world.ask(TEST, owner, input={"id": key})["event"] == "TEST"
    work(world)
    [received] = receiver.received
    library = standardwebhooks.Webhook(first["secret"])
    signature = library.sign(received.headers["webhook-id"], world.clock(), received.body.decode())
    assert received.headers["webhook-signature"] == signature
    second = world.ask(ROTATE, owner, input={"id": key})
    assert second["secret"] != first["secret"]
    seen = world.ask(ONE, owner, id=key)
    assert seen["previousSecretUntil"] is not None
    [edge] = seen["deliveries"]["edges"]
    assert (edge["node"]["state"], edge["node"]["status"], edge["node"]["tries"]) == ("DELIVERED", 200, 1)
    assert json.loads(edge["node"]["body"]) == json.loads(received.body)
    changed = world.ask(UPDATE, owner, input={"id": key, "revision": 2, "active": False})
    assert (changed["state"], changed["events"]) == ("PAUSED", EVENTS)
    assert world.ask(TEST, owner, input={"id": key})["code"] == "webhook_paused"
    assert world.ask(UPDATE, owner, input={"id": key, "revision": 2})["__typename"] == "Conflict"
    assert world.ask(DELETE, owner, input={"id": key}) == {"__typename": "DeletedWebhook", "webhookId": key}
    assert world.ask(ONE, owner, id=key) is None


def test_a_message_given_up_is_sent_again(world: World, receiver: Receiver) -> None:
    owner = world.person()
    key = made(world, owner, receiver.url)["webhook"]["id"]
    world.ask(TEST, owner, input={"id": key})
    receiver.mood = 410
    work(world)
    [edge] = world.ask(ONE, owner, id=key)["deliveries"]["edges"]
    assert (edge["node"]["state"], edge["node"]["fault"], edge["node"]["dueAt"]) == ("DEAD", "GONE", None)
    again = {"id": edge["node"]["id"]}
    assert world.ask(REDELIVER, owner, input=again)["code"] == "webhook_paused"
    receiver.mood = 200
    world.ask(UPDATE, owner, input={"id": key, "revision": 2, "active": True})
    assert world.ask(REDELIVER, owner, input=again)["state"] == "WAITING"
    work(world)
    assert world.ask(REDELIVER_DEAD, owner, input={"id": key})["__typename"] == "Webhook"
    [edge] = world.ask(ONE, owner, id=key)["deliveries"]["edges"]
    assert edge["node"]["state"] == "DELIVERED"


def test_what_is_wrong_with_a_webhook_is_told_all_at_once(world: World) -> None:
    given = {"url": "https://169.254.169.254/", "events": ["MODEL_PROMOTED"]}
    fields = world.ask(CREATE, world.person(), input=given)["fields"]
    assert [(each["path"], each["code"]) for each in fields] == [
        (["events"], "event_not_yours"),
        (["url"], "unusable_host"),
    ]


def test_a_token_without_the_scope_makes_none(world: World) -> None:
    owner = world.person()
    narrow = Actor(owner.account_id, owner.role, scopes=frozenset(Scope) - {Scope.WEBHOOKS}, token_id=1)
    given = {"url": "http://localhost/", "events": EVENTS}
    assert world.ask(CREATE, narrow, input=given)["code"] == "missing_scope"


def test_no_host_is_looked_up_for_who_has_no_such_webhook_or_too_many(world: World) -> None:
    owner, asked = world.person(), list[str]()
    webhook = made(world, owner)["webhook"]["id"]
    for _ in range(MAX_WEBHOOKS - 1):
        made(world, owner)

    def noted(host: str, _port: int) -> list[str]:
        asked.append(host)
        return []

    world.services.outbound = Outbound(resolve=noted)
    given = {"url": "https://hooks.example.org/"}
    assert world.ask(CREATE, owner, input={**given, "events": EVENTS})["fields"][0]["code"] == (
        "too_many_webhooks"
    )
    other = {**given, "id": webhook, "revision": 1}
    assert world.ask(UPDATE, world.person(), input=other)["__typename"] == "NotFound"
    assert asked == []


def test_a_lookup_does_not_wait_for_others(world: World) -> None:
    owner = world.person()
    world.services.lookups = CapacityLimiter(0)
    given = {"url": "http://localhost/", "events": EVENTS}
    assert world.ask(CREATE, owner, input=given)["fields"][0]["code"] == "lookups_busy"
