"""Webhooks: what happens is written down for each address that is to be told, in the same transaction."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import orjson
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, func, or_, select, update
from sqlmodel.sql.expression import Select

from schema.errors import ConflictError, FieldProblem, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, ApiToken
from schema.models.webhooks import DeliveryState, Webhook, WebhookDelivery, WebhookEvent, WebhookState
from schema.models.work import Job
from schema.pagination import Page, PageRequest
from schema.policy import ROLE_SCOPES, Actor, Role, Scope
from schema.scalars import global_id
from schema.services import jobs
from schema.services.audit import Audit
from schema.services.authentication import asking_token
from schema.services.clock import Clock
from schema.services.outbound import CheckedUrl
from schema.services.paging import Sort, page_of

DELIVER_JOB = "deliver_webhook"
MAX_WEBHOOKS = 20
"""Addresses an account may have."""
ROUSED_EVERY = timedelta(minutes=1)
"""An address tried less long ago goes on resting whatever its owner asks; docs/api.md says so too."""
BOTH_SECRETS = timedelta(hours=24)
"""How long a replaced secret signs as well; docs/api.md says so too."""
OWNERS = sorted(role.value for role in Role if Scope.WEBHOOKS in ROLE_SCOPES[role])
OF_SESSIONS = frozenset({WebhookEvent.ATTEMPT_SUBMITTED, WebhookEvent.GRADE_CHANGED})
"""Events of training sessions: their holders are told of their own, administrators of all."""
OF_PLATFORM = frozenset({WebhookEvent.MODEL_PROMOTED, WebhookEvent.ALERT_OPENED, WebhookEvent.ALERT_CLOSED})
"""Events of the platform: administrators alone are told."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A webhook whose secret is new: it can be derived from its salt, and is shown this once."""

    webhook: Webhook


def emit(
    session: Session,
    clock: Clock,
    event: WebhookEvent,
    objects: Mapping[str, int | None],
    *,
    holder_id: int | None = None,
    **more: str,
) -> None:
    """Write down what happened for every address that is to be told, within the caller's transaction.

    Call it before anything is appended to the trail or to the live events.

    Parameters
    ----------
    objects
        Keys of the rows concerned by type, e.g. `{"Attempt": 7}`: told as `attemptId`.
    holder_id
        Who holds the session that it happened in; None for what concerns the whole platform.
    more
        Words of a closed set. Never anything that people wrote or are called by.
    """
    told = _told(session, clock, event, holder_id)
    if not told:
        return
    ids = {f"{kind[0].lower()}{kind[1:]}Id": global_id(kind, key or 0) for kind, key in objects.items()}
    _write(session, clock, told, event, {**ids, **more})


def with_what_it_hangs_on() -> "Select[Webhook, Account, ApiToken]":
    """Return the query of webhooks with what `deliverable` asks for."""
    owned = select(Webhook, Account, ApiToken).join(Account, col(Account.id) == Webhook.account_id)
    return owned.join(ApiToken, col(ApiToken.id) == Webhook.made_through, isouter=True)


def deliverable(webhook: Webhook, owner: Account, token: ApiToken | None, now: datetime) -> bool:
    """Return whether a webhook is told anything now.

    Parameters
    ----------
    token
        What it was made through; None for a browser.
    """
    may = owner.disabled_at is None and owner.role in OWNERS and (token is None or token.in_force(now))
    return may and webhook.state == WebhookState.ACTIVE.value


def pause_made_through(session: Session, token_ids: Sequence[int | None]) -> list[int]:
    """Pause what tokens made that are being revoked, and return which."""
    made = select(Webhook).where(
        col(Webhook.made_through).in_(token_ids), Webhook.state == WebhookState.ACTIVE.value
    )
    paused = session.exec(made.with_for_update(key_share=True)).all()
    for webhook in paused:
        webhook.state = WebhookState.PAUSED.value
        webhook.revision += 1
    session.flush()
    return [webhook.id or 0 for webhook in paused]


def pause_made_through_expired(session: Session, clock: Clock) -> None:
    """Pause what tokens made that have ended by themselves: it is told nothing already."""
    expired = select(Webhook.made_through).join(ApiToken, col(ApiToken.id) == Webhook.made_through)
    ended = expired.where(
        Webhook.state == WebhookState.ACTIVE.value, col(ApiToken.expires_at) <= clock()
    ).distinct()
    for webhook_id in pause_made_through(session, session.exec(ended).all()):
        Audit(session, clock, None).record("webhook.updated", "Webhook", webhook_id, state="paused")


class Webhooks:
    """One actor's way to their own webhooks; administrators, too, see nobody else's."""

    def __init__(self, session: Session, actor: Actor, clock: Clock) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock

    def get(self, webhook_id: int) -> Webhook:
        """Return a webhook of the actor's; raises NotFoundError."""
        return self._mine(self._session.get(Webhook, webhook_id))

    def page(self, request: PageRequest) -> Page[Webhook]:
        """Return a page of the actor's webhooks, newest first."""
        rows = select(Webhook).where(Webhook.account_id == self._actor.account_id)
        return page_of(self._session, rows, [Sort(col(Webhook.id), descending=True)], request)

    def deliveries(
        self, webhook_id: int, request: PageRequest, state: DeliveryState | None = None
    ) -> Page[WebhookDelivery]:
        """Return a page of the messages to an address of the actor's, newest first."""
        rows = select(WebhookDelivery).where(WebhookDelivery.webhook_id == self.get(webhook_id).id)
        if state is not None:
            rows = rows.where(WebhookDelivery.state == state.value)
        return page_of(self._session, rows, [Sort(col(WebhookDelivery.id), descending=True)], request)

    def delivery(self, delivery_id: int) -> WebhookDelivery:
        """Return a message to an address of the actor's; raises NotFoundError."""
        delivery = self._session.get(WebhookDelivery, delivery_id)
        if delivery is None:
            raise NotFoundError
        self.get(delivery.webhook_id)
        return delivery

    def check_room(self) -> None:
        """Refuse with ValidationFailedError when the actor has as many webhooks as may be."""
        if problems := self._no_room():
            raise ValidationFailedError(problems)

    def create(self, url: CheckedUrl, events: Iterable[WebhookEvent]) -> NewSecret:
        """Have an address told of events.

        Raises
        ------
        ValidationFailedError
            For an address that cannot be posted to, events that are none or not the actor's to know of.
        AuthenticationRequiredError
            When the token that asks has ended meanwhile; so do all that follow.
        """
        asking_token(self._session, self._clock, self._actor)
        chosen, problems = self._chosen(events)
        problems += url.problems
        problems += self._no_room()
        if problems:
            raise ValidationFailedError(problems)
        webhook = Webhook(
            account_id=self._actor.account_id,
            made_through=self._actor.token_id,
            url=url.url,
            events=chosen,
            salt=_salt(),
            created_at=self._clock(),
        )
        self._session.add(webhook)
        self._session.flush()
        self._record("webhook.created", webhook, events=chosen)
        return NewSecret(webhook)

    def update(
        self,
        webhook_id: int,
        revision: int,
        *,
        url: CheckedUrl | None = None,
        events: Iterable[WebhookEvent] | None = None,
        active: bool | None = None,
    ) -> Webhook:
        """Change what is given; what waited while it was paused goes out once it is active.

        Whoever gives it another address or makes it active answers for it from then on: it ends with the
        token that did, and with none when a browser did.

        Raises
        ------
        ConflictError
            When it was changed since `revision`.
        ValidationFailedError
            As `create` does.
        """
        webhook = self._to_change(webhook_id)
        if webhook.revision != revision:
            raise ConflictError(current=webhook.revision)
        problems = list(url.problems) if url is not None else []
        if events is not None:
            webhook.events, wrong = self._chosen(events)
            problems += wrong
        if problems:
            raise ValidationFailedError(problems)
        moved = url is not None and url.url != webhook.url
        if active or moved:
            webhook.made_through = self._actor.token_id
        if url is not None:
            webhook.url = url.url
        if active is not None:
            webhook.state = (WebhookState.ACTIVE if active else WebhookState.PAUSED).value
        self._rouse(webhook, moved=moved)
        webhook.revision += 1
        self._session.flush()
        _wake(self._session, self._clock, webhook)
        self._record("webhook.updated", webhook, state=webhook.state, events=webhook.events)
        return webhook

    def rotate(self, webhook_id: int) -> NewSecret:
        """Replace the secret; the one before signs as well for a day, the one before that no more.

        The webhook ends with the token that did; a browser, which leaves the address as it was given, does
        not free it from one.
        """
        webhook = self._to_change(webhook_id)
        webhook.made_through = self._actor.token_id or webhook.made_through
        webhook.previous_salt, webhook.salt = webhook.salt, _salt()
        webhook.previous_until = self._clock() + BOTH_SECRETS
        webhook.revision += 1
        self._session.flush()
        self._record("webhook.secret_rotated", webhook)
        return NewSecret(webhook)

    def delete(self, webhook_id: int) -> None:
        """Forget an address with all that it was or was to be told."""
        asking_token(self._session, self._clock, self._actor)
        locked = select(Webhook).where(Webhook.id == webhook_id).with_for_update()
        webhook = self._mine(self._session.exec(locked).first())
        mine = col(WebhookDelivery.webhook_id) == webhook.id
        self._session.exec(delete(WebhookDelivery).where(mine))
        self._session.exec(delete(Job).where(col(Job.unique_key) == _job_key(webhook.id)))
        self._session.delete(webhook)
        self._session.flush()
        self._record("webhook.deleted", webhook)

    def test(self, webhook_id: int) -> WebhookDelivery:
        """Have a test event sent; while one waits, return that one."""
        webhook = self._to_send(webhook_id)
        waiting = select(WebhookDelivery).where(
            WebhookDelivery.webhook_id == webhook.id,
            WebhookDelivery.state == DeliveryState.WAITING.value,
            WebhookDelivery.event == WebhookEvent.TEST.value,
        )
        present = self._session.exec(waiting).first()
        if present is not None:
            return present
        data = {"webhookId": global_id("Webhook", webhook.id or 0)}
        [made] = _write(self._session, self._clock, [webhook], WebhookEvent.TEST, data)
        self._record("webhook.tested", webhook)
        return made

    def redeliver(self, delivery_id: int) -> WebhookDelivery:
        """Send a message again, whatever became of it; one that waits goes out at once."""
        webhook = self._to_send(self.delivery(delivery_id).webhook_id)
        self._send_again(webhook, col(WebhookDelivery.id) == delivery_id)
        self._record("webhook.redelivered", webhook, messages=1)
        return self._session.get_one(WebhookDelivery, delivery_id, populate_existing=True)

    def redeliver_dead(self, webhook_id: int) -> Webhook:
        """Send again every message that was given up."""
        webhook = self._to_send(webhook_id)
        sent = self._send_again(webhook, col(WebhookDelivery.state) == DeliveryState.DEAD.value)
        if sent:
            self._record("webhook.redelivered", webhook, messages=sent)
        return webhook

    def _send_again(self, webhook: Webhook, which: ColumnElement[bool]) -> int:
        again = (
            update(WebhookDelivery)
            .where(col(WebhookDelivery.webhook_id) == webhook.id, which)
            .values(state=DeliveryState.WAITING.value, tries=0, due_at=self._clock())
            .execution_options(synchronize_session=False)
        )
        sent = self._session.exec(again).rowcount
        self._rouse(webhook)
        self._session.flush()
        _wake(self._session, self._clock, webhook)
        return sent

    def _rouse(self, webhook: Webhook, *, moved: bool = False) -> None:
        """End an address's rest, unless this very one was tried a moment ago: it would keep the couriers."""
        tried = select(func.max(WebhookDelivery.tried_at)).where(WebhookDelivery.webhook_id == webhook.id)
        last = self._session.exec(tried).one()
        if moved or last is None or last <= self._clock() - ROUSED_EVERY:
            webhook.failures, webhook.resting_until = 0, None

    def _mine(self, webhook: Webhook | None) -> Webhook:
        if webhook is None or webhook.account_id != self._actor.account_id:
            raise NotFoundError
        return webhook

    def _to_change(self, webhook_id: int) -> Webhook:
        asking_token(self._session, self._clock, self._actor)
        locked = select(Webhook).where(Webhook.id == webhook_id).with_for_update(key_share=True)
        return self._mine(self._session.exec(locked).first())

    def _to_send(self, webhook_id: int) -> Webhook:
        webhook = self._to_change(webhook_id)
        made = webhook.made_through and self._session.get(ApiToken, webhook.made_through)
        if webhook.state != WebhookState.ACTIVE.value or (made and not made.in_force(self._clock())):
            raise ConflictError("webhook_paused", webhook.revision)
        return webhook

    def _no_room(self) -> list[FieldProblem]:
        owned = select(func.count()).where(Webhook.account_id == self._actor.account_id)
        if self._session.exec(owned).one() < MAX_WEBHOOKS:
            return []
        return [FieldProblem(("url",), "too_many_webhooks", (("maximum", str(MAX_WEBHOOKS)),))]

    def _chosen(self, events: Iterable[WebhookEvent]) -> tuple[list[str], list[FieldProblem]]:
        chosen = frozenset(events)
        if not chosen:
            return [], [FieldProblem(("events",), "required")]
        known = OF_SESSIONS | OF_PLATFORM if self._actor.is_admin else OF_SESSIONS
        if chosen - OF_SESSIONS - OF_PLATFORM:
            return [], [FieldProblem(("events",), "unknown_choice")]
        if chosen - known:
            return [], [FieldProblem(("events",), "event_not_yours")]
        return sorted(event.value for event in chosen), []

    def _record(self, action: str, webhook: Webhook, **detail: object) -> None:
        Audit(self._session, self._clock, self._actor).record(action, "Webhook", webhook.id, **detail)


def _told(session: Session, clock: Clock, event: WebhookEvent, holder_id: int | None) -> list[Webhook]:
    administers = col(Account.role) == Role.ADMIN.value
    concerned = administers if event in OF_PLATFORM else or_(administers, col(Account.id) == holder_id)
    rows = (
        with_what_it_hangs_on()
        .where(col(Webhook.state) == WebhookState.ACTIVE.value, concerned)
        .order_by(col(Webhook.id))
        .with_for_update(read=True, key_share=True, of=Webhook)  # nobody deletes one meanwhile
    )
    now = clock()
    return [
        webhook
        for webhook, owner, token in session.exec(rows)
        if event.value in webhook.events and deliverable(webhook, owner, token, now)
    ]


def _write(
    session: Session,
    clock: Clock,
    webhooks: Sequence[Webhook],
    event: WebhookEvent,
    data: Mapping[str, str],
) -> list[WebhookDelivery]:
    now, event_id = clock(), f"evt_{uuid4().hex}"
    whole = {"id": event_id, "type": event.value, "timestamp": now.isoformat(), "data": data}
    body = orjson.dumps(whole).decode()
    written = [
        WebhookDelivery(
            webhook_id=webhook.id or 0,
            event_id=event_id,
            event=event.value,
            body=body,
            due_at=now,
            created_at=now,
        )
        for webhook in webhooks
    ]
    session.add_all(written)
    session.flush()
    for webhook in webhooks:
        _wake(session, clock, webhook)
    return written


def _wake(session: Session, clock: Clock, webhook: Webhook) -> None:
    jobs.wake(session, clock, DELIVER_JOB, {"webhook_id": webhook.id}, _job_key(webhook.id))


def _job_key(webhook_id: int | None) -> str:
    return f"{DELIVER_JOB}:{webhook_id}"


def _salt() -> str:
    return secrets.token_hex(16)
