"""Files of deleted cases: gone a day later, unless anything has them again."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from schema.models.work import Job
from schema.policy import Role
from schema.services.intake import StoredFile
from schema.services.jobs import run_due
from schema.services.loose_files import KEPT, RELEASE_JOB
from schema.services.revisions import recordings_of
from tests.schema.authors import PICTURE, Author
from tests.schema.conftest import World


@dataclass
class Ward:
    """Authors whose files lie on a disk."""

    world: World
    author: Author

    def stored(self, *contents: bytes) -> list[StoredFile]:
        """Store files an hour ago, three to a recording."""
        return [
            StoredFile(PICTURE, *(self.file(each + part) for part in (b"o", b"r", b"t"))) for each in contents
        ]

    def file(self, content: bytes) -> str:
        key = self.world.services.blobs.put(content, "image/png")
        self.touch(key, self.world.clock() - timedelta(hours=1))
        return key

    def touch(self, key: str, at: datetime) -> None:
        """Set when a file was stored: the tests' clock is not the disk's."""
        path = self.world.services.blobs.path(key)
        assert path is not None
        os.utime(path, (at.timestamp(), at.timestamp()))

    def draft(self, *pages: StoredFile) -> int:
        key = self.author.draft()
        self.author.record(lambda recordings: recordings.add(key, list(pages)))
        return key

    def delete(self, key: int) -> None:
        self.author.do(lambda cases: cases.delete(key))

    def pass_time(self, time: timedelta = KEPT) -> None:
        """Have the worker do what is due after a time."""
        self.world.clock.at += time
        handlers = {RELEASE_JOB: self.world.services.loose_files.work}
        run_due(self.world.database, handlers, self.world.clock, 10)

    def there(self, page: StoredFile) -> list[bool]:
        keys = (page.original_key, page.rendering_key, page.thumbnail_key)
        return [self.world.services.blobs.exists(key) for key in keys]


@pytest.fixture
def ward(each_world: World) -> Ward:
    return Ward(each_world, Author(each_world, each_world.person(Role.TEACHER)))


def test_the_files_of_a_deleted_draft_are_gone_a_day_later(ward: Ward) -> None:
    page, other = ward.stored(b"one", b"other")
    key = ward.draft(page, other)
    ward.delete(key)
    ward.pass_time(KEPT - timedelta(seconds=1))
    assert ward.there(page) == [True] * 3
    ward.pass_time(timedelta(seconds=1))
    assert ward.there(page) == ward.there(other) == [False] * 3
    with ward.world.database.read() as session:
        (job,) = session.exec(select(Job).where(Job.kind == RELEASE_JOB)).all()
        assert (job.state, job.result) == ("succeeded", {"removed": 6})


def test_what_only_an_earlier_revision_had_goes_too(ward: Ward) -> None:
    (page,) = ward.stored(b"taken out")
    key = ward.draft(page)
    with ward.world.database.read() as session:
        (recording,) = recordings_of(session, key)
    ward.author.record(lambda recordings: recordings.remove(recording.id or 0))
    ward.pass_time()
    assert ward.there(page) == [True] * 3
    ward.delete(key)
    ward.pass_time()
    assert ward.there(page) == [False] * 3


def test_a_file_that_another_case_or_its_past_has_stays(ward: Ward) -> None:
    page, past = ward.stored(b"both have it", b"the other had it")
    mine, other = ward.draft(page, past), ward.draft(page, past)
    with ward.world.database.read() as session:
        last = recordings_of(session, other)[-1]
    ward.author.record(lambda recordings: recordings.remove(last.id or 0))
    ward.delete(mine)
    ward.pass_time()
    assert ward.there(page) == ward.there(past) == [True] * 3
    ward.delete(other)
    ward.pass_time()
    assert ward.there(page) == ward.there(past) == [False] * 3


def test_a_file_that_is_just_being_sent_again_is_left_until_it_is_kept_or_forgotten(ward: Ward) -> None:
    (page,) = ward.stored(b"sent again")
    ward.delete(ward.draft(page))
    ward.touch(page.original_key, ward.world.clock() + KEPT)
    ward.pass_time()
    assert ward.there(page) == [True, False, False]
    ward.pass_time()
    assert ward.there(page) == [False] * 3


def test_of_files_that_are_found_no_snapshot_is_read(ward: Ward) -> None:
    [page] = ward.stored(b"A")
    ward.draft(page)
    keys = (page.original_key, page.rendering_key, page.thumbnail_key)
    ward.world.services.loose_files.expect(keys)
    asked: list[str] = []

    def keep(*given: object) -> None:
        asked.append(str(given[2]))

    event.listen(Engine, "before_cursor_execute", keep)
    ward.pass_time()
    event.remove(Engine, "before_cursor_execute", keep)
    assert any("recording" in each for each in asked)
    assert not [each for each in asked if "FROM case_revision" in each]
    assert ward.there(page) == [True, True, True]
