from dataclasses import dataclass
from typing import Any, cast

import pytest
from sqlmodel import select

from ml.language.commenting import Comment, Commenter
from ml.language.grading import Grade
from ml.language.types import Language
from schema.models.training import Answer, Attempt
from schema.models.work import Event, Job
from schema.services.attempts import topic
from schema.services.commenting import COMMENT_JOB, Comments
from schema.services.grading import Grader
from schema.services.jobs import run_due
from schema.services.shelf import Matchers, Shelf
from schema.services.submission import Submissions
from schema.subscriptions.sessions import SessionActivity
from tests.schema.training import Hospital, answers


@dataclass
class Scripted:
    """Stands for a commenter with a model behind it; keeps what it was asked."""

    says: Comment | None
    asked: list[tuple[str, Language]]

    def comment(self, text: str, grade: Grade, language: Language) -> Comment | None:
        assert grade.items
        self.asked.append((text, language))
        return self.says


GOOD = Comment("Regarde la branche gauche.", "toy-7b")


@pytest.fixture
def scripted() -> Scripted:
    return Scripted(GOOD, [])


@pytest.fixture
def shelf(hospital: Hospital, scripted: Scripted) -> Shelf:
    matchers = Matchers(hospital.matcher, hospital.matcher, cast("Commenter", scripted))
    return Shelf(hospital.database, hospital.ontology, lambda _: matchers)


def handed_in(hospital: Hospital, shelf: Shelf, text: str = "Rythme sinusal") -> Attempt:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, text)
    submissions = Submissions(hospital.database, hospital.clock, Grader(shelf))
    return submissions.submit(student, attempt.id or 0, "key")


def work(hospital: Hospital, shelf: Shelf) -> int:
    comments = Comments(hospital.database, hospital.clock, shelf)
    return run_due(hospital.database, {COMMENT_JOB: comments.write}, hospital.clock, 10)


def stored(hospital: Hospital, table: type[Any]) -> list[Any]:
    with hospital.database.read() as session:
        return list(session.exec(select(table)))


def test_an_answer_gets_its_comment_after_it_was_handed_in(
    hospital: Hospital, shelf: Shelf, scripted: Scripted
) -> None:
    attempt = handed_in(hospital, shelf)
    assert scripted.asked == []
    assert work(hospital, shelf) == 1
    (answer,) = answers(hospital, attempt)
    assert answer.comment == {"text": GOOD.text, "model": "toy-7b"}
    assert scripted.asked == [("Rythme sinusal", "fr")]
    told = [each for each in stored(hospital, Event) if each.topic == topic(attempt.session_id)]
    assert [SessionActivity.of(each).kind.value for each in told] == [
        "started",
        "saved",
        "submitted",
        "commented",
    ]


def test_the_job_done_twice_asks_once(hospital: Hospital, shelf: Shelf, scripted: Scripted) -> None:
    handed_in(hospital, shelf)
    work(hospital, shelf)
    (job,) = [each for each in stored(hospital, Job) if each.kind == COMMENT_JOB]
    with hospital.database.write() as session:
        again = session.get_one(Job, job.id)
        again.state = "queued"
        session.add(again)
    work(hospital, shelf)
    assert len(scripted.asked) == 1


def test_an_answer_without_words_is_not_commented_on(
    hospital: Hospital, shelf: Shelf, scripted: Scripted
) -> None:
    handed_in(hospital, shelf, " ")
    work(hospital, shelf)
    assert scripted.asked == []


def test_a_model_that_says_nothing_leaves_the_answer_as_it_is(
    hospital: Hospital, shelf: Shelf, scripted: Scripted
) -> None:
    scripted.says = None
    attempt = handed_in(hospital, shelf)
    work(hospital, shelf)
    assert [each.comment for each in answers(hospital, attempt)] == [None]


def test_without_a_model_nothing_is_queued(hospital: Hospital) -> None:
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "Rythme sinusal")
    hospital.submissions.submit(student, attempt.id or 0, "key")
    assert [each.kind for each in stored(hospital, Job) if each.kind == COMMENT_JOB] == []
    assert [each.comment for each in stored(hospital, Answer)] == [None]
