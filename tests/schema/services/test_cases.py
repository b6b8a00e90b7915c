from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select

from schema.errors import (
    ConflictError,
    DomainError,
    NotAllowedError,
    NotFoundError,
    ValidationFailedError,
)
from schema.models.accounts import AuditEvent
from schema.models.cases import (
    AnnotationRole,
    CaseCategory,
    CaseRevision,
    CaseStatus,
    Difficulty,
    RecordingTiming,
)
from schema.models.training import SessionCase, TrainingSession
from schema.models.work import Event
from schema.policy import Role
from schema.services.annotations import NewAnnotation
from schema.services.cases import CaseFilter, Cases, CaseSort
from schema.services.revisions import annotations_of, pinned_annotations, pinned_recordings, recordings_of
from tests.schema.authors import STORED, Author
from tests.schema.conftest import World


@pytest.fixture
def author(each_world: World) -> Author:
    return Author(each_world, each_world.person(Role.TEACHER))


@pytest.fixture
def colleague(each_world: World) -> Author:
    return Author(each_world, each_world.person(Role.EXPERT))


@pytest.fixture
def admin(each_world: World) -> Author:
    return Author(each_world, each_world.person(Role.ADMIN))


CHANGES: dict[str, Callable[[Cases, int], object]] = {
    "update": lambda cases, key: cases.update(key, 1, {"name": "x"}),
    "validate": lambda cases, key: cases.validate(key, 1),
    "archive": lambda cases, key: cases.archive(key),
    "restore": lambda cases, key: cases.restore(key),
    "delete": lambda cases, key: cases.delete(key),
    "to_change": lambda cases, key: cases.to_change(key),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_colleagues_draft_is_missing(author: Author, colleague: Author, change: str) -> None:
    key = author.draft()
    with pytest.raises(NotFoundError):
        colleague.do(lambda cases: CHANGES[change](cases, key))
    with pytest.raises(NotFoundError):
        colleague.do(lambda cases: cases.get(key))


@pytest.mark.parametrize("change", CHANGES)
def test_a_colleagues_validated_case_may_be_seen_but_not_changed(
    author: Author, colleague: Author, change: str
) -> None:
    key = author.validated()
    assert colleague.do(lambda cases: cases.get(key)).name == "Mobitz 1"
    with pytest.raises(NotAllowedError, match="not_allowed"):
        colleague.do(lambda cases: CHANGES[change](cases, key))


@pytest.mark.parametrize("role", [Role.STUDENT, Role.ANALYST, Role.CLINICIAN])
def test_who_writes_no_cases_sees_none(each_world: World, author: Author, role: Role) -> None:
    key = author.validated()
    with pytest.raises(NotFoundError):
        Author(each_world, each_world.person(role)).do(lambda cases: cases.get(key))


def test_an_administrator_changes_any_case(author: Author, admin: Author) -> None:
    key = author.draft()
    assert admin.do(lambda cases: cases.update(key, 1, {"name": "Renamed"})).name == "Renamed"


def test_a_new_case_is_a_draft_at_revision_one(author: Author) -> None:
    case = author.do(lambda cases: cases.get(author.draft("  Bloc   de branche ")))
    assert (case.name, case.status, case.revision) == ("Bloc de branche", "draft", 1)
    assert case.owner_id == author.actor.account_id
    assert case.created_at == author.world.clock()


def test_a_change_on_an_old_revision_is_a_conflict_that_names_the_latest(author: Author) -> None:
    key = author.draft()
    author.do(lambda cases: cases.update(key, 1, {"description": "Homme de 60 ans"}))
    with pytest.raises(ConflictError) as caught:
        author.do(lambda cases: cases.update(key, 1, {"description": "Femme de 30 ans"}))
    assert caught.value.current == 2
    assert author.do(lambda cases: cases.get(key)).description == "Homme de 60 ans"


def test_of_eight_changes_at_once_on_one_revision_one_wins(author: Author) -> None:
    key = author.draft()

    def change(number: int) -> bool:
        try:
            author.do(lambda cases: cases.update(key, 1, {"name": f"Name {number}"}))
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(change, range(8)))
    assert won.count(True) == 1
    case = author.do(lambda cases: cases.get(key))
    assert (case.revision, case.name) == (2, f"Name {won.index(True)}")


def test_changing_nothing_makes_no_revision(author: Author) -> None:
    key = author.draft("Mobitz 1")
    assert author.do(lambda cases: cases.update(key, 1, {"name": " Mobitz 1 "})).revision == 1


@pytest.mark.parametrize(
    "field, text, expected",
    [
        ("name", " \t ", "name:required"),
        ("name", "x" * 201, "name:too_long"),
        ("description", "x" * 5_001, "description:too_long"),
        ("draft_text", "x" * 20_001, "draftText:too_long"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_at_its_field(
    author: Author, field: str, text: str, expected: str
) -> None:
    key = author.draft()
    with pytest.raises(ValidationFailedError, match=expected):
        author.do(lambda cases: cases.update(key, 1, {field: text}))


def test_the_longest_texts_fit(author: Author) -> None:
    key = author.draft()
    longest = {"name": "é" * 200, "description": "é" * 5_000, "draft_text": "é" * 20_000}
    case = author.do(lambda cases: cases.update(key, 1, longest))
    assert (len(case.name), len(case.description), len(case.draft_text)) == (200, 5_000, 20_000)


def test_what_a_database_cannot_store_is_left_out_of_a_text(author: Author) -> None:
    key = author.draft()
    case = author.do(lambda cases: cases.update(key, 1, {"description": "a\0b\ud800c\r\nd"}))
    assert case.description == "abc\nd"


def test_a_case_is_validated_once_it_has_a_recording_and_a_scored_annotation(author: Author) -> None:
    key = author.draft()
    descriptive = NewAnnotation(author.codes()[0], role=AnnotationRole.DESCRIPTIVE)
    with pytest.raises(
        ValidationFailedError, match="recordings:needs_recording, annotations:needs_annotation"
    ):
        author.do(lambda cases: cases.validate(key, 1))
    author.annotate(lambda annotations: annotations.add(key, [descriptive]))
    author.record(lambda recordings: recordings.add(key, STORED))
    with pytest.raises(ValidationFailedError, match=r"^annotations:needs_scored_annotation$"):
        author.do(lambda cases: cases.validate(key, 3))
    author.annotate(lambda annotations: annotations.add(key, [NewAnnotation(author.codes()[1])]))
    case = author.do(lambda cases: cases.validate(key, 4))
    assert (case.status, case.revision) == ("validated", 5)
    assert author.do(lambda cases: cases.validate(key, 5)).revision == 5


def test_a_validated_case_stays_validated_through_a_change(author: Author) -> None:
    key = author.validated()
    case = author.do(lambda cases: cases.update(key, 4, {"description": "Homme de 60 ans"}))
    assert (case.status, case.revision) == ("validated", 5)


def test_a_validated_case_keeps_its_last_recording_and_its_last_scored_annotation(author: Author) -> None:
    key = author.validated()
    with author.world.database.read() as session:
        recording, annotation = recordings_of(session, key)[0], annotations_of(session, key)[0]
    refusals: list[Callable[[], object]] = [
        lambda: author.record(lambda recordings: recordings.remove(recording.id or 0)),
        lambda: author.annotate(lambda annotations: annotations.remove(annotation.id or 0)),
        lambda: author.annotate(
            lambda annotations: annotations.update(annotation.id or 0, role=AnnotationRole.DESCRIPTIVE)
        ),
    ]
    for refused in refusals:
        with pytest.raises(NotAllowedError, match="must_stay_valid"):
            refused()
    assert author.do(lambda cases: cases.get(key)).revision == 4
    with author.world.database.read() as session:
        assert (len(recordings_of(session, key)), len(annotations_of(session, key))) == (1, 1)


def test_an_archived_case_is_restored_as_a_draft_before_it_is_changed(author: Author) -> None:
    key = author.validated()
    assert author.do(lambda cases: cases.archive(key)).status == "archived"
    assert author.do(lambda cases: cases.archive(key)).revision == 5
    with pytest.raises(NotAllowedError, match="case_archived"):
        author.do(lambda cases: cases.update(key, 5, {"name": "x"}))
    assert author.do(lambda cases: cases.restore(key)).status == "draft"
    assert author.do(lambda cases: cases.restore(key)).revision == 6


def test_restoring_a_validated_case_leaves_it_validated(author: Author) -> None:
    key = author.validated()
    assert author.do(lambda cases: cases.restore(key)).status == "validated"


def test_a_draft_is_deleted_with_all_it_had(author: Author) -> None:
    key = author.complete()
    author.do(lambda cases: cases.delete(key))
    with pytest.raises(NotFoundError):
        author.do(lambda cases: cases.get(key))
    with author.world.database.read() as session:
        assert session.exec(select(CaseRevision)).all() == []


def test_a_validated_case_is_not_deleted(author: Author) -> None:
    key = author.validated()
    with pytest.raises(NotAllowedError, match="only_drafts_deleted"):
        author.do(lambda cases: cases.delete(key))


def test_a_draft_that_a_session_has_is_not_deleted(author: Author) -> None:
    key = author.validated()
    with author.world.database.write() as session:
        revision = session.exec(select(CaseRevision).where(CaseRevision.case_id == key)).first()
        now = author.world.clock()
        training = TrainingSession(
            owner_id=author.actor.account_id,
            name="s",
            difficulty="beginner",
            time_limit_minutes=30,
            join_code="ABCDEF",
            created_at=now,
            updated_at=now,
        )
        session.add(training)
        session.flush()
        assert revision is not None
        session.add(
            SessionCase(
                session_id=training.id or 0, case_id=key, case_revision_id=revision.id or 0, position=0
            )
        )
    author.do(lambda cases: cases.archive(key))
    author.do(lambda cases: cases.restore(key))
    with pytest.raises(NotAllowedError, match="used_in_session"):
        author.do(lambda cases: cases.delete(key))


def test_each_change_leaves_a_revision_with_the_whole_case(author: Author) -> None:
    key = author.complete("Wenckebach")
    author.record(lambda recordings: recordings.add(key, STORED, "Après", RecordingTiming.POST_TREATMENT))
    with author.world.database.read() as session:
        revisions = session.exec(
            select(CaseRevision).where(CaseRevision.case_id == key).order_by(col(CaseRevision.number))
        ).all()
        present = [row.model_dump() for row in recordings_of(session, key)]
        said = [row.model_dump() for row in annotations_of(session, key)]
    assert [each.number for each in revisions] == [1, 2, 3, 4]
    counts = [(len(each.snapshot["recordings"]), len(each.snapshot["annotations"])) for each in revisions]
    assert counts == [(0, 0), (1, 0), (1, 1), (2, 1)]
    last = revisions[-1]
    assert last.snapshot["name"] == "Wenckebach"
    assert last.author_id == author.actor.account_id
    assert last.ontology_version == author.world.services.ontology.version
    assert [row.model_dump() for row in pinned_recordings(last.snapshot)] == present
    assert [row.model_dump() for row in pinned_annotations(last.snapshot)] == said


def test_each_change_is_in_the_audit_trail_and_rings_for_the_statistics(author: Author) -> None:
    key = author.validated()
    author.do(lambda cases: cases.archive(key))
    with author.world.database.read() as session:
        audited = session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence))).all()
        topics = session.exec(select(Event.topic)).all()
    assert [(each.action, each.target_type, each.target_id) for each in audited] == [
        (f"case.{verb}", "Case", key)
        for verb in ("created", "recording_added", "annotated", "validated", "archived")
    ]
    assert {each.actor_id for each in audited} == {author.actor.account_id}
    assert topics == ["statistics"] * 5


def test_nothing_of_a_refused_change_is_kept(author: Author) -> None:
    key = author.draft()
    with pytest.raises(DomainError):
        author.do(lambda cases: (cases.update(key, 1, {"name": "Changed"}), cases.validate(key, 2)))
    assert author.do(lambda cases: cases.get(key)).name == "Mobitz 1"


def test_an_author_lists_their_own_cases_and_the_validated_ones_of_colleagues(
    author: Author, colleague: Author, admin: Author
) -> None:
    author.draft("Mine, draft")
    colleague.draft("Theirs, draft")
    colleague.validated("Theirs, validated")
    assert author.listed() == ["Mine, draft", "Theirs, validated"]
    assert author.listed(CaseFilter(mine=True)) == ["Mine, draft"]
    assert admin.listed() == ["Mine, draft", "Theirs, draft", "Theirs, validated"]


@pytest.mark.parametrize(
    "search, found",
    [
        ("epanchement", ["Épanchement péricardique"]),
        ("ÉPANCHEMENT", ["Épanchement péricardique"]),
        ("syncope  HOMME", ["Bloc"]),
        ("homme bloc syncope", ["Bloc"]),
        ("homme femme", []),
        ("100%", []),
        ("_", []),
        ("", ["Bloc", "Épanchement péricardique"]),
    ],
)
def test_cases_are_found_by_every_word_whatever_the_accents(
    author: Author, search: str, found: list[str]
) -> None:
    author.draft("Bloc", description="Homme de 70 ans, syncope à l’effort")
    author.draft("Épanchement péricardique", description="Femme de 30 ans")
    assert author.listed(CaseFilter(search=search)) == found


def test_cases_are_found_by_what_they_are_annotated_with_in_both_languages(author: Author) -> None:
    key = author.draft("Cas 1")
    author.draft("Cas 2")
    concept = author.world.services.ontology.concepts[3]
    author.annotate(lambda annotations: annotations.add(key, [NewAnnotation(concept.id)]))
    for label in (concept.label_fr, concept.label_en):
        assert author.listed(CaseFilter(search=label)) == ["Cas 1"]


def test_filters_narrow_together(author: Author) -> None:
    author.draft("a", category=CaseCategory.INFARCTION, difficulty=Difficulty.EXPERT)
    author.draft("b", category=CaseCategory.INFARCTION)
    author.draft("c", difficulty=Difficulty.EXPERT)
    both = CaseFilter(category=CaseCategory.INFARCTION, difficulty=Difficulty.EXPERT)
    assert author.listed(both) == ["a"]
    assert author.listed(CaseFilter(status=CaseStatus.VALIDATED)) == []


def test_names_are_listed_as_in_a_dictionary(author: Author) -> None:
    for name in ("Zona", "épanchement", "Embolie", "Écran", "embolie"):
        author.draft(name)
    assert author.listed(sort=CaseSort.NAME) == ["Écran", "Embolie", "embolie", "épanchement", "Zona"]
