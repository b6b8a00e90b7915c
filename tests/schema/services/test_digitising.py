"""Paper to signal: proposed to the owner alone, corrected, kept beside the picture, marked as what it is."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import col, select

from ml.ecg.decoding import DecoderPool
from ml.ecg.digitising.layouts import LayoutName
from ml.ecg.readers import read_kept
from ml.ecg.readers.image import encode
from schema.database import Database
from schema.errors import ConflictError, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.cases import Case, CaseCategory, Difficulty, Digitisation, Recording
from schema.models.work import Job, JobState
from schema.policy import Actor, Role
from schema.services.bulk import DIGITISE_JOB
from schema.services.cases import Cases
from schema.services.digitising import MOST_POINTS, Digitisations, Told
from schema.services.jobs import run_due
from schema.services.recordings import Recordings
from schema.services.revisions import last_revision, pinned_recordings
from tests.ml.ecg.digitising.pages import SPIKE_MV, page, peak
from tests.schema.conftest import World, _world
from tests.schema.installation import undone


@dataclass
class Desk:
    """A teacher whose case has a picture of paper, and one of something else."""

    world: World
    teacher: Actor
    case: int
    paper: int
    wall: int

    def cases(self, session: object, actor: Actor | None = None) -> Cases:
        return Cases(session, actor or self.teacher, self.world.clock, self.world.services.ontology)  # type: ignore[arg-type]

    def ask(self, recording: int, told: Told, key: str, actor: Actor | None = None) -> Job:
        asking = actor or self.teacher
        with self.world.database.write() as session:
            mine = Digitisations(session, asking, self.cases(session, asking), self.world.clock)
            return mine.ask(recording, told, key)

    def work(self) -> int:
        handlers = {DIGITISE_JOB: self.world.services.digitising.work}
        return run_due(self.world.database, handlers, self.world.clock, 10)

    def reading(self, recording: int, actor: Actor | None = None) -> Digitisation:
        asking = actor or self.teacher
        with self.world.database.read() as session:
            mine = Digitisations(session, asking, self.cases(session, asking), self.world.clock)
            return mine.get(recording)[0]

    def keep(self, recording: int, job: int, actor: Actor | None = None) -> Case:
        asking = actor or self.teacher
        with self.world.database.write() as session:
            mine = Digitisations(session, asking, self.cases(session, asking), self.world.clock)
            return mine.keep(recording, job)

    def recordings(self) -> list[Recording]:
        with self.world.database.read() as session:
            rows = select(Recording).where(Recording.case_id == self.case)
            return list(session.exec(rows.order_by(col(Recording.position))))


@pytest.fixture(scope="module")
def read_once(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, decoder: DecoderPool
) -> Iterator[Desk]:
    """Return a desk whose pictures have been read."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "chevet.db").write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{folder / 'chevet.db'}")
    for world in _world(database, decoder, folder):
        desk = _desk(world)
        desk.ask(desk.paper, Told(), "first")
        desk.ask(desk.wall, Told(), "wall")
        desk.work()
        yield desk
    database.dispose()


@pytest.fixture
def desk(read_once: Desk) -> Iterator[Desk]:
    """Return the same desk for each test, whatever another has done to it."""
    with undone(read_once.world):
        yield read_once


def _desk(world: World) -> Desk:
    teacher, services = world.person(), world.services
    pictures = [encode(page(grid=grid), "image/png") for grid in (True, False)]
    stored = [services.intake.take(teacher.account_id, io.BytesIO(data)) for data in pictures]
    with world.database.write() as session:
        cases = Cases(session, teacher, world.clock, services.ontology)
        case = cases.create("Papier", CaseCategory.OTHER, Difficulty.BEGINNER, "").id or 0
        for pages in stored:
            Recordings(session, cases, world.clock).add(case, pages)
        rows = session.exec(select(Recording).where(Recording.case_id == case)).all()
        paper, wall = (row.id or 0 for row in rows)
    return Desk(world, teacher, case, paper, wall)


def test_what_is_anothers_is_neither_read_nor_shown_nor_kept(desk: Desk) -> None:
    for actor in (desk.world.person(Role.TEACHER), desk.world.person(Role.EXPERT)):
        for recording in (desk.paper, 987_654):
            with pytest.raises(NotFoundError):
                desk.ask(recording, Told(), "k", actor)
            with pytest.raises(NotFoundError):
                desk.reading(recording, actor)
            with pytest.raises(NotFoundError):
                desk.keep(recording, desk.reading(desk.paper).job_id, actor)


def test_a_picture_is_read_in_a_job_and_only_proposed(desk: Desk) -> None:
    with desk.world.database.read() as session:
        job = session.get_one(Job, desk.reading(desk.paper).job_id)
    assert (job.state, job.progress) == (JobState.SUCCEEDED.value, 1.0)
    assert job.result == {"case": desk.case, "recording": desk.paper, "code": "", "values": {}}
    found = desk.reading(desk.paper).found
    assert found is not None
    assert found["paper"]["layout"] == "3x4+1"
    assert found["paper"]["quality"]["V4"]["followed"] > 0.98
    assert all(trace["path"].startswith("M") for trace in found["paper"]["traces"])
    assert "signal" not in {row.kind for row in desk.recordings()}, "nothing is added that nobody kept"


def test_the_same_key_asks_once(desk: Desk) -> None:
    job_id = desk.reading(desk.paper).job_id
    assert desk.ask(desk.paper, Told(), "first").id == job_id
    with pytest.raises(ValidationFailedError, match="idempotencyKey:key_used"):
        desk.ask(desk.paper, Told(speed_mm_s=50), "first")
    assert desk.reading(desk.paper).job_id == job_id
    assert desk.reading(desk.paper).asked["speed_mm_s"] == 25


def test_a_picture_that_is_no_paper_says_why_it_has_no_signal(desk: Desk) -> None:
    reading = desk.reading(desk.wall)
    assert (reading.failure, reading.found) == ("file_no_grid", None)
    with pytest.raises(ValidationFailedError, match="nothing_digitised"):
        desk.keep(desk.wall, reading.job_id)


@pytest.mark.parametrize(
    "told, code",
    [
        (Told(speed_mm_s=0), "speed:out_of_range"),
        (Told(speed_mm_s=float("nan")), "speed:out_of_range"),
        (Told(gain_mm_mv=1000), "gain:out_of_range"),
        (Told(leads=["I"]), "layout:leads_need_layout"),
        (Told(LayoutName.L3X4, leads=["I"]), "leads:leads_of_layout"),
        (Told(LayoutName.L6X1, leads=["I", "II", "III", "aVR", "aVL", "DUPONT"]), "leads:unknown_choice"),
        (Told(LayoutName.L6X1, leads=["I", "I", "III", "aVR", "aVL", "aVF"]), "leads:lead_twice"),
        (Told(points=[(0, 1.0, 1.0)] * (MOST_POINTS + 1)), "points:too_many"),
        (Told(points=[(99, 1.0, 1.0)]), "points:point_outside"),
        (Told(points=[(0, 1e9, 1.0)]), "points:point_outside"),
    ],
)
def test_what_no_paper_is_is_refused_at_its_field(desk: Desk, told: Told, code: str) -> None:
    with pytest.raises(ValidationFailedError, match=code):
        desk.ask(desk.paper, told, f"bad {code}")


def test_what_is_kept_stands_behind_its_picture_and_says_what_it_is(desk: Desk) -> None:
    leads = tuple(SPIKE_MV)
    swapped = (leads[1], leads[0], *leads[2:], "II")
    told = Told(LayoutName.L3X4_1, leads=swapped, gain_mm_mv=5, points=[(3, 300.0, 640.0)])
    before = desk.reading(desk.paper).job_id
    again = desk.ask(desk.paper, told, "again").id or 0
    with pytest.raises(ConflictError, match="read_anew"):
        desk.keep(desk.paper, before)
    desk.work()

    case = desk.keep(desk.paper, again)
    assert desk.keep(desk.paper, again).revision == case.revision, "once"

    picture, kept, wall = desk.recordings()
    assert (picture.id, wall.id) == (desk.paper, desk.wall)
    assert (kept.kind, kept.label, kept.timing) == ("signal", picture.label, picture.timing)
    assert kept.pixels_per_mm, "calipers work"
    assert kept.paper is not None
    assert kept.paper["points"] == [[3, 300.0, 640.0]]
    with desk.world.services.blobs.open(kept.original_key) as file:
        original = file.read()
    assert b"DERIVED" in original
    signal = read_kept(original)
    assert peak(signal.lead(swapped[0]))[1] == pytest.approx(2 * SPIKE_MV[leads[0]], abs=0.1)
    with desk.world.database.read() as session:
        snapshot = last_revision(session, session.get_one(Case, desk.case)).snapshot
    assert pinned_recordings(snapshot)[1].paper == kept.paper
    with pytest.raises(ValidationFailedError, match="not_a_picture"):
        desk.ask(kept.id or 0, Told(), "signal")


def test_a_picture_changed_since_is_read_again_before_it_is_kept(desk: Desk) -> None:
    job = desk.reading(desk.paper).job_id
    with desk.world.database.write() as session:
        row = session.exec(select(Digitisation).where(Digitisation.job_id == job)).one()
        row.picture_key, row.job_id = "another", job + 1000
        session.add(row)
    with pytest.raises(ConflictError, match="picture_changed"):
        desk.keep(desk.paper, job + 1000)


def test_a_picture_that_leaves_takes_its_reading_with_it(desk: Desk) -> None:
    with desk.world.database.write() as session:
        Recordings(session, desk.cases(session), desk.world.clock).remove(desk.wall)
    with pytest.raises(NotFoundError):
        desk.reading(desk.wall)
    with desk.world.database.write() as session:
        desk.cases(session).archive(desk.case)
    with pytest.raises(NotAllowedError, match="case_archived"):
        desk.ask(desk.paper, Told(), "late")
    with desk.world.database.write() as session:
        desk.cases(session).restore(desk.case)
        desk.cases(session).delete(desk.case)
    with pytest.raises(NotFoundError):
        desk.reading(desk.paper)
