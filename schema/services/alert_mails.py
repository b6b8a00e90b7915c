"""Letters about alerts: written down as an alert opens, carried out afterwards, one to each reader."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from schema.database import Database
from schema.models.accounts import Account
from schema.models.alerts import Alert, AlertMail, MailFault, MailState
from schema.models.models import ModelVersion
from schema.services import jobs
from schema.services.alert_rules import READERS, alert_readers
from schema.services.clock import Clock
from schema.services.jobs import NEVER, Again, Claim
from schema.services.mail_server import MailError, MailServer

MAIL_JOB = "send_alert_mails"
MOST_TRIES = 6
FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(hours=5)
"""Between two tries: a minute, then four times as long each time; docs/operating.md says so too."""
AT_ONCE = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written to a reader."""

    subject: str
    text: str


Writer = Callable[[Alert, int | None, str], Letter]
"""(alert, number of its version, language) -> what is written: nothing that somebody typed."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A letter with what it takes to send it."""

    mail: AlertMail
    alert: Alert
    reader: Account
    version: int | None


def write_down(session: Session, clock: Clock, alert: Alert, readers: Sequence[int]) -> None:
    """Write down who is to be written to, within the caller's transaction."""
    chosen = [each for each in alert_readers(session) if each.id in readers]
    now = clock()
    for each in chosen:
        session.add(AlertMail(alert_id=alert.id or 0, account_id=each.id or 0, due_at=now, created_at=now))
    if chosen:
        session.flush()
        wake_mails(session, clock)


def wake_mails(session: Session, clock: Clock) -> None:
    """Have letters carried out soon; call it before anything is appended to the trail."""
    jobs.wake(session, clock, MAIL_JOB, {}, MAIL_JOB)


class AlertMails:
    """The standing job; it keeps its own transactions, and none is open while the server is waited for.

    A worker killed between the server's answer and its row leaves the letter to be sent again, under the same
    Message-ID.
    """

    def __init__(self, database: Database, clock: Clock, server: MailServer, write: Writer) -> None:
        self._database = database
        self._clock = clock
        self._server = server
        self._write = write

    def work(self, _claim: Claim, _progress: Callable[[float], None]) -> Again:
        """Send what is due."""
        for _ in range(AT_ONCE):
            due = self._next()
            if due is None:
                break
            self._carry(due)
        return Again(self._due)

    def _due(self, session: Session) -> datetime:
        now = self._clock()
        if session.exec(select(AlertMail.id).where(*_due_at(now)).limit(1)).first() is not None:
            return now
        waiting = select(AlertMail.due_at).where(AlertMail.state == MailState.WAITING.value)
        return session.exec(waiting.order_by(col(AlertMail.due_at)).limit(1)).first() or NEVER

    def _next(self) -> _Due | None:
        with self._database.read() as session:
            rows = (
                select(AlertMail, Alert, Account, ModelVersion.number)
                .join(Alert, col(Alert.id) == AlertMail.alert_id)
                .join(Account, col(Account.id) == AlertMail.account_id)
                .join(ModelVersion, col(ModelVersion.id) == Alert.version_id, isouter=True)
                .where(*_due_at(self._clock()))
                .order_by(col(AlertMail.due_at), col(AlertMail.id))
            )
            found = session.exec(rows.limit(1)).first()
            return None if found is None else _Due(*found)

    def _carry(self, due: _Due) -> None:
        refused: MailError | None = None
        try:
            self._server.send(self._letter(due))
        except MailError as error:
            refused = error
            log.warning("a letter about alert %s did not leave: %s", due.alert.id, error)
        with self._database.write() as session:
            row = session.exec(select(AlertMail).where(AlertMail.id == due.mail.id).with_for_update()).one()
            row.tries += 1
            row.fault = refused.fault.value if refused else None
            if refused is None:
                row.state, row.sent_at = MailState.SENT.value, self._clock()
            elif refused.lasting or row.tries >= MOST_TRIES:
                row.state = MailState.DEAD.value
            else:
                row.due_at = self._clock() + min(FIRST_DELAY * 4 ** (row.tries - 1), LONGEST_DELAY)

    def _letter(self, due: _Due) -> EmailMessage:
        """Return the letter; raises MailError for who may not have it, or has no address that is one."""
        reader = due.reader
        if reader.email is None or reader.disabled_at is not None or reader.role not in READERS:
            raise MailError(MailFault.NO_READER, lasting=True)
        written = self._write(due.alert, due.version, reader.language)
        letter = EmailMessage(policy=SMTP)
        try:
            letter["To"] = Address(addr_spec=reader.email)
        except (ValueError, IndexError):
            raise MailError(MailFault.NO_READER, lasting=True) from None
        letter["From"] = self._server.sender
        letter["Subject"] = written.subject
        letter["Date"] = format_datetime(self._clock())
        letter["Message-ID"] = f"<alert-{due.alert.id}-{reader.id}@{self._server.domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(written.text)
        return letter


def _due_at(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions of what is due; a date that no delay explains is of a clock that has jumped."""
    at = col(AlertMail.due_at)
    return col(AlertMail.state) == MailState.WAITING.value, or_(at <= now, at > now + LONGEST_DELAY)
