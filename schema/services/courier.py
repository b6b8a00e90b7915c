"""Carrying webhooks' messages out: one at a time to an address, later and later to one that fails."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from schema.database import Database
from schema.models.webhooks import (
    DeliveryFault,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookState,
)
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.jobs import NEVER, Again, Claim
from schema.services.outbound import Outbound, OutboundError
from schema.services.passwords import Passwords
from schema.services.signing import signed_headers
from schema.services.webhooks import deliverable, with_what_it_hangs_on

MOST_TRIES = 10
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=6)
"""Between two tries: 5 s, then four times as long each time; docs/api.md says so too."""
PATIENCE = 5
"""Failures in a row after which the whole address rests, and all that is to go there with it."""
FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(hours=1)
AT_ONCE = 20
"""Messages carried out before others' addresses have their turn."""
OF_ONE_ACCOUNT = 2
"""Couriers that serve one account's addresses at the same time, so that others have some left."""
TURN = timedelta(seconds=2)
"""How long an address waits whose account is served already."""
GONE = 410
USER_AGENT = "Chevet"


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message with what it takes to send it."""

    delivery: WebhookDelivery
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of one try."""

    fault: DeliveryFault | None
    latency_ms: int
    status: int | None = None
    retry_after: str = ""


class Courier:
    """Carries messages out. It keeps its own transactions, and none is open while an address is waited for.

    Parameters
    ----------
    chance
        Returns a number from 0 to 1, so that not all who failed together try again together.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        outbound: Outbound,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._outbound = outbound
        self._chance = chance
        self._lock = threading.Lock()
        self._served = Counter[int]()

    def deliver(self, claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Do the standing job of one address: send what is due, in order, until one fails."""
        webhook_id, soonest = claim.payload["webhook_id"], self._clock()
        letter = self._next(webhook_id)
        if letter is not None:
            with self._serving(letter.webhook.account_id) as has_turn:
                if has_turn:
                    self._carry_all(letter)
                else:
                    soonest += TURN
        return Again(lambda session: max(soonest, _due(session, webhook_id, self._clock())))

    @contextmanager
    def _serving(self, account_id: int) -> Iterator[bool]:
        """Yield whether an account's address may be told now, and count it meanwhile."""
        with self._lock:
            has_turn = self._served[account_id] < OF_ONE_ACCOUNT
            self._served[account_id] += has_turn
        try:
            yield has_turn
        finally:
            with self._lock:
                self._served[account_id] -= has_turn
                self._served += Counter()  # forgets whom nobody serves

    def _carry_all(self, letter: _Letter) -> None:
        for _ in range(AT_ONCE):
            following = self._next(letter.delivery.webhook_id) if self._carry(letter) else None
            if following is None:
                return
            letter = following

    def _next(self, webhook_id: int) -> _Letter | None:
        """Return the oldest message that is due at an address that may be told."""
        with self._database.read() as session:
            now = self._clock()
            webhook = _open(session, webhook_id, now)
            if webhook is None or (webhook.resting_until is not None and webhook.resting_until > now):
                return None
            due = _waiting(webhook_id).where(col(WebhookDelivery.due_at) <= now)
            delivery = session.exec(due.order_by(col(WebhookDelivery.id)).limit(1)).first()
            return None if delivery is None else _Letter(delivery, webhook)

    def _carry(self, letter: _Letter) -> bool:
        tried = self._try(letter)
        with self._database.write() as session:
            self._note(session, letter, tried)
        return tried.fault is None

    def _try(self, letter: _Letter) -> _Tried:
        delivery, body = letter.delivery, letter.delivery.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **signed_headers(letter.webhook, delivery.event_id, body, self._clock(), self._passwords),
        }
        started = time.monotonic()
        try:
            reply = self._outbound.post(letter.webhook.url, headers, body)
        except OutboundError as error:
            return _Tried(error.fault, _since(started))
        return _Tried(
            _fault(reply.status), _since(started), reply.status, reply.headers.get("retry-after", "")
        )

    def _note(self, session: Session, letter: _Letter, tried: _Tried) -> None:
        """Write down what came of a try; a worker killed before that leaves it to be done again."""
        locked = select(Webhook).where(Webhook.id == letter.webhook.id).with_for_update(key_share=True)
        webhook = session.exec(locked).first()
        delivery = session.get(WebhookDelivery, letter.delivery.id)
        if webhook is None or delivery is None:
            return  # its owner has deleted it meanwhile
        now = self._clock()
        delivery.tries, delivery.tried_at = delivery.tries + 1, now
        delivery.status, delivery.latency_ms = tried.status, tried.latency_ms
        delivery.fault = tried.fault.value if tried.fault else None
        if tried.fault is None:
            delivery.state = DeliveryState.DELIVERED.value
            webhook.failures, webhook.resting_until = 0, None
            return
        webhook.failures += 1
        webhook.resting_until = self._rest(webhook.failures, _asked(tried.retry_after, now), now)
        if tried.fault is DeliveryFault.GONE or delivery.tries >= MOST_TRIES:
            delivery.state = DeliveryState.DEAD.value
        else:
            delivery.due_at = now + self._delay(delivery.tries)
        if tried.fault is DeliveryFault.GONE:
            webhook.state, webhook.revision = WebhookState.GONE.value, webhook.revision + 1
            session.flush()
            Audit(session, self._clock, None).record("webhook.gone", "Webhook", webhook.id)

    def _delay(self, tries: int) -> timedelta:
        """Return how long a message waits, a fifth more or less."""
        delay: timedelta = min(FIRST_DELAY * 4 ** (tries - 1), LONGEST_DELAY)
        return delay * (0.8 + 0.4 * self._chance())

    def _rest(self, failures: int, asked: timedelta, now: datetime) -> datetime | None:
        """Return until when an address rests: as long as it asks, and longer the more it fails."""
        rest = timedelta()
        if failures >= PATIENCE:
            rest = min(FIRST_REST * 2 ** min(failures - PATIENCE, 10), LONGEST_REST)
        rest = max(rest, min(asked, LONGEST_DELAY))
        return now + rest if rest else None


def _due(session: Session, webhook_id: int, now: datetime) -> datetime:
    """Return when an address has something to be told next."""
    webhook = _open(session, webhook_id, now)
    first = _waiting(webhook_id).order_by(col(WebhookDelivery.due_at)).limit(1)
    delivery = session.exec(first).first() if webhook is not None else None
    if webhook is None or delivery is None:
        return NEVER
    return max(delivery.due_at, webhook.resting_until or delivery.due_at)


def _open(session: Session, webhook_id: int, now: datetime) -> Webhook | None:
    """Return a webhook that may be told, else None."""
    found = session.exec(with_what_it_hangs_on().where(Webhook.id == webhook_id)).first()
    return found[0] if found is not None and deliverable(*found, now) else None


def _waiting(webhook_id: int) -> SelectOfScalar[WebhookDelivery]:
    return select(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == DeliveryState.WAITING.value
    )


def _fault(status: int) -> DeliveryFault | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return DeliveryFault.REDIRECTED
    return DeliveryFault.GONE if status == GONE else DeliveryFault.REFUSED


def _asked(retry_after: str, now: datetime) -> timedelta:
    """Return how long an answer asks to be left alone: in seconds, or until a date; else not at all."""
    if retry_after.isascii() and retry_after.isdecimal():
        return timedelta(seconds=min(int(retry_after[:9]), 10**6))
    try:
        until = parsedate_to_datetime(retry_after)
        return max(timedelta(), (until if until.tzinfo else until.replace(tzinfo=UTC)) - now)
    except (ValueError, OverflowError, TypeError):
        return timedelta()


def _since(started: float) -> int:
    return round(1000 * (time.monotonic() - started))
