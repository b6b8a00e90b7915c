"""The demo's past: what its champions were asked, kept once, dated back, and told as the demo's."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, func, select

from ml.registry.home import Home
from ml.registry.shipped import shipped
from ml.registry.syncing import sealed
from schema.context import Services
from schema.models.accounts import AuditEvent
from schema.models.models import ModelVersion
from schema.models.predictions import Feedback, Prediction
from schema.models.work import Job, JobState
from schema.policy import Role
from schema.services.audit import verify
from schema.services.clock import now
from schema.services.day_books import counted_anew, kept_days
from schema.services.jobs import run_due
from server import demo_past
from server.app import close_services, create_app, wire_services
from server.commands.seed import seed
from server.demo_past import DAYS, PAST_JOB, DemoPast
from server.settings import Settings, load_settings
from server.signing import Signer
from tests.schema.toys import deployed, registered
from tests.server.conftest import ADDRESS, Join, Person, installed

RECORDINGS = 2
PAGES = ("/monitoring", "/monitoring?family=BEATS", "/statistics/feedback")


@pytest.fixture(scope="module")
def of_demo(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of an installation whose models are looked after."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(blank, folder, dirs_exist_ok=True)
    return load_settings(None, data_dir=folder, jobs="elsewhere", public_url=ADDRESS)


@pytest.fixture(scope="module")
def services(of_demo: Settings) -> Iterator[Services]:
    """Return the services of a demo that nobody has started yet."""
    made = wire_services(of_demo, Signer(of_demo.secret))
    seed(of_demo, made)
    yield made
    close_services(made)


@pytest.fixture(scope="module")
def lived(of_demo: Settings, services: Services) -> Services:
    """Return them with the champions that come with the program, once the demo has its past."""
    assert work(services) == 1  # no champion answers yet: it is put back
    assert count(services) == 0
    home = Home(of_demo.data_dir)
    for family in ("beats", "triage"):
        deploy(services, home, family)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_past, "RECORDINGS", RECORDINGS)  # a decoded file takes a second
        patch.setattr(demo_past, "WAIT", timedelta(0))
        services.registry.serving("triage", "champion", 60)
        services.registry.serving("beats", "champion", 60)
        while job(services).state != JobState.SUCCEEDED.value:
            work(services)
    return services


def deploy(services: Services, home: Home, family: str) -> None:
    artefact = shipped(family)
    assert artefact is not None
    digest = sealed(home, artefact).digest
    reference = artefact.read("reference.json").decode()
    manifest = artefact.manifest
    with services.database.write() as session:
        known = {"classes": list(manifest.classes), "architecture": manifest.architecture}
        version = registered(session, now, digest, family, reference=reference, **known)
        deployed(session, now, version)
    services.deployments.refresh(at_once=True)


def work(services: Services) -> int:
    return run_due(services.database, {PAST_JOB: DemoPast(services).work}, services.clock, 1)


def job(services: Services) -> Job:
    with services.database.read() as session:
        return session.exec(select(Job).where(Job.kind == PAST_JOB)).one()


def count(services: Services) -> int:
    with services.database.read() as session:
        return session.exec(select(func.count()).select_from(Prediction)).one()


def test_the_champions_were_asked_for_five_weeks_about_visits_and_recordings(lived: Services) -> None:
    with lived.database.read() as session:
        asked = session.exec(select(Prediction)).all()
        versions = session.exec(select(ModelVersion.id)).all()
    assert {each.version_id for each in asked} == set(versions)
    assert all(each.ml_available for each in asked)
    for family, least in (("triage", DAYS), ("beats", RECORDINGS + DAYS // 7)):
        its = [each for each in asked if each.family == family]
        assert len(its) >= least
        days = [(now() - each.created_at).days for each in its]
        assert min(days) >= 0
        assert DAYS - 1 <= max(days) <= DAYS
    visits = [each for each in asked if each.family == "triage"]
    assert len({each.input_sha256 for each in visits}) == len(visits)
    assert len({each.level for each in visits}) == 6
    assert len({each.quality for each in visits}) >= 3


def test_opinions_are_what_the_authors_of_visits_and_recordings_know(lived: Services) -> None:
    wanted = select(Feedback, Prediction).join(Prediction, col(Prediction.id) == Feedback.prediction_id)
    with lived.database.read() as session:
        told = session.exec(wanted).all()
    assert {opinion.family for opinion, _ in told} == {"beats", "triage"}
    assert {opinion.type for opinion, _ in told} >= {"correct", "downgrade"}
    for opinion, made in told:
        assert made.created_at < opinion.created_at < now()
        assert (opinion.type == "correct") == (not (opinion.corrected_class or opinion.corrected_level))


def test_days_count_what_is_kept_and_the_trail_tells_when_it_was_written(lived: Services) -> None:
    with lived.database.read() as session:
        assert kept_days(session) == counted_anew(session)
        assert verify(session).ok
        asked = select(AuditEvent).where(AuditEvent.action == "prediction.made")
        assert all(now() - each.at < timedelta(hours=1) for each in session.exec(asked))


def test_a_job_that_is_done_again_adds_nothing(lived: Services) -> None:
    before = count(lived)
    with lived.database.write() as session:
        row = session.exec(select(Job).where(Job.kind == PAST_JOB)).one()
        assert row.checkpoint is not None
        row.state, row.finished_at = JobState.QUEUED.value, None
    assert work(lived) == 1
    assert count(lived) == before


def test_the_pages_say_in_a_demo_alone_whose_figures_they_are(
    lived: Services, of_demo: Settings, join: Join
) -> None:
    assert count(lived)
    demo = create_app(of_demo)
    try:
        analyst = Person(demo, Role.ANALYST).browser
        pages = [analyst.get(address).text for address in PAGES]
        of_tumours = analyst.get("/monitoring?family=SEGMENTATION").text
    finally:
        close_services(demo.site.services)
    assert all("ceux de la démonstration" in page for page in pages)
    assert not any("Aucune prédiction" in page for page in pages)
    assert "ceux de la démonstration" not in of_tumours
    elsewhere = join(Role.ANALYST).browser
    assert not any("ceux de la démonstration" in elsewhere.get(address).text for address in PAGES)


def test_a_demo_whose_models_are_not_looked_after_has_no_past(blank: Path, tmp_path: Path) -> None:
    settings = installed(blank, tmp_path)
    services = wire_services(settings, Signer(settings.secret))
    seed(settings, services)
    with services.database.read() as session:
        assert session.exec(select(Job)).all() == []
    close_services(services)
