"""Alerts on their page: rules written, alerts settled, the menu's number; and the letters about them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import delete, select

from schema.models.alerts import Alert, AlertMail, AlertRule
from schema.models.monitoring import PredictionDay
from schema.models.predictions import Prediction
from schema.policy import Role
from schema.services.alert_rules import ALERT_JOB
from schema.services.alert_watch import CALM_LOOKS
from schema.services.day_books import enter
from schema.services.jobs import run_due
from schema.types.base import global_id
from server.app import Application, close_services, create_app, wire_services
from server.letters import Letters
from server.settings import SettingsError, load_settings
from server.signing import Signer
from tests.server.conftest import installed
from tests.server.pages.conftest import Meet, Visitor
from tests.server.pages.test_every_page import english_only, in_french, leftovers

RULE = {
    "name": "Succès du triage",
    "family": "TRIAGE",
    "modelVersionId": "",
    "metric": "SUCCESS_RATE",
    "comparison": "BELOW",
    "threshold": "92,5",
    "days": "2",
    "minimum": "5",
    "webhooks": "false",
}


@pytest.fixture(scope="module")
def site(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Return an application of these tests' own that writes letters: alerts concern everybody."""
    mail = {"smtp_host": "localhost", "smtp_from": "chevet@hopital.example"}
    application = create_app(installed(blank, tmp_path_factory.mktemp("alerts")).model_copy(update=mail))
    yield application
    close_services(application.site.services)


@pytest.fixture
def app(site: Application) -> Iterator[Application]:
    """Return it; nothing of alerts is left for the next test."""
    yield site
    with site.site.services.database.write() as session:
        for table in (AlertMail, Alert, AlertRule, PredictionDay, Prediction):
            session.exec(delete(table))


@pytest.fixture
def analyst(meet: Meet) -> Visitor:
    return meet(Role.ANALYST)


def failing(app: Application, asker: int, times: int = 6) -> None:
    """Have predictions fail, and the rules looked at."""
    services = app.site.services
    with services.database.write() as session:
        for _ in range(times):
            made = Prediction(
                family="triage",
                asked_by=asker,
                alias="champion",
                input_sha256="0" * 64,
                ml_available=False,
                ml_error="loading",
                latency_ms=3,
                created_at=services.clock(),
            )
            session.add(made)
            enter(session, made)
    looked(app)


def looked(app: Application) -> None:
    services = app.site.services
    run_due(services.database, {ALERT_JOB: services.alert_watch.work}, services.clock, 5)


def kept(app: Application, table: type[Any]) -> Any:
    with app.site.services.database.read() as session:
        return session.exec(select(table)).one()


def opened(app: Application, analyst: Visitor, **given: Any) -> str:
    """Write a rule, have its alert opened, and return the alert's page."""
    assert analyst.leads("/alerts/rules", RULE | given) == "/alerts"
    failing(app, analyst.actor.account_id)
    return f"/alerts/{global_id('Alert', kept(app, Alert).id)}"


def test_only_analysts_and_administrators_have_the_page(
    app: Application, meet: Meet, analyst: Visitor
) -> None:
    alert = opened(app, analyst)
    rule = f"/alerts/rules/{global_id('AlertRule', kept(app, AlertRule).id)}"
    for role in (Role.TEACHER, Role.STUDENT, Role.CLINICIAN, Role.EXPERT):
        person = meet(role)
        for page in ("/alerts", alert, rule):
            person.get(page, 403)
        for form in ("/alerts/rules", f"{alert}/close", f"{alert}/acknowledge", f"{rule}/delete"):
            assert person.ask(form, {"revision": "1"} | RULE).status_code == 403, form
        assert "/alerts" not in person.get("/account").links
    assert "Succès du triage" in meet(Role.ADMIN).get("/alerts").words
    for missing in ("/alerts/x", f"/alerts/{global_id('Alert', 99)}", "/alerts/rules/x"):
        analyst.get(missing, 404)


def test_a_rule_is_written_changed_and_deleted(app: Application, analyst: Visitor) -> None:
    me = global_id("Account", analyst.actor.account_id)
    assert analyst.leads("/alerts/rules", RULE | {"readerIds": me}) == "/alerts"
    row = kept(app, AlertRule)
    assert (row.threshold, row.days, row.readers) == (0.925, 2, [analyst.actor.account_id])
    page = analyst.get(f"/alerts/rules/{global_id('AlertRule', row.id)}")
    assert page.values["threshold"] == "92.5"
    [form] = [each.action for each in page.forms if each.action.endswith("/update")]
    changed = RULE | {"revision": "1", "metric": "LATENCY_P95", "comparison": "ABOVE", "threshold": "150"}
    assert analyst.leads(form, changed) == "/alerts"
    row = kept(app, AlertRule)
    assert (row.threshold, row.metric, row.readers) == (150, "latency_p95", [])
    stale = analyst.post(form, changed, 409)
    assert "Someone changed this meanwhile." in stale.words
    assert analyst.leads(form.replace("/update", "/delete"), {"revision": "2"}) == "/alerts"
    assert "No rule yet." in analyst.get("/alerts").words


@pytest.mark.parametrize(
    "wrong,said",
    [
        ({"threshold": "101"}, "Choose a percentage between 0 and 100."),
        ({"threshold": "viele"}, "Give a number."),
        ({"metric": "LATENCY_P95", "threshold": "-1"}, "Choose a value between 0 and 10000000."),
        ({"name": " "}, "This field is required."),
        ({"days": "400"}, "Choose a value between 1 and 90."),
    ],
)
def test_what_is_wrong_is_told_beside_what_was_typed(
    analyst: Visitor, wrong: dict[str, str], said: str
) -> None:
    page = analyst.post("/alerts/rules", RULE | wrong)
    assert said in page.words
    assert page.values["days"] == (RULE | wrong)["days"]
    assert page.values["threshold"] == (RULE | wrong)["threshold"]


def test_an_alert_is_acknowledged_and_closed_and_the_menu_counts_what_is_open(
    app: Application, analyst: Visitor, meet: Meet
) -> None:
    alert = opened(app, analyst)
    assert "(1 to be looked after)" in analyst.get("/account").words
    assert "to be looked after)" not in meet(Role.TEACHER).get("/account").words
    page = analyst.get(alert)
    assert "Answers obtained" in page.words
    analyst.follow(analyst.press(page, f"{alert}/acknowledge"))
    assert "(1 to be looked after)" not in analyst.get("/alerts").words
    assert analyst.ask(f"{alert}/acknowledge", {"revision": "1"}).status_code == 409
    page = analyst.get(alert)
    assert re.search(r'<details class="confirm">\s*<summary[^>]*>Close the alert<', page.html), "it asks once"
    analyst.follow(analyst.press(page, f"{alert}/close", note="Relancé."))
    assert "Closed by hand" in analyst.get("/alerts?past=1").words
    assert "Relancé." in analyst.get(alert).words
    assert "Still beyond" in analyst.get("/alerts").words


def test_every_page_of_alerts_is_in_french_too(app: Application, analyst: Visitor) -> None:
    me = global_id("Account", analyst.actor.account_id)
    alert, english = opened(app, analyst, readerIds=me), english_only()
    rule = f"/alerts/rules/{global_id('AlertRule', kept(app, AlertRule).id)}"
    in_french(analyst)
    analyst.get("/account")  # takes what was said in English
    for page in ("/alerts", "/alerts?past=1", alert, rule):
        assert leftovers(analyst.get(page), english) == set(), page
    assert "moins de 92,5 %, sur 2 jours" in analyst.get("/alerts").words.replace("\u00a0", " ")


def test_a_letter_is_in_the_readers_language_and_says_nothing_that_somebody_typed(
    app: Application, analyst: Visitor
) -> None:
    me = global_id("Account", analyst.actor.account_id)
    opened(app, analyst, readerIds=me, name="Mme Jeanne Petit <b>")
    assert kept(app, AlertMail).account_id == analyst.actor.account_id
    write = Letters(app.site.settings, Path("templates"))
    french, english = (write(kept(app, Alert), 3, language) for language in ("fr", "en"))
    assert french.subject.replace("\u00a0", " ") == "Chevet, alerte : Réponses obtenues, Triage"
    assert english.subject == "Chevet, alert: Answers obtained, Triage"
    plain = french.text.replace("\u00a0", " ")
    assert "sur la version 3 du modèle « Triage »." in plain
    assert "Réponses obtenues : 0 % (6 prédictions)" in plain
    assert "Règle : moins de 92,5 %, sur 2 jours" in plain
    assert f"http://testserver/alerts/{global_id('Alert', kept(app, Alert).id)}\n" in french.text
    for each in (french, english):
        assert "\n" not in each.subject
        for typed in ("Jeanne", "&", "<"):
            assert typed not in each.subject + each.text


def test_a_site_without_a_mail_server_says_so(
    app: Application, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.site.services, "alert_mails", None)
    page = meet(Role.ADMIN).get("/alerts")
    assert "no mail server is set up" in page.words


@pytest.mark.parametrize(
    "given,variable",
    [
        ({"smtp_host": "mail"}, "CHEVET_SMTP_FROM"),
        ({"smtp_host": "mail", "smtp_from": "nobody"}, "CHEVET_SMTP_FROM"),
        ({"smtp_host": "mail", "smtp_from": "a@b.example\nBcc: c@d.example"}, "CHEVET_SMTP_FROM"),
        ({"smtp_user": "chevet"}, "CHEVET_SMTP_PASSWORD_FILE"),
        ({"smtp_user": "chevet", "smtp_password_file": "/nowhere"}, "CHEVET_SMTP_PASSWORD_FILE"),
        ({"smtp_encryption": "sometimes"}, "CHEVET_SMTP_ENCRYPTION"),
        ({"smtp_port": 0}, "CHEVET_SMTP_PORT"),
    ],
)
def test_settings_of_a_mail_server_that_make_no_sense_are_named(
    tmp_path: Path, given: dict[str, Any], variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        load_settings(None, data_dir=tmp_path, **given)


def test_a_password_is_read_from_its_file_and_goes_out_encrypted_only(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret d’État\n", encoding="utf-8")
    given = {"smtp_host": "mail", "smtp_from": "a@b.example", "smtp_user": "u", "smtp_password_file": file}
    settings = load_settings(None, data_dir=tmp_path, **given)
    assert settings.smtp_password == "secret d’État"
    assert "État" not in repr(settings)
    services = wire_services(settings, Signer(b"k"))
    assert services.alert_mails is not None
    close_services(services)
    with pytest.raises(SettingsError, match="encrypted only"):
        load_settings(None, data_dir=tmp_path, **given, smtp_encryption="none")


def test_an_alert_that_is_well_again_says_so(app: Application, analyst: Visitor) -> None:
    alert = opened(app, analyst)
    with app.site.services.database.write() as session:
        row = session.exec(select(Alert)).one()
        row.normal_since, row.calm = row.opened_at, CALM_LOOKS - 1
    assert "Back to normal since" in analyst.get(alert).words
    assert "back to normal since" in analyst.get("/alerts").words
