import pytest
from sqlalchemy import event

from schema.errors import ConflictError, NotFoundError, ValidationFailedError
from schema.services.answers import Draft
from tests.schema.training import (
    Hospital,
    all_at_once,
    answers,
)


def test_a_save_is_acknowledged_with_its_revision(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    saved = hospital.save(student, attempt, "Bloc de branche gauche", picked=["LBBB", "SINUS_RHYTHM", "LBBB"])
    stored = answers(hospital, attempt)[0]
    assert saved == stored
    assert (stored.text, stored.concept_ids) == ("Bloc de branche gauche", ["LBBB", "SINUS_RHYTHM"])
    assert (stored.revision, stored.saved_at) == (1, hospital.clock())


def test_a_save_from_a_second_device_that_has_not_seen_the_first_is_refused(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "Téléphone", revision=0)
    hospital.save(student, attempt, "Téléphone, suite", revision=1)
    with pytest.raises(ConflictError) as caught:
        hospital.save(student, attempt, "Ordinateur", revision=0)
    assert (caught.value.code, caught.value.current) == ("answer_changed", 2)
    assert answers(hospital, attempt)[0].text == "Téléphone, suite"
    assert hospital.save(student, attempt, "Ordinateur", revision=2).revision == 3


def test_of_eight_saves_of_one_revision_at_once_one_is_kept(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    saved, refused = all_at_once(lambda number: hospital.save(student, attempt, f"Version {number}").text)
    assert [error.current for error in refused if isinstance(error, ConflictError)] == [1] * 7
    assert [answer.text for answer in answers(hospital, attempt)] == saved


def test_a_save_whose_acknowledgement_was_lost_can_be_repeated(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    for _ in range(2):
        assert hospital.save(student, attempt, "BBG", picked=["LBBB"]).revision == 1


def test_a_save_costs_two_statements_and_one_commit(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "BBG")
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement.split(maxsplit=1)[0])

    def commit(_connection: object) -> None:
        seen.append("COMMIT")

    event.listen(hospital.database.engine, "before_cursor_execute", note)
    event.listen(hospital.database.engine, "commit", commit)
    hospital.save(student, attempt, "BBG, sinusal", revision=1)
    assert [each for each in seen if each != "BEGIN"] == ["SELECT", "UPDATE", "COMMIT"]


def test_a_save_names_its_faults(hospital: Hospital) -> None:
    with pytest.raises(ValidationFailedError) as caught:
        Draft.checked("x" * 20_001, ["LBBB", "NOT_A_CONCEPT"], hospital.ontology)
    assert [(".".join(p.path), p.code) for p in caught.value.problems] == [
        ("text", "too_long"),
        ("conceptIds.1", "unknown_concept"),
    ]
    assert len(Draft.checked("x" * 20_000, [], hospital.ontology).text) == 20_000


def test_a_place_beyond_the_last_case_is_missing(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    for position in (0, 2):
        with pytest.raises(NotFoundError):
            hospital.save(student, attempt, "BBG", position=position)


def test_a_save_counts_up_to_the_last_instant_before_the_deadline(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(time_limit_minutes=20), student)
    hospital.clock.pass_(minutes=20, microseconds=-1)
    hospital.save(student, attempt, "BBG")
    hospital.clock.pass_(microseconds=1)
    with pytest.raises(ConflictError, match="deadline_passed"):
        hospital.save(student, attempt, "BBG, rythme sinusal", revision=1)
    assert answers(hospital, attempt)[0].text == "BBG"


def test_nothing_is_saved_after_handing_in(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.submissions.submit(student, attempt.id or 0, "key")
    with pytest.raises(ConflictError, match="already_submitted"):
        hospital.save(student, attempt, "BBG")


def test_the_faults_of_an_endless_list_are_named_in_few_words(hospital: Hospital) -> None:
    codes = [f"unknown {number % 5_000}" for number in range(20_000)]
    with pytest.raises(ValidationFailedError) as refusal:
        Draft.checked("", codes, hospital.ontology)
    problems = refusal.value.problems
    assert (problems[0].code, len(problems)) == ("too_many_concepts", 101)
