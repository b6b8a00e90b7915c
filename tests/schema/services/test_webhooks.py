"""Webhooks: what happens is told once at least, in order, signed, and never to who may not know."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from sqlmodel import Session, col, select

from ml.language.ruling import RuledVerdict
from schema.database import Database
from schema.errors import AuthenticationRequiredError, ConflictError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.models.training import Attempt, TrainingSession
from schema.models.webhooks import DeliveryFault, DeliveryState, Webhook, WebhookDelivery, WebhookEvent
from schema.models.work import Job
from schema.pagination import PageRequest
from schema.policy import Actor, Role, Scope
from schema.services.contests import Contests, Ruling
from schema.services.courier import MOST_TRIES, OF_ONE_ACCOUNT, PATIENCE, TURN, Courier
from schema.services.jobs import LEASE, Jobs, run_due
from schema.services.outbound import CheckedUrl, Outbound, Reply
from schema.services.pruning import KEPT, prune
from schema.services.signing import secret_of, signed_headers
from schema.services.tokens import Tokens
from schema.services.webhooks import (
    BOTH_SECRETS,
    DELIVER_JOB,
    MAX_WEBHOOKS,
    OF_PLATFORM,
    OF_SESSIONS,
    Webhooks,
    emit,
)
from tests.schema.people import PASSWORDS, StoppedClock
from tests.schema.training import Hospital, answers
from tests.support.receiver import Received, Receiver, receiving

SUBMITTED, CHANGED = WebhookEvent.ATTEMPT_SUBMITTED, WebhookEvent.GRADE_CHANGED
URL = CheckedUrl("https://hooks.example.org/chevet")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Post:
    """A hospital whose teachers have webhooks, and the courier who serves them."""

    def __init__(self, hospital: Hospital, receiver: Receiver) -> None:
        self.hospital, self.receiver = hospital, receiver
        self.database, self.clock = hospital.database, hospital.clock
        self.outbound = Outbound(local=True)

    def webhook(
        self,
        owner: Actor | None = None,
        events: frozenset[WebhookEvent] = OF_SESSIONS,
        url: str | None = None,
    ) -> Webhook:
        with self.database.write() as session:
            webhooks = Webhooks(session, owner or self.hospital.teacher, self.clock)
            return webhooks.create(CheckedUrl(url or self.receiver.url), events).webhook

    def system(self, lasting: timedelta | None = None) -> Actor:
        """Return an outside system with a token of the teacher's."""
        teacher, end = self.hospital.teacher, self.clock() + lasting if lasting else None
        with self.database.write() as session:
            made = Tokens(session, self.clock, teacher).create(
                teacher.account_id, "LMS", frozenset({Scope.WEBHOOKS}), end
            )
        return Actor(teacher.account_id, Role.TEACHER, token_id=made.token.id)

    def revoke(self, system: Actor) -> None:
        with self.database.write() as session:
            Tokens(session, self.clock, self.hospital.teacher).revoke(system.token_id or 0)

    def work(self, *, chance: float = 0.5) -> int:
        """Work off what is due."""
        courier = Courier(self.database, self.clock, PASSWORDS, self.outbound, lambda: chance)
        return run_due(self.database, {DELIVER_JOB: courier.deliver}, self.clock, 100)

    def submitted(self, training: TrainingSession | None = None) -> Attempt:
        """Have a student hand an attempt in."""
        student = self.hospital.student()
        attempt = self.hospital.started(training or self.hospital.training(), student)
        return self.hospital.submissions.submit(student, attempt.id or 0, "key")

    def happen(self, times: int = 1, event: WebhookEvent = SUBMITTED, holder: Actor | None = None) -> None:
        for number in range(1, times + 1):
            with self.database.write() as session:
                objects, whose = {"Attempt": number}, (holder or self.hospital.teacher).account_id
                emit(session, self.clock, event, objects, holder_id=whose)

    def deliveries(self) -> list[WebhookDelivery]:
        with self.database.read() as session:
            return list(session.exec(select(WebhookDelivery).order_by(col(WebhookDelivery.id))))

    def now(self, webhook: Webhook) -> Webhook:
        with self.database.read() as session:
            return session.get_one(Webhook, webhook.id)

    def change(self, webhook: Webhook, **changes: Any) -> Webhook:
        with self.database.write() as session:
            webhooks = Webhooks(session, self.hospital.teacher, self.clock)
            return webhooks.update(webhook.id or 0, self.now(webhook).revision, **changes)

    def states(self) -> list[str]:
        return [each.state for each in self.deliveries()]


@pytest.fixture
def post(hospital: Hospital, receiver: Receiver) -> Post:
    return Post(hospital, receiver)


@pytest.fixture
def lite(sqlite_hospital: Hospital, receiver: Receiver) -> Post:
    """Return a post on SQLite alone, for what the database has no part in."""
    return Post(sqlite_hospital, receiver)


@pytest.fixture
def sqlite_hospital(sqlite_database: Database, clock: StoppedClock, tmp_path: Any) -> Iterator[Hospital]:
    made = Hospital(sqlite_database, clock, tmp_path)
    yield made
    made.close()


def verified(received: Received, secret: str, at: datetime) -> dict[str, Any]:
    """Return a message that the library of Standard Webhooks, as if it were that moment, finds to be ours."""
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    library = standardwebhooks.Webhook(secret)
    assert library.sign(headers["webhook-id"], at, received.body.decode()) in headers["webhook-signature"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    by_hand = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{by_hand}" in headers["webhook-signature"].split(" ")
    message: dict[str, Any] = json.loads(received.body)
    assert message["id"] == headers["webhook-id"]
    return message


# Who may


def test_a_foreign_webhook_answers_like_a_missing_one(lite: Post) -> None:
    webhook, other = lite.webhook(), lite.hospital.actor(Role.TEACHER)
    lite.happen()
    [delivery] = lite.deliveries()
    for actor in (other, lite.hospital.actor(Role.ADMIN)):
        with lite.database.write() as session:
            theirs = Webhooks(session, actor, lite.clock)
            for refused in (
                lambda key=webhook.id, hooks=theirs: hooks.get(key),
                lambda key=webhook.id, hooks=theirs: hooks.update(key, 1, active=False),
                lambda key=webhook.id, hooks=theirs: hooks.rotate(key),
                lambda key=webhook.id, hooks=theirs: hooks.delete(key),
                lambda key=webhook.id, hooks=theirs: hooks.test(key),
                lambda key=webhook.id, hooks=theirs: hooks.redeliver_dead(key),
                lambda key=delivery.id, hooks=theirs: hooks.delivery(key),
                lambda key=delivery.id, hooks=theirs: hooks.redeliver(key),
                lambda hooks=theirs: hooks.get(999),
            ):
                with pytest.raises(NotFoundError):
                    refused()
            assert theirs.page(PageRequest(10)).rows == []


def test_a_teacher_is_told_of_their_own_sessions_and_an_administrator_of_all(lite: Post) -> None:
    admin, colleague = lite.hospital.actor(Role.ADMIN), lite.hospital.actor(Role.TEACHER)
    told = {lite.webhook(owner).id: owner for owner in (lite.hospital.teacher, admin, colleague)}
    lite.submitted()
    whose = [told[each.webhook_id] for each in lite.deliveries()]
    assert whose == [lite.hospital.teacher, admin]


def test_events_of_the_platform_are_for_administrators(lite: Post) -> None:
    with pytest.raises(ValidationFailedError, match="events:event_not_yours"):
        lite.webhook(events=OF_SESSIONS | OF_PLATFORM)
    admin = lite.hospital.actor(Role.ADMIN)
    lite.webhook(admin, OF_PLATFORM)
    lite.webhook()
    with lite.database.write() as session:
        emit(session, lite.clock, WebhookEvent.MODEL_PROMOTED, {"ModelVersion": 4})
    [delivery] = lite.deliveries()
    assert json.loads(delivery.body)["data"] == {"modelVersionId": "TW9kZWxWZXJzaW9uOjQ="}


@pytest.mark.parametrize("events", [frozenset(), frozenset({WebhookEvent.TEST})])
def test_a_webhook_needs_events_that_happen(lite: Post, events: frozenset[WebhookEvent]) -> None:
    with pytest.raises(ValidationFailedError, match="events"):
        lite.webhook(events=events)


def test_an_account_has_so_many_webhooks_at_most(lite: Post) -> None:
    for _ in range(MAX_WEBHOOKS):
        lite.webhook()
    with pytest.raises(ValidationFailedError, match="url:too_many_webhooks"):
        lite.webhook()


def test_an_account_that_is_shut_is_told_nothing_more(lite: Post) -> None:
    lite.webhook()
    lite.happen()
    with lite.database.write() as session:
        session.get_one(Account, lite.hospital.teacher.account_id).disabled_at = lite.clock()
    lite.happen()
    lite.work()
    assert (lite.states(), lite.receiver.received) == (["waiting"], [])


def test_revoking_a_token_pauses_the_webhooks_it_made(lite: Post) -> None:
    system = lite.system()
    theirs, own = lite.webhook(system), lite.webhook()
    lite.revoke(system)
    assert [lite.now(each).state for each in (theirs, own)] == ["paused", "active"]


def test_a_token_that_was_revoked_meanwhile_changes_nothing(post: Post) -> None:
    system = post.system()
    webhook = post.webhook()
    post.happen()
    [delivery] = post.deliveries()
    key = webhook.id or 0
    post.revoke(system)
    with pytest.raises(AuthenticationRequiredError):
        post.webhook(system)
    with post.database.write() as session:
        theirs = Webhooks(session, system, post.clock)
        for refused in (
            lambda: theirs.update(key, 1, active=True),
            lambda: theirs.rotate(key),
            lambda: theirs.delete(key),
            lambda: theirs.test(key),
            lambda: theirs.redeliver(delivery.id or 0),
            lambda: theirs.redeliver_dead(key),
        ):
            with pytest.raises(AuthenticationRequiredError):
                refused()
    assert post.now(webhook).revision == 1


@pytest.mark.parametrize("change", [{"url": URL}, {"active": True}, None])
def test_a_webhook_ends_with_the_token_that_gave_it_another_address_or_secret(
    lite: Post, change: dict[str, Any] | None
) -> None:
    webhook, system = lite.webhook(), lite.system()
    with lite.database.write() as session:
        theirs = Webhooks(session, system, lite.clock)
        if change is None:
            theirs.rotate(webhook.id or 0)
        else:
            theirs.update(webhook.id or 0, 1, **change)
    lite.revoke(system)
    assert lite.now(webhook).state == "paused"


def test_a_browser_that_makes_a_webhook_active_frees_it_from_its_token(lite: Post) -> None:
    system = lite.system(lasting=timedelta(hours=1))
    webhook = lite.webhook(system)
    lite.clock.pass_(hours=1)
    with lite.database.write() as session:
        Webhooks(session, lite.hospital.teacher, lite.clock).rotate(webhook.id or 0)
    lite.happen()
    assert lite.deliveries() == []
    lite.change(webhook, active=True)
    lite.happen()
    lite.work()
    assert lite.states() == ["delivered"]


def test_a_webhook_is_told_nothing_once_its_token_has_expired(post: Post) -> None:
    webhook = post.webhook(post.system(lasting=timedelta(hours=1)))
    post.happen()
    post.clock.pass_(hours=1)
    post.happen()
    post.work()
    assert (post.states(), post.receiver.received) == (["waiting"], [])
    with post.database.write() as session, pytest.raises(ConflictError, match="webhook_paused"):
        Webhooks(session, post.hospital.teacher, post.clock).test(webhook.id or 0)


def test_a_webhook_whose_token_has_expired_shows_as_paused_within_the_hour(post: Post) -> None:
    theirs, own = post.webhook(post.system(lasting=timedelta(hours=1))), post.webhook()
    lasting = post.webhook(post.system())
    prune(post.database, post.clock)
    assert post.now(theirs).state == "active"
    post.clock.pass_(hours=1)
    prune(post.database, post.clock)
    assert [post.now(each).state for each in (theirs, own, lasting)] == ["paused", "active", "active"]


# What is told


def test_handing_in_is_told_with_ids_alone_and_signed(post: Post) -> None:
    webhook = post.webhook()
    attempt = post.submitted()
    assert post.work() == 1
    [received] = post.receiver.received
    message = verified(received, secret_of(webhook.salt, PASSWORDS), post.clock())
    assert message["type"] == "attempt.submitted"
    assert datetime.fromisoformat(message["timestamp"]) == post.clock()
    told = {name: base64.b64decode(value).decode() for name, value in message["data"].items()}
    assert told == {"attemptId": f"Attempt:{attempt.id}", "sessionId": f"Session:{attempt.session_id}"}
    [delivery] = post.deliveries()
    assert (delivery.state, delivery.status, delivery.tries, delivery.fault) == ("delivered", 200, 1, None)
    assert received.headers["Content-Type"] == "application/json"


def test_contesting_a_mark_and_ruling_on_it_are_told(post: Post) -> None:
    post.webhook(events=frozenset({CHANGED}))
    attempt = post.submitted()
    [answer] = answers(post.hospital, attempt)
    student = Actor(attempt.account_id, Role.STUDENT)
    with post.database.write() as session:
        contest, _ = Contests(session, student, post.clock).contest(
            answer.id or 0, "LBBB", "Mme Durand, ligne 2"
        )
    with post.database.write() as session:
        ruling = Ruling(RuledVerdict.FOUND, "Vu avec Jean Petit")
        Contests(session, post.hospital.teacher, post.clock).rule(contest.id or 0, 1, ruling)
    post.work()
    told = [json.loads(each.body) for each in post.receiver.received]
    assert [each["type"] for each in told] == ["grade.changed"] * 2
    assert [each["data"]["cause"] for each in told] == ["contest", "ruling"]
    assert set(told[0]["data"]) == {"answerId", "attemptId", "sessionId", "contestId", "cause"}
    assert not any(name in each.body for name in (b"Durand", b"Petit") for each in post.receiver.received)


def test_nothing_is_told_of_what_was_rolled_back(lite: Post) -> None:
    lite.webhook()
    with lite.database.write() as session:
        emit(session, lite.clock, SUBMITTED, {"Attempt": 1}, holder_id=lite.hospital.teacher.account_id)
        session.rollback()
    assert lite.deliveries() == []


def test_events_go_out_in_order_one_after_another(post: Post) -> None:
    post.webhook()
    post.happen(5)
    post.work()
    told = [json.loads(each.body)["data"]["attemptId"] for each in post.receiver.received]
    assert [base64.b64decode(each).decode() for each in told] == [f"Attempt:{n}" for n in range(1, 6)]


def test_a_test_event_goes_to_its_webhook_alone_and_once_at_a_time(lite: Post) -> None:
    webhook, _other = lite.webhook(), lite.webhook()
    for _ in range(2):
        with lite.database.write() as session:
            Webhooks(session, lite.hospital.teacher, lite.clock).test(webhook.id or 0)
    lite.work()
    [received] = lite.receiver.received
    assert json.loads(received.body)["type"] == "webhook.test"


def test_a_replaced_secret_signs_as_well_for_a_day(lite: Post) -> None:
    webhook = lite.webhook()
    old = secret_of(webhook.salt, PASSWORDS)
    with lite.database.write() as session:
        rotated = Webhooks(session, lite.hospital.teacher, lite.clock).rotate(webhook.id or 0).webhook
    new = secret_of(rotated.salt, PASSWORDS)
    assert new != old
    lite.happen()
    lite.work()
    for secret in (old, new):
        verified(lite.receiver.received[0], secret, lite.clock())
    lite.clock.pass_(seconds=BOTH_SECRETS.total_seconds())
    lite.happen()
    lite.work()
    assert len(lite.receiver.received[1].headers["webhook-signature"].split(" ")) == 1
    verified(lite.receiver.received[1], new, lite.clock())


def test_the_library_takes_a_signature_of_this_moment_and_none_of_six_minutes_ago(lite: Post) -> None:
    webhook = lite.webhook()
    secret, body = secret_of(webhook.salt, PASSWORDS), b'{"a": 1}'
    library = standardwebhooks.Webhook(secret)
    at = datetime.now(UTC)
    assert library.verify(body, signed_headers(webhook, "evt_1", body, at, PASSWORDS)) == {"a": 1}
    late = signed_headers(webhook, "evt_1", body, at - timedelta(minutes=6), PASSWORDS)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library.verify(body, late)


def test_neither_secret_nor_key_is_stored(lite: Post) -> None:
    webhook = lite.webhook()
    secret = secret_of(webhook.salt, PASSWORDS).removeprefix("whsec_")
    stored = lite.now(webhook).model_dump_json()
    assert secret not in stored
    assert base64.b64decode(secret).hex() not in stored


# When it does not arrive


def test_a_message_is_tried_later_and_later_then_given_up_and_sent_again_on_demand(lite: Post) -> None:
    webhook = lite.webhook()
    lite.receiver.mood = 500
    lite.happen()
    waits = []
    for _ in range(MOST_TRIES):
        lite.work()
        [delivery] = lite.deliveries()
        resting = lite.now(webhook).resting_until
        due = max(delivery.due_at, resting or delivery.due_at)
        waits.append(round((due - lite.clock()).total_seconds()))
        lite.clock.at = max(due, lite.clock())
    assert len(lite.receiver.received) == MOST_TRIES
    assert waits[:-1] == [5, 20, 80, 320, 1280, 5120, 20480, 21600, 21600]
    assert (delivery.state, delivery.status, delivery.fault) == ("dead", 500, "refused")
    assert len({each.headers["webhook-id"] for each in lite.receiver.received}) == 1
    lite.receiver.mood = 204
    with lite.database.write() as session:
        Webhooks(session, lite.hospital.teacher, lite.clock).redeliver_dead(webhook.id or 0)
    lite.work()
    assert lite.states() == ["delivered"]


def test_those_who_failed_together_do_not_try_again_together(lite: Post) -> None:
    for chance, seconds in ((0.0, 4), (1.0, 6)):
        lite.webhook()
        lite.receiver.mood = 500
        lite.happen()
        lite.work(chance=chance)
        last = lite.deliveries()[-1]
        assert last.due_at - lite.clock() == timedelta(seconds=seconds)


@pytest.mark.parametrize("asked", ["3600", "Mon, 02 Mar 2026 10:00:00 GMT"])
def test_an_address_that_asks_for_time_has_it(lite: Post, asked: str) -> None:
    lite.webhook()
    lite.receiver.mood, lite.receiver.headers = 429, {"Retry-After": asked}
    lite.happen(3)
    lite.work()
    lite.clock.pass_(minutes=59)
    assert lite.work() == 0
    lite.receiver.mood = 200
    lite.clock.pass_(minutes=1)
    lite.work()
    assert (len(lite.receiver.received), set(lite.states())) == (4, {"delivered"})


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "soon",
        "-5",
        "99999999999999999999",
        "Mon, 02 Mar 1026 10:00:00 GMT",
        "01 Jan 2024 00:00:00 -99999999999999999999999",
    ],
)
def test_an_address_asks_for_a_few_hours_at_most(lite: Post, asked: str) -> None:
    webhook = lite.webhook()
    lite.receiver.mood, lite.receiver.headers = 503, {"Retry-After": asked}
    lite.happen()
    lite.work()
    resting = lite.now(webhook).resting_until
    assert resting is None or resting <= lite.clock() + timedelta(hours=6)
    assert lite.deliveries()[0].tries == 1


def test_an_address_that_is_gone_is_told_nothing_more(post: Post) -> None:
    webhook = post.webhook()
    post.receiver.mood = 410
    post.happen(2)
    post.work()
    post.happen()
    post.work()
    assert len(post.receiver.received) == 1
    assert (post.now(webhook).state, post.states()) == ("gone", ["dead", "waiting"])
    with post.database.read() as session:
        actions = session.exec(select(AuditEvent.action).where(AuditEvent.target_type == "Webhook")).all()
    assert "webhook.gone" in actions
    post.receiver.mood = 200
    post.change(webhook, active=True)
    post.work()
    assert post.states() == ["dead", "delivered"]


def test_a_paused_address_keeps_what_waits_and_is_not_told_what_happens_meanwhile(lite: Post) -> None:
    webhook = lite.webhook()
    lite.happen()
    lite.change(webhook, active=False)
    lite.happen()
    lite.work()
    assert (lite.states(), lite.receiver.received) == (["waiting"], [])
    with lite.database.write() as session, pytest.raises(ConflictError, match="webhook_paused"):
        Webhooks(session, lite.hospital.teacher, lite.clock).test(webhook.id or 0)
    lite.change(webhook, active=True)
    lite.work()
    assert lite.states() == ["delivered"]


@pytest.mark.parametrize(
    "mood, fault",
    [(301, DeliveryFault.REDIRECTED), (404, DeliveryFault.REFUSED), ("broken", DeliveryFault.UNREACHABLE)],
)
def test_what_went_wrong_is_told(lite: Post, mood: int | str, fault: DeliveryFault) -> None:
    lite.webhook()
    lite.receiver.mood = mood
    lite.happen()
    lite.work()
    [delivery] = lite.deliveries()
    assert delivery.fault == fault.value
    assert delivery.status == (mood if isinstance(mood, int) else None)
    assert delivery.state == DeliveryState.WAITING.value


def test_a_name_that_moved_inside_is_not_posted_to(lite: Post) -> None:
    lite.webhook(url=f"https://moved.example.org:{lite.receiver.port}/")
    lite.outbound = Outbound(resolve=lambda _host, _port: ["127.0.0.1"])
    lite.happen()
    lite.work()
    assert (lite.deliveries()[0].fault, lite.receiver.received) == ("address_refused", [])


def test_an_address_that_fails_again_and_again_rests_and_holds_no_other_up(lite: Post) -> None:
    failing = lite.webhook()
    lite.happen(PATIENCE + 3)
    lite.receiver.mood = 500
    for _ in range(PATIENCE):
        lite.work()
    assert lite.now(failing).resting_until == lite.clock() + timedelta(minutes=1)
    lite.receiver.mood = 200
    sound = lite.webhook()
    lite.happen()
    before = len(lite.receiver.received)
    lite.work()
    assert len(lite.receiver.received) == before + 1
    assert {each.state for each in lite.deliveries() if each.webhook_id == sound.id} == {"delivered"}
    lite.clock.pass_(minutes=1)
    lite.work()
    assert lite.now(failing).failures == 0


def test_one_accounts_addresses_leave_couriers_to_others(lite: Post) -> None:
    held, begun = threading.Event(), threading.Semaphore(0)

    class Slow(Outbound):
        def post(self, url: str, *_arguments: object) -> Reply:
            if "slow" in url:
                begun.release()
                held.wait(30)
            sent.append(url)
            return Reply(200, {})

    def deliver(count: int = 1) -> int:
        return run_due(lite.database, {DELIVER_JOB: courier.deliver}, lite.clock, count)

    sent: list[str] = []
    courier = Courier(lite.database, lite.clock, PASSWORDS, Slow())
    for number in range(3):
        lite.webhook(url=f"https://slow{number}.example.org/")
    lite.happen()
    couriers = [threading.Thread(target=deliver) for _ in range(OF_ONE_ACCOUNT)]
    try:
        for each in couriers:
            each.start()
            assert begun.acquire(timeout=30)
        colleague = lite.hospital.actor(Role.TEACHER)
        lite.webhook(colleague, url="https://colleague.example.org/")
        lite.happen(holder=colleague)
        assert (deliver(9), sent) == (2, ["https://colleague.example.org/"])
    finally:
        held.set()
        for each in couriers:
            each.join()
    lite.clock.pass_(seconds=TURN.total_seconds())
    assert (deliver(), sent[-1]) == (1, "https://slow2.example.org/")


@pytest.mark.parametrize("asks", ["redeliver", "update"])
def test_an_address_that_was_tried_a_moment_ago_rests_whatever_its_owner_asks(lite: Post, asks: str) -> None:
    webhook = lite.webhook()
    lite.happen(PATIENCE + 1)
    lite.receiver.mood = 500
    lite.work()
    delivery = lite.deliveries()[0]

    def ask() -> None:
        if asks == "update":
            lite.change(webhook, active=True)
            return
        with lite.database.write() as session:
            Webhooks(session, lite.hospital.teacher, lite.clock).redeliver(delivery.id or 0)

    for _ in range(PATIENCE):
        ask()
        lite.work()
    resting = lite.now(webhook).resting_until
    assert resting == lite.clock() + timedelta(minutes=1)
    ask()
    assert (lite.now(webhook).resting_until, lite.work()) == (resting, 1)
    lite.receiver.mood = 200
    lite.clock.pass_(minutes=1)
    ask()
    lite.work()
    assert lite.now(webhook).failures == 0


def test_another_address_need_not_rest_for_the_one_before(lite: Post) -> None:
    webhook = lite.webhook(url=f"http://localhost:{lite.receiver.port}/old")
    lite.happen(PATIENCE)
    lite.receiver.mood = 500
    for _ in range(PATIENCE):
        lite.work()
    assert lite.now(webhook).resting_until is not None
    lite.receiver.mood = 200
    lite.change(webhook, url=CheckedUrl(lite.receiver.url))
    lite.clock.pass_(seconds=10)
    lite.work()
    assert set(lite.states()) == {"delivered"}


# When somebody dies, or changes their mind


def test_a_killed_workers_message_is_sent_by_another(post: Post) -> None:
    post.webhook()
    post.happen(2)
    taken = Jobs(post.database, post.clock, "killed").claim(frozenset({DELIVER_JOB}))
    assert taken is not None
    assert post.work() == 0
    post.clock.pass_(seconds=LEASE.total_seconds())
    assert post.work() == 1
    assert post.states() == ["delivered"] * 2


def test_a_worker_killed_between_answer_and_note_has_the_message_sent_again(lite: Post) -> None:
    lite.webhook()
    lite.happen()

    class Killed(Courier):
        def _note(self, session: Session, *_arguments: object) -> None:
            session.rollback()
            raise KeyboardInterrupt

    courier = Killed(lite.database, lite.clock, PASSWORDS, lite.outbound)
    with pytest.raises(KeyboardInterrupt):
        run_due(lite.database, {DELIVER_JOB: courier.deliver}, lite.clock, 1)
    assert lite.states() == ["waiting"]
    lite.clock.pass_(seconds=LEASE.total_seconds())
    lite.work()
    first, second = lite.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert lite.states() == ["delivered"]


def test_an_address_whose_job_was_given_up_is_told_at_the_next_event(lite: Post) -> None:
    lite.webhook()
    lite.happen()
    worker = Jobs(lite.database, lite.clock, "doomed")
    claim = worker.claim(frozenset({DELIVER_JOB}))
    assert claim is not None
    worker.give_up(claim, "its workers stopped without an answer")
    lite.happen()
    lite.work()
    assert lite.states() == ["delivered"] * 2


def test_what_happens_while_a_job_is_put_back_is_not_forgotten(post: Post) -> None:
    post.webhook()
    post.happen()

    class Late(Outbound):
        def post(self, *_arguments: object) -> Reply:
            if len(sent) == 0:
                post_later()
            sent.append(1)
            return Reply(200, {})

    def post_later() -> None:
        post.happen()

    sent: list[int] = []
    post.outbound = Late()
    post.work()
    post.work()
    assert (len(sent), post.states()) == (2, ["delivered"] * 2)


def test_there_is_one_job_for_an_address_and_it_waits_when_nothing_is_due(post: Post) -> None:
    post.webhook()
    post.happen(3)
    post.work()
    with post.database.read() as session:
        [job] = session.exec(select(Job).where(Job.kind == DELIVER_JOB)).all()
    assert (job.state, job.run_after.year) == ("queued", 9999)
    post.happen()
    assert post.work() == 1


def test_a_webhook_that_is_deleted_takes_everything_with_it(post: Post) -> None:
    webhook = post.webhook()
    post.happen()
    with post.database.write() as session:
        Webhooks(session, post.hospital.teacher, post.clock).delete(webhook.id or 0)
    assert (post.work(), post.deliveries()) == (0, [])


def test_one_message_is_sent_again_though_it_arrived(lite: Post) -> None:
    lite.webhook()
    lite.happen()
    lite.work()
    [delivery] = lite.deliveries()
    with lite.database.write() as session:
        Webhooks(session, lite.hospital.teacher, lite.clock).redeliver(delivery.id or 0)
    lite.work()
    first, second = lite.receiver.received
    assert first.body == second.body


def test_a_change_made_on_an_older_revision_is_refused(lite: Post) -> None:
    webhook = lite.webhook()
    lite.change(webhook, events=frozenset({CHANGED}))
    with lite.database.write() as session, pytest.raises(ConflictError):
        Webhooks(session, lite.hospital.teacher, lite.clock).update(webhook.id or 0, 1, active=False)
    assert lite.now(webhook).events == ["grade.changed"]


def test_messages_are_kept_for_thirty_days(post: Post) -> None:
    post.webhook()
    post.happen()
    post.clock.pass_(seconds=KEPT.total_seconds())
    post.happen()
    post.clock.pass_(seconds=1)
    while prune(post.database, post.clock):
        pass
    assert len(post.deliveries()) == 1


def test_a_webhook_deleted_while_something_happens_spoils_nothing(post: Post) -> None:
    webhook = post.webhook()
    meanwhile = threading.Thread(target=post.happen)
    with post.database.write() as session:
        Webhooks(session, post.hospital.teacher, post.clock).delete(webhook.id or 0)
        meanwhile.start()
        meanwhile.join(0.5)  # it waits for this transaction, or has seen that there is nobody to tell
    meanwhile.join()
    assert post.deliveries() == []
