"""Many ECGs at once: each a case or part of one, the good ones kept, gone on with by whoever is left."""

import io
from pathlib import Path

import pytest
from PIL import Image
from sqlmodel import col, select

from ml.ecg.batch import File, Grouping
from schema.errors import ConflictError, NotFoundError, ValidationFailedError
from schema.models.accounts import Account, AuditEvent
from schema.models.cases import Case, Recording
from schema.models.work import Job
from schema.policy import Actor, Role
from schema.services import bulk, jobs, recording_imports
from schema.services.blobs import FolderBlobStore
from schema.services.intake import Intake
from schema.services.jobs import ASKED, LEASE, Jobs, LostClaimError, run_due
from schema.services.recording_imports import PATIENCE, RecordingImports, forget
from schema.services.recordings import MOST
from tests.ml.ecg.samples import zipped
from tests.schema.conftest import World
from tests.schema.services.test_bulk import Killed, killed_after

NAME = "DUPONT"


def picture(shade: int = 0, pages: int = 1) -> bytes:
    output = io.BytesIO()
    first, *others = [Image.new("L", (30 + page, 20), shade) for page in range(pages)]
    first.save(output, "TIFF", save_all=True, append_images=others, description=NAME)
    return output.getvalue()


TEXT = f"{NAME}, no ECG".encode()
THREE = {f"{NAME}_1.tif": picture(1), f"{NAME}_2.txt": TEXT, f"{NAME}_3.tif": picture(3)}


class Works:
    """A teacher who imports, and whoever works for them."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.teacher = world, world.person()
        self.database, self.clock = world.database, world.clock
        self.blobs = FolderBlobStore(folder / "imported")
        services = world.services
        intake = Intake(self.database, self.clock, self.blobs, services.decoder)
        self.imports = RecordingImports(self.database, self.clock, self.blobs, intake, services.shelf)

    def ask(
        self,
        files: dict[str, bytes],
        grouping: Grouping = Grouping.EACH,
        *,
        key: str = "k",
        name: str = "ECG",
    ) -> Job:
        sent = [File(name, io.BytesIO(data)) for name, data in files.items()]
        return self.imports.ask(self.teacher, sent, grouping, name, key)

    def work(self, times: int = 10) -> int:
        return run_due(self.database, {bulk.RECORDINGS_JOB: self.imports.work}, self.clock, times)

    def done(self, job: Job) -> Job:
        self.work()
        return self.now(job)

    def now(self, job: Job) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job.id)

    def cases(self, actor: Actor | None = None) -> dict[str, list[str]]:
        """Return the labels of each case's recordings, by its name."""
        owner = (actor or self.teacher).account_id
        with self.database.read() as session:
            named = session.exec(select(Case).where(Case.owner_id == owner).order_by(col(Case.id))).all()
            rows = session.exec(select(Recording).order_by(col(Recording.position))).all()
            return {case.name: [row.label for row in rows if row.case_id == case.id] for case in named}

    def stored(self) -> list[bytes]:
        return [path.read_bytes() for path in self.blobs._folder.rglob("*/*")]  # noqa: SLF001 - on disk

    def raw(self) -> int:
        """Return how many files are stored that have a name in them."""
        return sum(NAME.encode() in data for data in self.stored())


@pytest.fixture
def works(world: World, tmp_path: Path) -> Works:
    return Works(world, tmp_path)


@pytest.fixture
def each(each_world: World, tmp_path: Path) -> Works:
    return Works(each_world, tmp_path)


def outcomes(job: Job) -> list[tuple[int, str]]:
    return [(each["recordings"], each["code"]) for each in (job.result or {})["outcomes"]]


def test_a_colleague_follows_no_foreign_import(works: Works) -> None:
    job = works.ask(THREE)
    with works.database.read() as session, pytest.raises(NotFoundError):
        jobs.job_of(session, works.world.person(), job.id or 0)


def test_the_good_files_are_cases_in_order_and_the_others_told_one_by_one(each: Works) -> None:
    job = each.ask(dict(reversed(THREE.items())))
    assert (job.state, job.kind) == ("queued", "import_recordings")
    done = each.done(job)
    assert (done.state, done.progress, outcomes(done)) == (
        "succeeded",
        1.0,
        [(1, ""), (0, "file_unsupported_type"), (1, "")],
    )
    assert each.cases() == {"ECG 1": ["ECG_01"], "ECG 2": ["ECG_01"]}
    result = {name: value for name, value in (done.result or {}).items() if name != "outcomes"}
    assert result == {"files": 3, "recordings": 2, "cases": 2, "held": 0, "faults": 1}
    with each.database.read() as session:
        told = session.exec(select(AuditEvent).where(AuditEvent.action == "recordings.imported")).one()
    assert (told.detail, told.actor_id) == (result, each.teacher.account_id)


def test_no_name_and_no_file_that_was_sent_is_kept(each: Works) -> None:
    job = each.ask(THREE)
    assert each.raw() == 3
    with each.database.read() as session:
        assert NAME not in session.get_one(Job, job.id).model_dump_json()
    done = each.done(job)
    assert (each.raw(), NAME in done.model_dump_json(), list(done.payload)) == (0, False, [ASKED])


def test_files_of_a_group_are_one_case_in_their_order(works: Works) -> None:
    files = {"P1_2.tif": picture(2, pages=2), "P1_10.tif": picture(), "P2_1.tif": picture(), "P1_1.txt": TEXT}
    done = works.done(works.ask(files, Grouping.PREFIX, name="Garde"))
    assert works.cases() == {"Garde 1": ["ECG_01", "ECG_02", "ECG_03"], "Garde 2": ["ECG_01"]}
    assert outcomes(done) == [(0, "file_unsupported_type"), (2, ""), (1, ""), (1, "")]


def test_a_zip_gives_its_files_and_one_that_cannot_be_opened_is_a_fault(works: Works) -> None:
    done = works.done(
        works.ask({"a.zip": zipped({"1.tif": picture()}), "b.zip": b"PK\3\4", "c.tif": picture()})
    )
    assert outcomes(done) == [(1, ""), (0, "file_damaged"), (1, "")]


def test_what_a_case_has_no_room_for_is_a_fault(works: Works) -> None:
    files = {f"{number}.tif": picture(pages=9) for number in range(3)}
    done = works.done(works.ask(files, Grouping.FOLDER))
    assert outcomes(done) == [(9, ""), (9, ""), (0, "too_many_recordings")]
    assert len(works.cases()["ECG 1"]) == 18 <= MOST


def test_a_case_that_is_another_owners_by_now_takes_no_more(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_imports, "FILES_A_TURN", 1)
    job = works.ask({"1.tif": picture(), "2.tif": picture()}, Grouping.FOLDER)
    works.work(1)
    colleague = works.world.person()
    with works.database.write() as session:
        session.exec(select(Case)).one().owner_id = colleague.account_id
    assert outcomes(works.done(job))[1] == (0, "not_found")


@pytest.mark.parametrize("files", [{}, {".hidden": b"x"}])
def test_nothing_to_import_is_refused(works: Works, files: dict[str, bytes]) -> None:
    with pytest.raises(ValidationFailedError, match="files:required"):
        works.ask(files)


def test_very_many_files_and_a_long_name_are_refused(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.ecg.batch.MOST_ENTRIES", 2)
    with pytest.raises(ValidationFailedError, match="files:too_many_files"):
        works.ask(THREE)
    with pytest.raises(ValidationFailedError, match="name:too_long"):
        works.ask(THREE, name="x" * 181)
    assert works.stored() == []


def test_the_same_key_answers_with_the_same_job_and_imports_once(works: Works) -> None:
    job = works.ask(THREE)
    assert works.ask(dict(reversed(THREE.items()))).id == job.id
    works.done(job)
    assert works.ask(THREE).id == job.id
    works.work()
    assert (len(works.cases()), works.raw()) == (2, 0)


def test_a_key_that_was_used_for_other_files_is_refused(each: Works) -> None:
    files = {"a_1.tif": picture(), "a_2.tif": picture(2), "b.zip": zipped({"1.dat": b"x", "1.hea": TEXT})}
    each.ask(files)
    for _ in range(2):  # while the job waits, and when it is done
        for other, grouping, name in (
            (files | {"a_2.tif": picture(3)}, Grouping.EACH, "ECG"),
            (files | {"b.zip": zipped({"1.dat": b"y", "1.hea": TEXT})}, Grouping.EACH, "ECG"),
            (files | {"c.txt": TEXT}, Grouping.EACH, "ECG"),
            (files, Grouping.PREFIX, "ECG"),
            (files, Grouping.EACH, "Garde"),
        ):
            with pytest.raises(ValidationFailedError, match="idempotencyKey:key_used"):
                each.ask(other, grouping, name=name)
        each.work()
    assert each.ask(files).finished_at is not None


@pytest.mark.parametrize("dying", ["_next", "_finished", "_read", "_drop"])
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_an_import_whose_worker_is_killed_goes_on_and_imports_nothing_twice(
    works: Works, monkeypatch: pytest.MonkeyPatch, dying: str, calls: int
) -> None:
    job = works.ask(THREE)
    with monkeypatch.context() as patch:
        patch.setattr(works.imports, dying, killed_after(calls, getattr(works.imports, dying)))
        try:
            works.work()
        except Killed:
            works.clock.pass_(seconds=LEASE.total_seconds())
    done = works.done(job)
    assert (done.state, works.cases()) == ("succeeded", {"ECG 1": ["ECG_01"], "ECG 2": ["ECG_01"]})
    assert (works.raw(), (done.result or {})["files"]) == (0, 3)


def test_a_worker_killed_between_a_file_and_its_removal_leaves_nothing_in_the_end(
    each: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = each.ask(THREE)
    with monkeypatch.context() as patch:
        patch.setattr(each.blobs, "delete", killed_after(0, each.blobs.delete))
        with pytest.raises(Killed):
            each.work()
    each.clock.pass_(seconds=LEASE.total_seconds())
    assert (each.now(job).progress, each.done(job).state, each.raw()) == (1 / 3, "succeeded", 0)


def test_a_worker_that_has_lost_its_job_adds_nothing(works: Works) -> None:
    works.ask(THREE)
    slow = Jobs(works.database, works.clock, "slow").claim(frozenset({bulk.RECORDINGS_JOB}))
    assert slow is not None
    works.clock.pass_(seconds=LEASE.total_seconds())
    Jobs(works.database, works.clock, "other").claim(frozenset({bulk.RECORDINGS_JOB}))
    with pytest.raises(LostClaimError):
        works.imports.work(slow, lambda _fraction: None)
    assert (works.cases(), works.raw()) == ({}, 3)


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_sent_again(
    each: Works, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    monkeypatch.setattr(recording_imports, "TOGETHER", 1)

    def broken_off(key: str) -> Job:
        with monkeypatch.context() as patch:
            patch.setattr(each.blobs, "put", killed_after(calls, each.blobs.put))
            with pytest.raises(Killed):
                each.ask(THREE, key=key)
        with each.database.read() as session:
            return session.exec(select(Job).order_by(col(Job.id).desc())).all()[0]

    first, second = broken_off("first"), broken_off("second")
    assert (each.work(), each.raw()) == (0, 2 * calls)
    assert each.ask(THREE, key="second").id == second.id
    done = each.done(second)
    assert (done.state, len(each.cases()), each.raw()) == ("succeeded", 2, calls)
    each.clock.pass_(seconds=PATIENCE.total_seconds())
    assert (each.done(first).state, len(each.cases()), each.raw()) == ("failed", 2, 0)


def test_files_sent_twice_at_once_are_imported_once(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_imports, "TOGETHER", 1)
    put, again = works.blobs.put, iter([True])

    def overtaken(data: bytes, media_type: str) -> str:
        if next(again, False):
            works.ask(THREE)
        return put(data, media_type)

    monkeypatch.setattr(works.blobs, "put", overtaken)
    with pytest.raises(ConflictError, match="sent_twice"):
        works.ask(THREE)
    assert works.raw() == 3, "those of the second sender"
    with works.database.read() as session:
        [job] = session.exec(select(Job)).all()
    assert (works.done(job).state, len(works.cases()), works.raw()) == ("succeeded", 2, 0)


@pytest.mark.parametrize("zips", [False, True])
def test_an_upload_closed_as_it_is_read_leaves_no_file_and_is_no_damaged_one(
    works: Works, monkeypatch: pytest.MonkeyPatch, *, zips: bool
) -> None:
    monkeypatch.setattr(recording_imports, "TOGETHER", 1)
    files = {"a.zip": zipped(THREE)} if zips else THREE
    streams = [io.BytesIO(data) for data in files.values()]
    sent = [File(name, stream) for name, stream in zip(files, streams, strict=True)]
    put, first = works.blobs.put, iter([True])

    def given_up(data: bytes, media_type: str) -> str:
        if next(first, False):
            for stream in streams:  # as the envelope does that has given it up
                stream.close()
            works.ask(files)
        return put(data, media_type)

    monkeypatch.setattr(works.blobs, "put", given_up)
    with pytest.raises(ValueError, match="closed file"):
        works.imports.ask(works.teacher, sent, Grouping.EACH, "ECG", "k")
    assert works.raw() == 3, "those of the second sender"
    with works.database.read() as session:
        [job] = session.exec(select(Job)).all()
    assert [code for _, code in outcomes(works.done(job))] == ["", "file_unsupported_type", ""]
    assert works.raw() == 0


def test_who_may_write_no_cases_any_more_gets_none_and_leaves_no_file(works: Works) -> None:
    job = works.ask(THREE)
    with works.database.write() as session:
        session.get_one(Account, works.teacher.account_id).role = Role.STUDENT.value
    assert (works.done(job).state, works.cases(), works.raw()) == ("failed", {}, 0)


def test_an_import_that_was_given_up_is_tidied_away(each: Works) -> None:
    job = each.ask(THREE)
    with each.database.write() as session:
        row = session.get_one(Job, job.id)
        row.state, row.finished_at, row.payload = "failed", each.clock(), {}
    assert (each.raw(), forget(each.database, each.blobs), each.raw()) == (3, 1, 0)
    assert (forget(each.database, each.blobs), each.now(job).checkpoint) == (0, None)


def test_a_long_import_gives_others_their_turn(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_imports, "FILES_A_TURN", 1)
    long = works.ask(THREE, key="long")
    works.clock.pass_(seconds=1)
    short = works.ask({"1.tif": picture()}, key="short")
    works.work(2)
    assert [works.now(each).state for each in (long, short)] == ["queued", "queued"]
    assert works.done(long).state == works.now(short).state == "succeeded"
