import gzip
import io
import threading
from datetime import UTC, datetime

import pytest

from schema.errors import DomainError, ValidationFailedError
from schema.models.cases import Case, CaseCategory, Difficulty
from schema.models.training import SessionDifficulty, TrainingSession
from schema.policy import Role
from schema.services.once import Once, digest_of
from schema.services.sessions import SessionFields, Sessions
from tests.schema.authors import Author
from tests.schema.conftest import World


def refused(once: Once, kept: str | None) -> bool:
    try:
        once.check(kept)
    except ValidationFailedError as error:
        return [(each.path, each.code) for each in error.problems] == [(("idempotencyKey",), "key_used")]
    return False


def test_the_same_request_under_a_key_is_known_and_any_other_is_refused() -> None:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    once = Once.of("k", [SessionFields("Lundi", SessionDifficulty.BEGINNER, 20, opens_at=at), [1, 2]])
    same = Once.of(" k ", [SessionFields("Lundi", SessionDifficulty.BEGINNER, 20, opens_at=at), [1, 2]])
    assert same == once
    assert not refused(once, same.sha256)
    for fields, cases in (
        (SessionFields("Mardi", SessionDifficulty.BEGINNER, 20, opens_at=at), [1, 2]),
        (SessionFields("Lundi", SessionDifficulty.BEGINNER, 20), [1, 2]),
        (SessionFields("Lundi", SessionDifficulty.BEGINNER, 20, opens_at=at), [2, 1]),
    ):
        assert refused(once, Once.of("k", [fields, cases]).sha256), (fields, cases)


def test_of_what_was_made_before_digests_were_kept_nobody_can_say() -> None:
    assert not refused(Once.of("k", "asked"), None)
    assert not refused(Once("k", None), Once.of("k", "asked").sha256)


@pytest.mark.parametrize(
    "key, code", [("", "required"), (" ", "required"), ("k" * 101, "too_long"), ("a\0", "unprintable")]
)
def test_what_is_no_key_is_refused_beside_its_field(key: str, code: str) -> None:
    with pytest.raises(ValidationFailedError) as error:
        Once.of(key, "asked")
    assert [(each.path, each.code) for each in error.value.problems] == [(("idempotencyKey",), code)]


def test_a_file_compressed_again_later_is_the_same_and_can_still_be_read() -> None:
    files = [io.BytesIO(gzip.compress(b"voxels", mtime=at)) for at in (1, 2)]
    other = io.BytesIO(gzip.compress(b"others", mtime=1))
    first, again = map(digest_of, files)
    assert first == again != digest_of(other)
    assert [gzip.decompress(each.read()) for each in files] == [b"voxels", b"voxels"]
    assert digest_of(io.BytesIO(b"")) != digest_of(io.BytesIO(b"\0" * 9)) != digest_of(io.BytesIO(b"\0" * 8))


def test_four_requests_at_once_under_one_key_make_one_case_and_one_session(each_world: World) -> None:
    author = Author(each_world, each_world.person(Role.TEACHER))
    validated = author.validated()
    begin, failed = threading.Barrier(4), list[DomainError]()
    cases, sessions = set[int | None](), set[int | None]()

    def send() -> None:
        begin.wait()
        try:
            made = author.do(
                lambda cases: cases.create("Flutter", CaseCategory.OTHER, Difficulty.BEGINNER, "", "k")
            )
            cases.add(made.id)
            with each_world.database.write() as session:
                fields = SessionFields("Lundi", SessionDifficulty.BEGINNER, 20)
                held = Sessions(session, author.actor, each_world.clock)
                sessions.add(held.create(fields, [validated], "k").id)
        except DomainError as error:
            failed.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with each_world.database.read() as session:
        [case] = cases
        assert session.get_one(Case, case).revision == 1
        [training] = sessions
        assert session.get_one(TrainingSession, training).name == "Lundi"
