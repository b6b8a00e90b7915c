"""Webhooks on their pages: made, tried, sent again; another's are not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.policy import Role
from schema.services.jobs import run_due
from schema.services.webhooks import DELIVER_JOB
from server.app import Application, close_services, wire_services
from server.settings import load_settings
from server.signing import Signer
from server.worker import queues_of
from tests.server.pages.conftest import Meet, School, Visitor
from tests.support.receiver import Receiver, receiving

EVENTS = ["ATTEMPT_SUBMITTED", "GRADE_CHANGED"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def made(visitor: Visitor, url: str = "http://localhost:9/hook") -> str:
    """Make a webhook and return its page's address."""
    page = visitor.post("/webhooks", {"url": url, "events": EVENTS}, 200)
    assert "whsec_" in page.words
    [action] = [form.action for form in page.forms if form.action.endswith("/delete")]
    return action.removesuffix("/delete")


def carried(app: Application) -> None:
    """Have messages carried out."""
    services = app.site.services
    lane = next(each for each in queues_of(services) if DELIVER_JOB in each.handlers)
    run_due(services.database, lane.handlers, services.clock, 100)


def test_another_webhook_is_like_what_does_not_exist(meet: Meet, teacher: Visitor) -> None:
    webhook = made(teacher)
    for role in (Role.TEACHER, Role.ADMIN):
        colleague = meet(role)
        assert colleague.get(webhook, 404).headings == colleague.get("/webhooks/x", 404).headings
        forms = {"update": {"revision": "1", "url": "http://localhost/", "events": EVENTS[0]}}
        forms |= {"state": {"revision": "1", "active": "false"}}
        for step in ("update", "state", "rotate", "test", "redeliver-dead", "delete"):
            assert colleague.ask(f"{webhook}/{step}", forms.get(step)).status_code == 404, step
        assert webhook not in colleague.get("/webhooks").links
    assert "Active" in teacher.get(webhook).words


def test_the_secret_is_shown_once(teacher: Visitor) -> None:
    webhook = made(teacher)
    assert "whsec_" not in teacher.get(webhook).html
    rotated = teacher.post(f"{webhook}/rotate", status=200)
    assert "whsec_" in rotated.words
    assert "The old secret signs until" in rotated.words
    assert "whsec_" not in teacher.get(webhook).html


def test_what_is_wrong_is_told_beside_what_was_typed(teacher: Visitor) -> None:
    page = teacher.post("/webhooks", {"url": "http://10.0.0.1/", "events": EVENTS[0]})
    assert page.values["url"] == "http://10.0.0.1/"
    assert "Give an https:// address" in page.words
    none = teacher.post("/webhooks", {"url": "http://localhost/"})
    assert "This field is required." in none.words
    webhook = made(teacher)
    emptied = teacher.post(f"{webhook}/update", {"revision": "1", "url": "http://localhost/"})
    assert "This field is required." in emptied.words


def test_only_administrators_choose_events_of_the_platform(meet: Meet, teacher: Visitor) -> None:
    assert "Alert opened" not in teacher.get("/webhooks").words
    assert "Alert opened" in meet(Role.ADMIN).get("/webhooks").words


def test_a_test_event_is_sent_and_what_was_answered_shown(teacher: Visitor, receiver: Receiver) -> None:
    webhook = made(teacher, receiver.url)
    assert teacher.leads(f"{webhook}/test") == webhook
    receiver.mood = 410
    carried(teacher.app)
    page = teacher.get(webhook)
    assert "Gone for good" in page.words
    assert teacher.get(f"{webhook}?state=WAITING").words.count("Test event") == 0
    [again] = [form for form in teacher.get(webhook).forms if form.action == f"{webhook}/state"]
    assert again.buttons == [("active", "true")]
    receiver.mood = 200
    teacher.press(page, again.action, again.buttons[0])
    page = teacher.get(f"{webhook}?state=DEAD")
    teacher.follow(teacher.press(page, f"{webhook}/redeliver"))
    carried(teacher.app)
    assert "Delivered" in teacher.get(webhook).words
    assert len(receiver.received) == 2


def test_a_student_handing_in_is_told_to_the_teachers_address(
    teacher: Visitor, meet: Meet, school: School, receiver: Receiver
) -> None:
    made(teacher, receiver.url)
    school.handed_in(school.session(), meet(Role.STUDENT))
    carried(teacher.app)
    assert [b"attempt.submitted" in each.body for each in receiver.received] == [True]


def test_a_webhook_is_changed_paused_and_deleted(teacher: Visitor) -> None:
    webhook = made(teacher)
    changed = {"revision": "1", "url": "http://localhost:9/other", "events": EVENTS[:1]}
    assert teacher.leads(f"{webhook}/update", changed) == webhook
    assert "http://localhost:9/other" in teacher.get(webhook).words
    stale = teacher.post(f"{webhook}/update", changed, 409)
    assert "Someone changed this meanwhile." in stale.words
    assert teacher.leads(f"{webhook}/state", {"revision": "2", "active": "false"}) == webhook
    assert "Paused" in teacher.get(webhook).words
    assert teacher.post(f"{webhook}/test", status=409).words.count("Make it active first.") == 1
    assert teacher.leads(f"{webhook}/delete") == "/webhooks"
    teacher.get(webhook, 404)


@pytest.mark.parametrize("env, taken", [("development", True), ("production", False)])
def test_in_production_this_machine_is_posted_to_by_nobody(tmp_path: Path, env: str, *, taken: bool) -> None:
    strict = {"secret_key": "k" * 32, "public_url": "https://chevet.example.org"}
    services = wire_services(load_settings(None, data_dir=tmp_path, env=env, **strict), Signer(b"k"))
    for url in ("http://localhost/", "https://127.0.0.1/"):
        assert (services.outbound.check(url, 1).problems == ()) is taken
    close_services(services)
