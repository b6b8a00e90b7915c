"""Conformity reports: for analysts and administrators, of nobody, alike whenever made, once a month."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pypdfium2
import pytest
from sqlmodel import select

from ml.monitoring.drift import Drift, FeatureDrift
from schema.context import Services
from schema.database import Database
from schema.errors import ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.models.alerts import Alert
from schema.models.conformity import ConformityReport
from schema.models.models import ModelAlias, ModelVersion, Retraining
from schema.models.predictions import Feedback, ModelFamily, Prediction
from schema.policy import Role
from schema.services.conformity import Conformity, Month, conformity
from schema.services.day_books import enter
from schema.services.drift import DriftState
from schema.services.jobs import run_due
from schema.services.models import Models
from schema.services.reports import REPORT_JOB, Reports, Written, wake_reports
from schema.types.base import global_id
from server.__main__ import main
from server.app import TEMPLATES, Application, close_services, create_app
from server.demo import PASSWORDS
from server.reports import ReportWriter
from tests.schema.people import StoppedClock, actor_of
from tests.schema.toys import registered
from tests.server.conftest import Person, browser, installed

pytestmark = pytest.mark.timeout(300)  # a PDF is printed, in a process of its own

FEBRUARY = Month(2026, 2)
PLANTED = ("Jeanne", "Dupont", "1920375")
PATIENT = "Jeanne Dupont 1920375"
DIGEST, DATA = "ab12" * 16, "cd34" * 16


class Reported(NamedTuple):
    """A site with February's reports."""

    app: Application
    services: Services
    reports: dict[str, ConformityReport]

    def text(self, language: str) -> str:
        """Return the page as text."""
        return self.services.blobs.get(self.reports[language].html_key).decode()


def seed(services: Services) -> None:
    """Have a hospital use a model of triage in February, and a little in January and March."""
    clock = StoppedClock()
    clock.at = datetime(2026, 1, 5, tzinfo=UTC)
    with services.database.write() as session:
        people = [
            Account(
                email=f"reader{number}@example.org",
                display_name=PATIENT,
                role=(Role.ADMIN if number == 0 else Role.CLINICIAN).value,
                created_at=clock(),
            )
            for number in range(6)
        ]
        session.add_all(people)
        session.flush()
        known = {
            "architecture": "xgboost",
            "metrics": {"qwk": 0.7316},
            "data_hash": DATA,
            "card": "# The card",
        }
        first = registered(session, clock, DIGEST, "triage", **known)
        admin = actor_of(people[0])
    with services.database.write() as session:
        Models(session, admin, clock).promote(first.id or 0, ModelAlias.CHAMPION)
    for at, count, level in (
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), 7, "1"),
        (datetime(2026, 2, 3, 12, tzinfo=UTC), 40, "3B"),
        (datetime(2026, 3, 1, tzinfo=UTC), 9, "5"),
    ):
        _predict(services, people, first, at, count, level)
    clock.at = datetime(2026, 2, 20, 10, tzinfo=UTC)
    with services.database.write() as session:
        second = registered(session, clock, "ef56" * 16, "triage", **known)
        session.add(
            Retraining(
                family="triage",
                run_name=PATIENT,
                include_feedback=True,
                min_feedback=50,
                opinions=61,
                feedback_hash="99" * 32,
                number=2,
                run="run-of-february",
                created_at=clock(),
                finished_at=clock(),
            )
        )
    with services.database.write() as session:
        Models(session, admin, clock).promote(second.id or 0, ModelAlias.CHAMPION, f"because of {PATIENT}")


def _predict(  # noqa: PLR0917 - a day of visits
    services: Services, people: list[Account], version: ModelVersion, at: datetime, count: int, level: str
) -> None:
    with services.database.write() as session:
        for number in range(count):
            answered = number % 10 != 9
            made = Prediction(
                family="triage",
                asked_by=people[1].id or 0,
                version_id=version.id if answered else None,
                alias="champion",
                input_sha256="0" * 64,
                ml_available=answered,
                ml_error=None if answered else "loading",
                latency_ms=20,
                quality="high",
                level=level,
                confidence=0.8 if answered else None,
                visit={"motifConsultation": PATIENT},
                created_at=at,
            )
            session.add(made)
            session.flush()
            enter(session, made)
            session.add(
                Feedback(
                    prediction_id=made.id or 0,
                    family=made.family,
                    version_id=made.version_id,
                    reader=f"reader {number % 5}",
                    account_id=people[number % 5].id,
                    type="correct" if number % 4 else "upgrade",
                    original=level,
                    reason=PATIENT,
                    created_at=at,
                )
            )


@pytest.fixture(scope="module")
def reported(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """Return a site whose February is reported in both languages."""
    app = create_app(installed(blank, tmp_path_factory.mktemp("reported")))
    services = app.site.services
    seed(services)
    assert services.reports is not None
    made = {"fr": services.reports.make(FEBRUARY, "fr")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.reports.LONGEST_PRINT_S", 0.0)  # one PDF is read back; each takes seconds
        made["en"] = services.reports.make(FEBRUARY, "en")
    yield Reported(app, services, made)
    close_services(services)


def address(report: ConformityReport, form: str) -> str:
    return f"/exports/reports/{global_id('ConformityReport', report.id or 0)}/{form}"


def test_reports_are_for_analysts_and_administrators(reported: Reported) -> None:
    file = address(reported.reports["fr"], "pdf")
    stranger = browser(reported.app)
    for path in (file, "/monitoring/reports"):
        assert stranger.get(path).headers["location"].startswith("/sign-in")
        for role in (Role.STUDENT, Role.CLINICIAN, Role.TEACHER, Role.EXPERT):
            assert Person(reported.app, role).browser.get(path).status_code == 403
        for role in (Role.ANALYST, Role.ADMIN):
            assert Person(reported.app, role).browser.get(path).status_code == 200


def test_what_is_no_report_answers_like_a_missing_one(reported: Reported) -> None:
    analyst = Person(reported.app, Role.ANALYST).browser
    ours = address(reported.reports["fr"], "")
    for path in (
        f"{ours}exe",
        f"{ours}..%2fhtml",
        f"/exports/reports/{global_id('ConformityReport', 999)}/html",
        f"/exports/reports/{global_id('Case', 1)}/html",
        "/exports/reports/x/html",
    ):
        assert analyst.get(path).status_code == 404


def test_a_report_is_downloaded_from_its_page_and_that_is_on_record(reported: Reported) -> None:
    analyst = Person(reported.app, Role.ANALYST)
    page = analyst.browser.get("/monitoring/reports").text
    assert "février 2026" in page
    link = re.search(r'href="(/exports/reports/[^"]+/pdf)"', page)
    assert link is not None
    answer = analyst.browser.get(link[1])
    assert answer.headers["content-type"] == "application/pdf"
    assert "attachment; filename=" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"%PDF")
    with reported.services.database.read() as session:
        read = session.exec(select(AuditEvent).where(AuditEvent.action == "report.read")).all()[-1]
    assert (read.actor_id, read.detail["month"], read.detail["form"]) == (
        analyst.account_id, "2026-02", "pdf",
    )  # fmt: skip


def test_it_says_what_an_annex_iv_file_asks_for(reported: Reported) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reported.text("en")))
    for said in (
        "Conformity report, February 2026",
        "It is no medical device and decides nothing",
        "Champion version 1 version 2",
        "Predictions 40",
        "Answered with a model 36 (90%)",
        "Tri 3B: 40",
        "the version was still loading 4",
        "03/02/2026 (4)",
        "Readers gave 40 opinions that are in force. 10 of them did not confirm",
        "Version of a model put to use – Champion, version 2 in place of version 1",
        "Against the rule, for a reason that the trail keeps",
        "Administrator",
        "run-of-february",
        "version 2 61",
        DIGEST,
        DATA,
        "qwk 0.7316",
        "# The card",
    ):
        assert said in text, said


def test_it_is_in_french_too(reported: Reported) -> None:
    text = reported.text("fr")
    assert '<html lang="fr">' in text
    for said in ("Rapport de conformité, février 2026", "Contrôle humain", "Journal des réentraînements"):
        assert said in text, said
    assert not re.search(r"\b(Predictions|Human oversight|None\.|of nobody)\b", text)


def test_only_the_report_of_a_demo_says_that_it_is_one(
    reported: Reported, blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.reports.LONGEST_PRINT_S", 0.0)
    with reported.services.database.read() as session:
        said = conformity(session, FEBRUARY)
    settings = installed(blank, tmp_path)
    writer = ReportWriter(settings, TEMPLATES)
    sentences = {
        "en": "This is a demo’s report: nearly all it counts was asked about made visits",
        "fr": "Ce rapport est celui d’une démonstration\u00a0: presque tout ce qu’il compte porte sur",
    }
    for language, sentence in sentences.items():
        assert sentence not in writer.write(said, language).html.decode()
    (settings.data_dir / PASSWORDS).touch()
    for language, sentence in sentences.items():
        text = writer.write(said, language).html.decode()
        assert text.index("<h1>") < text.index(sentence) < text.index("<h2>")


def test_what_is_counted_is_told_in_words_and_not_in_codes(reported: Reported) -> None:
    writer = reported.services.report_writer
    assert writer is not None
    with reported.services.database.read() as session:
        said = conformity(session, FEBRUARY)
    seen = said.families[0]
    asked = replace(seen.figures.tally, quality={"insufficient": 3})
    held = Drift(40, 0.01, tuple(_standing_out(name) for name in ("pression_systolique", "level")))
    sheet = replace(
        seen.sheets[0], drift=replace(seen.sheets[0].drift, state=DriftState.COMPARED, compared=held)
    )
    outlined = replace(seen.figures.tally, classes={"succeeded": 5, "failed": 2})
    triage = replace(seen, figures=replace(seen.figures, tally=asked), sheets=[sheet])
    tumours = replace(
        seen, family=ModelFamily.SEGMENTATION, figures=replace(seen.figures, tally=outlined), sheets=[]
    )
    text = writer.write(replace(said, families=[triage, tumours]), "fr").html.decode()
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    for told in (
        "Tri 3B : 40",
        "insuffisante : 3",
        "Pression systolique · Niveau du modèle",
        "échec : 2 · avec contours : 5",
    ):
        assert told in words, told


def _standing_out(name: str) -> FeatureDrift:
    return FeatureDrift(name, 0.9, "g", 9.0, 0.25, 1.0, 0.001, (0.0, 0.0), drifted=True)


def test_it_names_nobody(reported: Reported) -> None:
    for language in ("fr", "en"):
        for word in (*PLANTED, "example.org", "reader 1"):
            assert word not in reported.text(language)


def test_the_pdf_says_the_same_on_pages_of_a4(reported: Reported) -> None:
    key = reported.reports["fr"].pdf_key
    assert key is not None
    document = pypdfium2.PdfDocument(reported.services.blobs.get(key))
    pages = [page.get_textpage().get_text_range() for page in document]
    text = re.sub(r"\s+", " ", " ".join(pages))
    assert document.get_metadata_dict()["Title"] == "Rapport de conformité, février 2026"
    assert {tuple(round(side) for side in page.get_size()) for page in document} == {(595, 842)}
    assert f"1 / {len(pages)}" in pages[0]
    for said in ("Rapport de conformité, février 2026", "Triage", DIGEST[:20], "0,7316", "# The card"):
        assert said in text, said
    assert not any(word in text for word in PLANTED)


def test_the_same_month_and_data_are_the_same_files_and_no_new_row(reported: Reported) -> None:
    assert reported.services.reports is not None
    again = reported.services.reports.make(FEBRUARY, "fr")
    assert again.id == reported.reports["fr"].id
    assert (again.html_key, again.pdf_key) == (
        reported.reports["fr"].html_key,
        reported.reports["fr"].pdf_key,
    )


def test_a_machine_that_writes_no_pdf_still_makes_the_page_and_says_so(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.reports.LONGEST_PRINT_S", 0.0)
    assert reported.services.reports is not None
    made = reported.services.reports.make(Month(2026, 1), "en")
    assert made.pdf_key is None
    admin = Person(reported.app, Role.ADMIN).browser
    assert "pango manque sur la machine" in admin.get("/monitoring/reports").text
    assert admin.get(address(made, "pdf")).status_code == 404
    assert admin.get(address(made, "html")).status_code == 200


def test_the_opinions_of_few_readers_are_not_told_in_detail(reported: Reported) -> None:
    with reported.services.database.write() as session:
        every = session.exec(select(Feedback)).all()
        for each in every:
            each.reader = f"{each.id}" if each.id == 1 else "one reader"
        said = conformity(session, FEBRUARY)
        session.rollback()
    assert (said.families[0].opinions.total, said.families[0].opinions.figures) == (40, None)


def test_alerts_that_were_open_in_the_month_are_told_and_no_others(reported: Reported) -> None:
    writer = reported.services.report_writer
    assert writer is not None
    january, february, march = (datetime(2026, month, 4, tzinfo=UTC) for month in (1, 2, 3))
    with reported.services.database.write() as session:
        family = conformity(session, FEBRUARY).families[0].family.value
        for number, (metric, opened, closed) in enumerate(
            [("volume", january, january), ("latency_p95", january, march), ("success_rate", march, None)]
        ):
            session.add(
                Alert(
                    key=f"rule:{number}",
                    cause="rule",
                    family=family,
                    metric=metric,
                    opened_at=opened,
                    closed_at=closed,
                )
            )
        session.add(Alert(key="load:x", cause="load_failed", family=family, opened_at=february))
        session.flush()
        said = conformity(session, FEBRUARY)
        text = writer.write(said, "en").html.decode()
        told = [each.metric for each in said.families[0].alerts]
        session.rollback()
    assert told == ["latency_p95", None]
    assert "Response time (95th percentile)" in text
    assert "A version cannot be loaded" in text
    assert "the version has no reference to be held against" in text


class Noting:
    """Writes what month it is of, and in which language."""

    def write(self, said: Conformity, language: str) -> Written:
        """Return as much."""
        return Written(json.dumps([str(said.month), language]).encode(), None)


@pytest.fixture
def noting(blank: Path, tmp_path: Path) -> Iterator[tuple[Services, StoppedClock]]:
    """Return services of their own, which write reports quickly, in March."""
    clock = StoppedClock()
    app = create_app(installed(blank, tmp_path))
    yield replace(app.site.services, clock=clock, report_writer=Noting()), clock
    close_services(app.site.services)


def worked(services: Services) -> list[tuple[str, str]]:
    """Have a worker begin, and return the reports there are then."""
    with services.database.write() as session:
        wake_reports(session, services.clock)
    _work(services)
    return _made(services.database)


def _work(services: Services) -> None:
    assert services.reports is not None
    run_due(services.database, {REPORT_JOB: services.reports.work}, services.clock, 5)


def _made(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(row.month, row.language) for row in session.exec(select(ConformityReport))]


def _registered(services: Services, at: datetime) -> None:
    clock = StoppedClock()
    clock.at = at
    with services.database.write() as session:
        registered(session, clock, DIGEST)


def test_a_site_without_a_model_last_month_has_nothing_to_report(
    noting: tuple[Services, StoppedClock],
) -> None:
    services, clock = noting
    assert worked(services) == []
    _registered(services, clock())
    assert worked(services) == []


def test_last_months_report_is_made_once_and_the_next_when_the_next_is_over(
    noting: tuple[Services, StoppedClock],
) -> None:
    services, clock = noting
    _registered(services, datetime(2026, 2, 27, tzinfo=UTC))
    assert worked(services) == [("2026-02", "fr"), ("2026-02", "en")]
    _work(services)
    assert len(worked(services)) == 2
    clock.at = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    _work(services)
    assert len(_made(services.database)) == 2
    clock.at = datetime(2026, 4, 1, tzinfo=UTC)
    _work(services)
    assert _made(services.database)[2:] == [("2026-03", "fr"), ("2026-03", "en")]


def test_a_worker_that_was_down_makes_up_for_a_year_at_most(noting: tuple[Services, StoppedClock]) -> None:
    services, clock = noting
    _registered(services, datetime(2026, 2, 27, tzinfo=UTC))
    worked(services)
    clock.at = datetime(2026, 6, 3, tzinfo=UTC)
    assert [month for month, language in worked(services) if language == "fr"] == [
        "2026-02", "2026-03", "2026-04", "2026-05",
    ]  # fmt: skip
    clock.at = datetime(2029, 6, 3, tzinfo=UTC)
    assert len(worked(services)) == 2 * (4 + 12)


def test_two_workers_make_it_once(noting: tuple[Services, StoppedClock]) -> None:
    services, _clock = noting
    _registered(services, datetime(2026, 2, 27, tzinfo=UTC))
    with services.database.write() as session:
        wake_reports(session, services.clock)
    threads = [Thread(target=_work, args=(services,)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(_made(services.database)) == [("2026-02", "en"), ("2026-02", "fr")]


def test_other_data_make_another_report_and_the_earlier_one_stays(
    noting: tuple[Services, StoppedClock],
) -> None:
    services, clock = noting

    class Other(Noting):
        def write(self, said: Conformity, language: str) -> Written:
            return Written(b"other" + super().write(said, language).html, None)

    first, second = (
        Reports(services.database, clock, services.blobs, writer) for writer in (Noting(), Other())
    )
    assert first.make(FEBRUARY, "fr").id != second.make(FEBRUARY, "fr").id
    assert _made(services.database) == [("2026-02", "fr")] * 2


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "0000-01", "2026-1", "26-01", "2026-01-01", "", "²026-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailedError):
        Month.read(text)


def test_months_follow_one_another() -> None:
    assert str(Month.read("2025-12").next) == "2026-01"
    assert Month.before(datetime(2026, 1, 1, tzinfo=UTC)) == Month(2025, 12)
    assert (str(Month(2024, 2).since), str(Month(2024, 2).until)) == ("2024-02-01", "2024-02-29")


def test_the_command_makes_a_months_report_and_refuses_one_that_is_not_over(
    blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = installed(blank, tmp_path / "site")
    monkeypatch.setenv("CHEVET_DATA_DIR", str(settings.data_dir))
    monkeypatch.setattr("server.reports.LONGEST_PRINT_S", 0.0)
    command = ["report", "conformity", "--month"]
    assert main([*command, "2026-1"]) == 2
    assert main([*command, "9999-01"]) == 2
    assert "2026-1 is no month: write it like 2026-10.\n9999-01 is not over yet." in capsys.readouterr().err
    out = tmp_path / "out"
    assert main([*command, "2026-02", "--language", "fr", "--output", str(out)]) == 1
    assert capsys.readouterr().out.startswith("2026-02 fr: html ")
    assert [path.name for path in out.iterdir()] == ["conformity-2026-02-fr.html"]
    assert main([*command, "2026-02", "--output", str(settings.data_dir / "secret_key")]) == 2
