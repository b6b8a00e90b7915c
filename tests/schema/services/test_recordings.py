import io
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from ml.ecg.decoding import MAX_FILE_BYTES
from schema.errors import NotAllowedError, NotFoundError, ValidationFailedError
from schema.models.cases import Case, Recording, RecordingTiming
from schema.policy import Role
from schema.services.blobs import FolderBlobStore
from schema.services.intake import Intake, StoredFile
from schema.services.once import Once
from schema.services.recordings import MOST, Recordings
from schema.services.revisions import recordings_of
from tests.schema.authors import STORED, Author
from tests.schema.conftest import World


@pytest.fixture
def author(each_world: World) -> Author:
    return Author(each_world, each_world.person(Role.TEACHER))


def present(author: Author, key: int) -> list[Recording]:
    with author.world.database.read() as session:
        return recordings_of(session, key)


def labels(author: Author, key: int) -> list[str]:
    return [recording.label for recording in present(author, key)]


def with_three(author: Author) -> int:
    key = author.draft()
    for _ in range(3):
        author.record(lambda recordings: recordings.add(key, STORED))
    return key


def key_of(author: Author, case: int, label: str) -> int:
    return next(row.id or 0 for row in present(author, case) if row.label == label)


def stored(world: World, data: bytes) -> list[StoredFile]:
    pages = world.services.intake.take(0, io.BytesIO(data))
    assert all(isinstance(page, StoredFile) for page in pages)
    return [page for page in pages if isinstance(page, StoredFile)]


def png(width: int = 300, height: int = 200) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(output, "PNG")
    return output.getvalue()


def dicom() -> bytes:
    path = get_testdata_file("waveform_ecg.dcm")
    assert isinstance(path, str)
    return Path(path).read_bytes()


def test_a_colleague_cannot_add_to_a_case_or_touch_its_recordings(each_world: World, author: Author) -> None:
    colleague = Author(each_world, each_world.person(Role.TEACHER))
    key = with_three(author)
    recording = key_of(author, key, "ECG_01")
    changes: list[Callable[[Recordings], Case]] = [
        lambda recordings: recordings.add(key, STORED),
        lambda recordings: recordings.update(recording, "x"),
        lambda recordings: recordings.move(recording, 2),
        lambda recordings: recordings.remove(recording),
    ]
    for change in changes:
        with pytest.raises(NotFoundError):
            colleague.record(change)
    assert labels(author, key) == ["ECG_01", "ECG_02", "ECG_03"]


def test_recordings_are_numbered_past_the_labels_in_use(author: Author) -> None:
    key = author.draft()
    author.record(lambda recordings: recordings.add(key, STORED, "ECG_02"))
    author.record(lambda recordings: recordings.add(key, STORED))
    author.record(lambda recordings: recordings.add(key, STORED))
    assert labels(author, key) == ["ECG_02", "ECG_03", "ECG_04"]


def test_a_recording_is_initial_unless_told_otherwise(author: Author) -> None:
    key = author.draft()
    author.record(lambda recordings: recordings.add(key, STORED))
    author.record(lambda recordings: recordings.add(key, STORED, "Après", RecordingTiming.CONTROL))
    assert [row.timing for row in present(author, key)] == ["initial", "control"]


@pytest.mark.parametrize(
    "position, expected",
    [
        (0, ["ECG_03", "ECG_01", "ECG_02"]),
        (1, ["ECG_01", "ECG_03", "ECG_02"]),
        (2, ["ECG_01", "ECG_02", "ECG_03"]),
    ],
)
def test_the_last_recording_is_moved_to_each_place(
    author: Author, position: int, expected: list[str]
) -> None:
    key = with_three(author)
    recording = key_of(author, key, "ECG_03")
    author.record(lambda recordings: recordings.move(recording, position))
    assert labels(author, key) == expected
    assert [row.position for row in present(author, key)] == [0, 1, 2]


@pytest.mark.parametrize("position", [-1, 3])
def test_a_place_outside_the_case_is_refused(author: Author, position: int) -> None:
    recording = key_of(author, with_three(author), "ECG_01")
    with pytest.raises(ValidationFailedError, match="position:out_of_range"):
        author.record(lambda recordings: recordings.move(recording, position))


def test_moving_to_the_same_place_makes_no_revision(author: Author) -> None:
    recording = key_of(author, with_three(author), "ECG_02")
    assert author.record(lambda recordings: recordings.move(recording, 1)).revision == 4


def test_a_removed_recording_leaves_no_gap_and_its_files_stay(each_world: World, author: Author) -> None:
    key = author.draft()
    kept = stored(each_world, png())
    author.record(lambda recordings: recordings.add(key, kept))
    author.record(lambda recordings: recordings.add(key, STORED))
    recording = key_of(author, key, "ECG_01")
    author.record(lambda recordings: recordings.remove(recording))
    assert [(row.label, row.position) for row in present(author, key)] == [("ECG_02", 0)]
    assert each_world.services.blobs.exists(kept[0].original_key)
    with pytest.raises(NotFoundError):
        author.record(lambda recordings: recordings.remove(recording))


def test_a_label_is_changed_and_an_empty_one_refused(author: Author) -> None:
    key = with_three(author)
    recording = key_of(author, key, "ECG_02")
    author.record(lambda recordings: recordings.update(recording, " Aux  urgences "))
    assert labels(author, key) == ["ECG_01", "Aux urgences", "ECG_03"]
    with pytest.raises(ValidationFailedError, match="label:required"):
        author.record(lambda recordings: recordings.update(recording, " "))
    with pytest.raises(ValidationFailedError, match="label:too_long"):
        author.record(lambda recordings: recordings.update(recording, "x" * 101))


def test_a_case_takes_twenty_recordings_and_no_more(author: Author) -> None:
    key = author.draft()
    for _ in range(MOST):
        author.record(lambda recordings: recordings.add(key, STORED))
    assert labels(author, key)[-1] == "ECG_20"
    with pytest.raises(ValidationFailedError, match="file:too_many_recordings"):
        author.record(lambda recordings: recordings.with_room(key))
    with pytest.raises(ValidationFailedError, match="file:too_many_recordings"):
        author.record(lambda recordings: recordings.add(key, STORED))


def test_an_archived_case_takes_no_recording(author: Author) -> None:
    key = author.draft()
    author.do(lambda cases: cases.archive(key))
    with pytest.raises(NotAllowedError, match="case_archived"):
        author.record(lambda recordings: recordings.with_room(key))


def test_a_dicom_waveform_is_drawn_and_kept_without_the_patient(world: World) -> None:
    [kept] = stored(world, dicom())
    assert (kept.decoded.kind, len(kept.decoded.leads), kept.decoded.sampling_rate_hz) == ("signal", 12, 1000)
    assert kept.decoded.pixels_per_mm is not None
    original = pydicom.dcmread(io.BytesIO(world.services.blobs.get(kept.original_key)))
    assert "PatientName" not in original
    assert "PatientID" not in original
    assert Image.open(io.BytesIO(world.services.blobs.get(kept.thumbnail_key))).format == "WEBP"


def test_a_picture_keeps_its_size(world: World) -> None:
    [kept] = stored(world, png(640, 480))
    assert (kept.decoded.kind, kept.decoded.width, kept.decoded.height) == ("image", 640, 480)
    assert Image.open(io.BytesIO(world.services.blobs.get(kept.rendering_key))).size == (640, 480)


def scanned(pages: int) -> bytes:
    first, *others = [Image.new("L", (60 + page, 40)) for page in range(pages)]
    output = io.BytesIO()
    first.save(output, "TIFF", save_all=True, append_images=others)
    return output.getvalue()


def test_each_page_of_a_file_is_a_recording_in_its_order_by_one_revision(
    each_world: World, author: Author
) -> None:
    pages, key = stored(each_world, scanned(3)), author.draft()
    author.record(lambda recordings: recordings.add(key, STORED))
    case = author.record(lambda recordings: recordings.add(key, pages))
    assert [(row.label, row.position, row.width) for row in present(author, key)] == [
        ("ECG_01", 0, 800),
        ("ECG_02", 1, 60),
        ("ECG_03", 2, 61),
        ("ECG_04", 3, 62),
    ]
    assert case.revision == 3


def test_further_pages_are_numbered_after_the_label(author: Author) -> None:
    key = author.draft()
    author.record(lambda recordings: recordings.add(key, STORED * 2, "Aux urgences"))
    author.record(lambda recordings: recordings.add(key, STORED * 2, "x" * 100))
    assert labels(author, key) == ["Aux urgences", "Aux urgences (2)", "x" * 100, "x" * 96 + " (2)"]


def test_an_upload_sent_again_adds_none_of_its_pages_again(author: Author) -> None:
    key = author.draft()
    for _ in range(2):
        author.record(lambda recordings: recordings.add(key, STORED * 3, once=Once.of("k", "file")))
    assert len(present(author, key)) == 3


def test_a_file_with_more_pages_than_there_is_room_adds_none(author: Author) -> None:
    key = author.draft()
    author.record(lambda recordings: recordings.add(key, STORED * (MOST - 1)))
    with pytest.raises(ValidationFailedError, match="file:too_many_recordings"):
        author.record(lambda recordings: recordings.add(key, STORED * 2))
    assert len(present(author, key)) == MOST - 1


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "file_empty"),
        (b"%!PS not an ECG", "file_unsupported_type"),
        (png()[:200], "file_damaged"),
    ],
    ids=["empty", "unsupported", "damaged"],
)
def test_a_file_that_gives_no_ecg_is_refused_at_its_field_and_nothing_is_kept(
    world: World, tmp_path: Path, data: bytes, code: str
) -> None:
    store = FolderBlobStore(tmp_path / "empty")
    intake = Intake(world.database, world.clock, store, world.services.decoder)
    with pytest.raises(ValidationFailedError, match=f"^file:{code}$"):
        intake.take(0, io.BytesIO(data))
    assert list((tmp_path / "empty").rglob("*")) == []


def test_a_file_beyond_the_limit_is_refused_before_it_is_whole(world: World) -> None:
    class Endless(io.RawIOBase):
        """A stream that never ends."""

        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"\x89PNG" * (size // 4)

    endless = Endless()
    with pytest.raises(ValidationFailedError, match="file:file_too_large") as caught:
        world.services.intake.take(0, endless)  # type: ignore[arg-type]
    assert dict(caught.value.problems[0].values) == {"megabytes": "200"}
    assert endless.given <= MAX_FILE_BYTES + 2**21
