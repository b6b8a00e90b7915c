"""Letters about alerts: one to each reader, over an encrypted connection, tried so often and no more."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from schema.database import Database
from schema.models.accounts import Account
from schema.models.alerts import Alert, AlertMail, MailState
from schema.policy import Role
from schema.services.accounts import Accounts
from schema.services.alert_mails import (
    LONGEST_DELAY,
    MAIL_JOB,
    MOST_TRIES,
    AlertMails,
    Letter,
    wake_mails,
    write_down,
)
from schema.services.jobs import Claim, run_due
from schema.services.mail_server import MailServer
from tests.schema.people import StoppedClock, person
from tests.support.mail import PostOffice, certified, letting_in, post_office

Open = Callable[..., PostOffice]


def letter(alert: Alert, _version: int | None, language: str) -> Letter:
    """Return what says which alert it is about."""
    said = "Alerte déclenchée" if language == "fr" else "Alert"
    return Letter(f"{said} {alert.id}", f"{said} : {alert.id}\n")


class Desk:
    """An alert whose readers are to be written to, and what carries letters out."""

    def __init__(self, database: Database, clock: StoppedClock, trust: Any) -> None:
        self.database, self.clock = database, clock
        self.server = MailServer("localhost", 9, "Chevet <chevet@hopital.example>", trust=lambda: trust)
        self.analyst = person(database, clock, Role.ANALYST)
        self.admin = person(database, clock, Role.ADMIN)
        self.change(self.admin, language="en")

    def change(self, account: Account, **values: Any) -> None:
        with self.database.write() as session:
            row = session.get_one(Account, account.id)
            for name, value in values.items():
                setattr(row, name, value)

    def open(self, *readers: Account) -> int:
        """Open an alert and write down who is to be written to."""
        with self.database.write() as session:
            alert = Alert(key="rule:1", cause="rule", family="triage", opened_at=self.clock())
            session.add(alert)
            session.flush()
            write_down(session, self.clock, alert, [each.id or 0 for each in readers])
            return alert.id or 0

    def mails(self) -> AlertMails:
        return AlertMails(self.database, self.clock, self.server, letter)

    def work(self) -> int:
        return run_due(self.database, {MAIL_JOB: self.mails().work}, self.clock, 5)

    def rows(self) -> list[AlertMail]:
        with self.database.read() as session:
            return list(session.exec(select(AlertMail).order_by(col(AlertMail.id))))

    def outcome(self) -> list[tuple[str, str | None, int]]:
        return [(row.state, row.fault, row.tries) for row in self.rows()]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return certified(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def desk(sqlite_database: Database, clock: StoppedClock, certificates: tuple[Any, Any]) -> Desk:
    return Desk(sqlite_database, clock, certificates[1])


@pytest.fixture
def office(desk: Desk, certificates: tuple[Any, Any]) -> Iterator[Open]:
    """Return a function that runs a mail server, which encrypts unless it is told not to."""
    with ExitStack() as running:

        def run(**options: Any) -> PostOffice:
            usual = {"tls_context": certificates[0], "require_starttls": True}
            made = running.enter_context(post_office(**usual | options))
            desk.server = replace(desk.server, port=made.port)
            return made

        yield run


def test_who_may_not_see_alerts_is_not_written_to(desk: Desk, office: Open) -> None:
    teacher = person(desk.database, desk.clock, Role.TEACHER)
    gone = person(desk.database, desk.clock, Role.ANALYST, "Partie")
    nameless = person(desk.database, desk.clock, Role.ANALYST, "Sans adresse")
    with desk.database.write() as session:
        Accounts(session, desk.clock).disable(gone.id or 0)
        session.get_one(Account, nameless.id).email = None
    desk.open(teacher, gone, nameless)
    assert desk.rows() == []
    there = office()
    with desk.database.write() as session:
        alert = session.exec(select(Alert)).one()
        write_down(session, desk.clock, alert, [desk.analyst.id or 0])
    desk.change(desk.analyst, role=Role.STUDENT.value)
    desk.work()
    assert (desk.outcome(), there.received) == ([("dead", "no_reader", 1)], [])


def test_each_reader_is_written_to_once_in_their_language_and_encrypted(desk: Desk, office: Open) -> None:
    there = office()
    number = desk.open(desk.analyst, desk.admin)
    for _ in range(3):
        desk.work()
        with desk.database.write() as session:
            wake_mails(session, desk.clock)
    assert desk.outcome() == [("sent", None, 1)] * 2
    assert there.encrypted == [True, True]
    assert [each.rcpt_tos for each in there.received] == [[desk.analyst.email], [desk.admin.email]]
    french, english = there.letters
    assert (french["subject"], english["subject"]) == (f"Alerte déclenchée {number}", f"Alert {number}")
    assert french.get_content().strip() == f"Alerte déclenchée : {number}"
    assert (french["to"], french["from"]) == (desk.analyst.email, "Chevet <chevet@hopital.example>")
    assert french["message-id"] == f"<alert-{number}-{desk.analyst.id}@hopital.example>"
    assert french["auto-submitted"] == "auto-generated"


def test_a_server_that_is_down_is_tried_again_later_and_later_and_then_no_more(desk: Desk) -> None:
    desk.open(desk.analyst)
    waited = []
    for _ in range(MOST_TRIES):
        assert desk.work() == 1
        assert desk.work() == 0
        waited.append(desk.rows()[0].due_at - desk.clock())
        desk.clock.pass_(seconds=waited[-1].total_seconds())
    assert waited[:4] == [timedelta(minutes=each) for each in (1, 4, 16, 64)]
    assert max(waited) <= LONGEST_DELAY
    assert desk.outcome() == [("dead", "unreachable", MOST_TRIES)]
    desk.clock.pass_(days=2)
    assert desk.work() == 0


def test_a_letter_leaves_once_the_server_is_back(desk: Desk, office: Open) -> None:
    desk.open(desk.analyst)
    desk.work()
    there = office()
    desk.clock.pass_(minutes=1)
    desk.work()
    assert (desk.outcome(), len(there.letters)) == ([("sent", None, 2)], 1)


def test_a_server_that_does_not_encrypt_is_told_nothing(desk: Desk, office: Open) -> None:
    there = office(tls_context=None, require_starttls=False)
    desk.open(desk.analyst)
    desk.work()
    assert (desk.outcome(), there.received) == ([("waiting", "not_encrypted", 1)], [])
    desk.server = replace(desk.server, encryption="none")
    desk.clock.pass_(minutes=1)
    desk.work()
    assert (desk.rows()[0].state, there.encrypted) == (MailState.SENT.value, [False])


def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(
    desk: Desk, office: Open, tmp_path: Path
) -> None:
    there = office()
    trusting = desk.server
    desk.open(desk.analyst)
    for server in (
        replace(trusting, trust=lambda: certified(tmp_path)[1]),
        replace(trusting, host="127.0.0.1"),
    ):
        desk.server = server
        desk.work()
        assert desk.rows()[0].fault == "not_encrypted"
        desk.clock.pass_(minutes=5)
    assert there.received == []


def test_encryption_from_the_first_byte_on(desk: Desk, office: Open, certificates: tuple[Any, Any]) -> None:
    there = office(ssl_context=certificates[0], tls_context=None, require_starttls=False)
    desk.server = replace(desk.server, encryption="tls")
    desk.open(desk.analyst)
    desk.work()
    assert (desk.rows()[0].state, len(there.letters)) == (MailState.SENT.value, 1)


@pytest.mark.parametrize(
    "password,expected", [("juste", ("sent", None)), ("faux", ("waiting", "not_let_in"))]
)
def test_the_server_is_signed_in_to(
    desk: Desk, office: Open, password: str, expected: tuple[str, Any]
) -> None:
    office(auth_required=True, authenticator=letting_in("chevet", "juste"))
    desk.server = replace(desk.server, user="chevet", password=password)
    assert password not in repr(desk.server)
    desk.open(desk.analyst)
    desk.work()
    assert desk.outcome() == [(*expected, 1)]


@pytest.mark.parametrize(
    "mood,state",
    [("550 No such user", "dead"), ("451 Try again later", "waiting"), ("421 Closing", "waiting")],
)
def test_who_is_refused_for_good_is_not_tried_again(desk: Desk, office: Open, mood: str, state: str) -> None:
    office().mood = mood
    desk.open(desk.analyst)
    desk.work()
    assert desk.outcome() == [(state, "refused", 1)]


def test_a_server_that_says_nothing_is_given_up(desk: Desk, office: Open) -> None:
    office().silence_s = 0.5
    desk.server = replace(desk.server, seconds=0.1)
    desk.open(desk.analyst)
    desk.work()
    assert desk.outcome() == [("waiting", "unreachable", 1)]


@pytest.mark.parametrize(
    "email", ["a@b.example\r\nBcc: x@y.example", "a@b.example, x@y.example", "é@b.example"]
)
def test_an_address_cannot_become_another_header_or_another_reader(
    desk: Desk, office: Open, email: str
) -> None:
    there = office(enable_SMTPUTF8=False)
    desk.open(desk.analyst)
    desk.change(desk.analyst, email=email)
    desk.work()
    assert (desk.rows()[0].state, there.received) == (MailState.DEAD.value, [])


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumped_holds_no_letter_up(desk: Desk, office: Open, days: int) -> None:
    desk.clock.pass_(days=days)
    desk.open(desk.analyst)
    desk.work()
    there = office()
    desk.clock.pass_(days=-days)
    with desk.database.write() as session:
        wake_mails(session, desk.clock)  # as the worker does every five minutes
    desk.work()
    assert len(there.letters) == 1


def test_a_worker_that_died_before_it_said_so_sends_the_same_letter_again(
    desk: Desk, office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, mails = office(), desk.mails()
    desk.open(desk.analyst)
    monkeypatch.setattr(Database, "write", lambda _self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        mails.work(Claim(1, MAIL_JOB, {}, 1), lambda _: None)
    monkeypatch.undo()
    desk.work()
    first, second = there.letters
    assert first["message-id"] == second["message-id"]
    assert desk.outcome() == [("sent", None, 1)]
