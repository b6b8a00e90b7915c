"""Pages with text that may name somebody: held, seen by their sender alone, masked before they are kept."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import JPEGBaseline8Bit
from sqlmodel import select

from ml.ecg.batch import File, Grouping
from ml.ecg.burned_in.found import Found, Region, Search, TextKind
from ml.ecg.editing import Mask
from schema.errors import NotFoundError, ValidationFailedError
from schema.models.accounts import AuditEvent
from schema.models.cases import Case, CaseCategory, Difficulty, Recording
from schema.models.held_pages import HeldPage
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services import bulk
from schema.services.cases import Cases
from schema.services.held_pages import Ruling, held_page, page_of_held
from schema.services.intake import ARRIVING, HELD, Staged
from schema.services.jobs import run_due
from schema.services.once import Once
from schema.services.recordings import Recordings
from tests.ml.ecg import pictures, samples
from tests.schema.conftest import World
from tests.support.language import the_ontology

PLANTED = pictures.NAME
SURNAME, BORN = "KOWALCZYK", "14/03/1951"
KEEP = Ruling(masked=[], harmless=[1], boxes=[])


def page(*lines: str) -> Image.Image:
    made = Image.new("RGB", (900, 200), "white")
    draw = ImageDraw.Draw(made)
    for number, line in enumerate(lines):
        draw.text((60, 30 + 40 * number), line, fill="black", font=ImageFont.load_default(22))
    return made


def named(format_name: str = "PNG") -> bytes:
    output = io.BytesIO()
    page(f"Nom : {SURNAME}   Né(e) le {BORN}", "FC 72 bpm   PR 164 ms").save(output, format_name)
    return output.getvalue()


class Desk:
    """A teacher who imports into a case of theirs; what text is found in is told, unless `reads`."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *, reads: bool = False) -> None:
        self.world, self.services = world, world.services
        self.teacher = world.person()
        self.found = Found(Search.DONE, (Region(TextKind.NAME, 0.05, 0.1, 0.5, 0.3),))
        if not reads:
            monkeypatch.setattr(self.services.decoder, "find_text", lambda _path: self.found)
        with world.database.write() as session:
            cases = self.cases(session, self.teacher)
            self.case = cases.create("Cas", CaseCategory.OTHER, Difficulty.BEGINNER, "").id or 0

    def cases(self, session: object, actor: Actor) -> Cases:
        return Cases(session, actor, self.world.clock, the_ontology())  # type: ignore[arg-type]

    def add(self, data: bytes | None = None, label: str | None = None, key: str | None = None) -> list[int]:
        """Import a file; return what is held of it."""
        pages = self.services.intake.take(self.teacher.account_id, io.BytesIO(data or named()))
        with self.world.database.write() as session:
            recordings = Recordings(session, self.cases(session, self.teacher), self.world.clock)
            once = None if key is None else Once.of(key, key)
            recordings.add(self.case, pages, label, None, once)
        return [each.held_id for each in pages if isinstance(each, Staged)]

    def held(self, actor: Actor | None = None) -> list[int]:
        with self.world.database.read() as session:
            rows = page_of_held(session, actor or self.teacher, PageRequest.of(None, None, None, None)).rows
            return [row.id or 0 for row in rows]

    def rows(self) -> list[HeldPage]:
        with self.world.database.read() as session:
            return list(session.exec(select(HeldPage)).all())

    def recordings(self) -> list[Recording]:
        with self.world.database.read() as session:
            return list(session.exec(select(Recording).where(Recording.case_id == self.case)).all())

    def stored(self) -> list[bytes]:
        return [path.read_bytes() for path in self.services.blobs._folder.rglob("*/*")]  # type: ignore[attr-defined]  # noqa: SLF001

    def settle(self, held: int, ruling: Ruling, actor: Actor | None = None) -> Case:
        return self.services.held_pages.settle(actor or self.teacher, held, ruling)

    def picture(self) -> Image.Image:
        [row] = self.recordings()
        return Image.open(io.BytesIO(self.services.blobs.get(row.original_key))).convert("RGB")


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(world, monkeypatch)


@pytest.fixture
def each(each_world: World, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(each_world, monkeypatch)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.ADMIN])
def test_to_everybody_else_a_held_page_is_a_missing_one(desk: Desk, role: Role) -> None:
    [held] = desk.add()
    other = desk.world.person(role)
    for missing in (held, 999):
        with desk.world.database.read() as session, pytest.raises(NotFoundError):
            held_page(session, other, missing)
        with pytest.raises(NotFoundError):
            desk.settle(missing, KEEP, other)
        with pytest.raises(NotFoundError):
            desk.services.held_pages.discard(other, missing)
        with pytest.raises(NotFoundError):
            desk.services.held_pages.picture(other, missing)
    assert (desk.held(other), desk.held()) == ([], [held])


def test_a_page_with_suspicious_text_is_no_recording_and_changes_no_revision(each: Desk) -> None:
    [held] = each.add(label="Urgences")
    assert (each.recordings(), each.held()) == ([], [held])
    [row] = each.rows()
    assert (row.label, row.expires_at) == ("Urgences", each.world.clock() + HELD)
    with each.world.database.read() as session:
        assert session.get_one(Case, each.case).revision == 1
    assert SURNAME not in row.model_dump_json()


def test_settling_masks_and_adds_the_page_and_removes_what_it_was(each: Desk) -> None:
    [held] = each.add(label="Urgences", key="once")
    before = each.stored()
    each.settle(held, Ruling(masked=[1], harmless=[], boxes=[Mask(0.8, 0.5, 0.9, 0.9)]))
    [row] = each.recordings()
    assert (row.label, row.idempotency_key, row.position) == ("Urgences", "once", 0)
    masked = each.picture()
    assert masked.getpixel((200, 40)) == masked.getpixel((760, 140)) == (0, 0, 0)
    assert masked.getpixel((880, 190)) == (255, 255, 255)
    assert (each.held(), each.rows()) == ([], [])
    assert not set(before) & set(each.stored())
    with each.world.database.read() as session:
        [told] = session.exec(select(AuditEvent).where(AuditEvent.action == "held_page.settled")).all()
    assert told.detail == {"masked": 2, "harmless": 0}
    with pytest.raises(NotFoundError):
        each.settle(held, KEEP)


def test_what_is_harmless_stays_as_it_was(desk: Desk) -> None:
    [held] = desk.add()
    desk.settle(held, KEEP)
    assert desk.picture().tobytes() == Image.open(io.BytesIO(named())).tobytes()


@pytest.mark.parametrize(
    "ruling, fault",
    [
        (Ruling([], [], []), "masked:undecided"),
        (Ruling([1], [1], []), "harmless:decided_twice"),
        (Ruling([1, 2], [], []), "masked:unknown_text"),
        (Ruling([1], [], [Mask(0.5, 0.1, 0.4, 0.2)]), "boxes.0:no_box"),
        (Ruling([1], [], [Mask(0, 0, 1.5, 0.2)]), "boxes.0:no_box"),
        (Ruling([1], [], [Mask(float("nan"), 0, 1, 1)]), "boxes.0:no_box"),
        (Ruling([1], [], [Mask(0, 0, 1, 1)] * 11), "boxes:too_many"),
    ],
)
def test_a_page_stays_held_until_every_text_is_decided_on(desk: Desk, ruling: Ruling, fault: str) -> None:
    [held] = desk.add()
    with pytest.raises(ValidationFailedError, match=fault):
        desk.settle(held, ruling)
    assert (desk.held(), desk.recordings()) == ([held], [])


@pytest.mark.parametrize("search", [Search.NOT_INSTALLED, Search.FAILED])
def test_where_text_was_not_looked_for_somebody_has_to_look(desk: Desk, search: Search) -> None:
    desk.found = Found(search)
    [held] = desk.add()
    with pytest.raises(ValidationFailedError, match="looked:not_looked"):
        desk.settle(held, Ruling([], [], []))
    desk.settle(held, Ruling([], [], [], looked=True))
    assert len(desk.recordings()) == 1


def test_the_other_pages_of_a_file_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([Found(Search.DONE), desk.found, Found(Search.DONE)])
    monkeypatch.setattr(desk.services.decoder, "find_text", lambda _path: next(answers))
    sheets = [Image.new("L", (40 + number, 30), 255) for number in range(3)]
    [held] = desk.add(pictures.tiff("X", sheets), label="Nuit")
    assert [row.label for row in desk.recordings()] == ["Nuit", "Nuit (3)"]
    desk.settle(held, KEEP)
    assert [row.label for row in desk.recordings()] == ["Nuit", "Nuit (3)", "Nuit (2)"]


def test_an_import_sent_again_holds_nothing_twice(desk: Desk) -> None:
    [held] = desk.add(key="once")
    for settled in (False, True):
        if settled:
            desk.settle(held, KEEP)
        with desk.world.database.read() as session:
            recordings = Recordings(session, desk.cases(session, desk.teacher), desk.world.clock)
            assert recordings.imported(desk.case, Once.of("once", "once")) is not None, settled
            with pytest.raises(ValidationFailedError) as refused:
                recordings.imported(desk.case, Once.of("once", "another file"))
            assert [each.code for each in refused.value.problems] == ["key_used"], settled


def test_discarding_removes_page_and_picture_at_once(desk: Desk) -> None:
    [held] = desk.add()
    desk.services.held_pages.discard(desk.teacher, held)
    assert (desk.held(), desk.rows(), desk.stored(), desk.recordings()) == ([], [], [], [])


def test_a_page_that_nobody_settles_goes_by_itself(each: Desk) -> None:
    each.add()
    each.world.clock.pass_(seconds=HELD.total_seconds() - 1)
    assert each.services.intake.expire() == 0
    each.world.clock.pass_(seconds=1)
    assert each.services.intake.expire() == 1
    assert (each.rows(), each.stored()) == ([], [])


def test_what_an_import_that_broke_off_left_is_seen_by_nobody_and_goes_within_the_hour(desk: Desk) -> None:
    [staged] = desk.services.intake.take(desk.teacher.account_id, io.BytesIO(named()))
    assert (isinstance(staged, Staged), desk.held(), len(desk.stored())) == (True, [], 1)
    desk.world.clock.pass_(seconds=ARRIVING.total_seconds())
    assert desk.services.intake.expire() == 1
    assert desk.stored() == []


def test_a_page_whose_picture_never_arrived_is_a_missing_one(desk: Desk) -> None:
    [held] = desk.add()
    [row] = desk.rows()
    desk.services.blobs.delete(row.picture_key)
    with pytest.raises(NotFoundError):
        desk.settle(held, KEEP)


def test_pages_held_for_a_case_go_with_it(desk: Desk) -> None:
    desk.add()
    with desk.world.database.write() as session:
        desk.cases(session, desk.teacher).delete(desk.case)
    assert desk.held() == []
    assert desk.services.intake.expire() == 1
    assert desk.stored() == []


def test_held_pages_count_among_a_case_s_recordings(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema.services.recordings.MOST", 1)
    [held] = desk.add()
    with pytest.raises(ValidationFailedError, match="too_many_recordings"):
        desk.add()
    desk.settle(held, KEEP)
    assert len(desk.recordings()) == 1


def test_of_a_batch_what_is_held_is_told_and_the_others_go_on(desk: Desk) -> None:
    imports = desk.services.recording_imports
    files = [File("1.png", io.BytesIO(named())), File("2.xml", io.BytesIO(samples.muse(samples.beats(8))))]
    job = imports.ask(desk.teacher, files, Grouping.EACH, "Lot", "k")
    run_due(desk.world.database, {bulk.RECORDINGS_JOB: imports.work}, desk.world.clock, 5)
    with desk.world.database.read() as session:
        done = session.get_one(type(job), job.id).result or {}
    assert [(each["held"], each["recordings"], each["code"]) for each in done["outcomes"]] == [
        (1, 0, ""),
        (0, 1, ""),
    ]
    assert (done["held"], done["faults"], len(desk.held())) == (1, 0, 1)


ANYWHERE = {
    "png": pictures.png(PLANTED),
    "jpeg": pictures.jpeg(PLANTED),
    "webp": pictures.webp(PLANTED),
    "bmp": pictures.bmp(PLANTED),
    "tiff": pictures.tiff(PLANTED),
    "pdf": pictures.pdf(PLANTED),
    "dicom picture": pictures.dicom_picture(PLANTED),
    "dicom jpeg": pictures.compressed_picture(JPEGBaseline8Bit, pictures.jpeg(PLANTED), PLANTED),
    "dicom pdf": pictures.dicom_document(pictures.pdf(PLANTED), PLANTED),
    "muse": samples.muse(samples.beats(8), planted=PLANTED),
    "aecg": samples.aecg(samples.twelve(), planted=PLANTED),
    "wfdb": samples.wfdb_zip(samples.twelve(), planted=PLANTED),
}
BURNED_IN = {"png": named("PNG"), "jpeg": named("JPEG"), "tiff": named("TIFF")}


def test_a_hundred_identifiers_are_planted_and_none_is_in_what_is_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In elements nested and private, EXIF, XMP, attachments, demographics; and printed on pictures."""
    desk = Desk(world, monkeypatch, reads=True)
    planted = sum(data.count(PLANTED.encode()) for data in ANYWHERE.values())
    assert planted + 2 * len(BURNED_IN) >= 100
    for data in (*ANYWHERE.values(), *BURNED_IN.values()):
        for held in desk.add(data):
            [row] = [each for each in desk.rows() if each.id == held]
            desk.settle(held, Ruling(range(1, len(row.regions) + 1), [], [], looked=True))
    for data in desk.stored():
        for form in (PLANTED.encode(), PLANTED.encode("utf-16-le"), PLANTED.encode("utf-16-be")):
            assert form not in data
    shown = [desk.services.blobs.get(row.original_key) for row in desk.recordings() if row.kind == "image"]
    for picture in [data for data in shown if Image.open(io.BytesIO(data)).size == (900, 200)]:
        with Image.open(io.BytesIO(picture)) as kept:
            shades = np.asarray(kept.convert("L").crop((115, 35, 260, 50)))
            assert shades.max() < 8
        assert desk.services.intake.take(desk.teacher.account_id, io.BytesIO(picture))
    assert desk.held() == []
