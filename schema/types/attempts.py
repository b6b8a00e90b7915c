"""Attempts as students and teachers see them. Until corrected, nothing here leads to the key."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

import strawberry

from schema.context import Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.contests import contests_of_answers
from schema.loaders.training import (
    PinnedItem,
    answered_counts,
    attempts_by_id,
    attempts_of_students,
    items_of_attempts,
    trainings_by_id,
)
from schema.messages import N_
from schema.models.training import Answer as AnswerRow
from schema.models.training import Attempt as AttemptRow
from schema.models.training import SessionStatus, SubmissionCause, TrainingSession
from schema.services.attempts import Standing
from schema.services.revisions import pinned_recordings
from schema.types.accounts import Account
from schema.types.base import Node, global_id
from schema.types.concepts import Concept
from schema.types.contests import Contest
from schema.types.enums import describe_enum
from schema.types.grades import Grade
from schema.types.outlines import SessionOutline, outline_of
from schema.types.recordings import Recording

ANONYMOUS_CASE = N_("Case {number}")
ANONYMOUS_RECORDING = N_("ECG {number}")

describe_enum(
    SubmissionCause,
    "SubmissionCause",
    "Who ended an attempt.",
    "The student handed it in.",
    "The time was up: what had been saved by then counts.",
)


class AttemptState(StrEnum):
    """Where an attempt stands."""

    OPEN = "open"
    SUBMITTED = "submitted"


describe_enum(
    AttemptState,
    "AttemptState",
    "Where an attempt stands.",
    "The student is at work.",
    "Handed in, by the student or by the deadline.",
)


@strawberry.type(description="What a student wrote about one case.")
class Answer(Node):
    """An answer; its mark is null until it may be seen."""

    row: strawberry.Private[AnswerRow]
    position: int = strawberry.field(description="The case's place in the session, counted from 1.")
    text: str = strawberry.field(description="What the student wrote, as last acknowledged.")
    concept_codes: list[str] = strawberry.field(description="Codes of the concepts the student picked.")
    revision: int = strawberry.field(description="Counts acknowledged saves; a save must name it.")
    saved_at: datetime | None = strawberry.field(description="When it was last saved; null before that.")

    @strawberry.field(description="The concepts the student picked.")
    def concepts(self, info: Info) -> list[Concept]:
        """Look them up."""
        return [Concept.coded(code, info.context) for code in self.row.concept_ids]

    @strawberry.field(
        description="0-100; null until the viewer may see it, and where nothing of the key can be scored."
    )
    async def score(self, info: Info) -> float | None:
        """Show the mark to whom it may be shown."""
        return self.row.score if await self._shown(info) else None

    @strawberry.field(description="The mark and its reasons; null until the viewer may see them.")
    async def grade(self, info: Info) -> Grade | None:
        """Show the reasons to whom they may be shown."""
        if self.row.grade is None or not await self._shown(info):
            return None
        made = await info.context.loaders.of(contests_of_answers).load(self.row.id or 0)
        contests = [Contest.of(row, self) for row in made]
        return Grade.of(self.row.grade, self.row.text, info, contests, self.row.comment)

    @strawberry.field(description="The attempt it is part of.")
    async def attempt(self, info: Info) -> "Attempt":
        """Load the attempt."""
        return Attempt.of(await info.context.loaders.of(attempts_by_id).load(self.row.attempt_id))

    async def _shown(self, info: Info) -> bool:
        return await sees_key(info, await info.context.loaders.of(attempts_by_id).load(self.row.attempt_id))

    @classmethod
    def of(cls, row: AnswerRow) -> "Answer":
        """Return the node of a row."""
        return cls(
            id=global_id("Answer", row.id or 0),
            row=row,
            position=row.position,
            text=row.text,
            concept_codes=row.concept_ids,
            revision=row.revision,
            saved_at=row.saved_at,
        )


@strawberry.type(description="One case of an attempt: what there is to read, and the answer.")
class AttemptItem:
    """A case without its key."""

    position: int = strawberry.field(description="The case's place in the session, counted from 1.")
    title: str = strawberry.field(
        description="The case's title; « Case 1 » while the session keeps titles from students."
    )
    description: str = strawberry.field(description="The clinical setting.")
    recordings: list[Recording] = strawberry.field(description="The ECGs, in order.")
    answer: Answer = strawberry.field(description="What the student wrote.")

    @classmethod
    def of(cls, item: PinnedItem, info: Info, *, named: bool) -> "AttemptItem":
        """Return an item; `named` reveals its title and its recordings' labels."""
        say, position = info.context.translate, item.answer.position
        recordings = [Recording.of(row) for row in pinned_recordings(item.snapshot)]
        if not named:
            recordings = [
                replace(recording, label=say(ANONYMOUS_RECORDING).format(number=number))
                for number, recording in enumerate(recordings, start=1)
            ]
        return cls(
            position=position,
            title=item.snapshot["name"] if named else say(ANONYMOUS_CASE).format(number=position),
            description=item.snapshot["description"],
            recordings=recordings,
            answer=Answer.of(item.answer),
        )


@strawberry.type(description="One student's go at a session.")
class Attempt(Node):
    """An attempt; the server's clock alone decides when it ends."""

    row: strawberry.Private[AttemptRow]
    number: int = strawberry.field(description="Counted from 1 for the student in the session.")
    started_at: datetime = strawberry.field(description="When it was begun.")
    deadline_at: datetime = strawberry.field(description="When it is handed in by itself.")
    submitted_at: datetime | None = strawberry.field(description="When it was handed in; null while open.")
    submission_cause: SubmissionCause | None = strawberry.field(
        description="Who handed it in; null while open."
    )
    state: AttemptState = strawberry.field(description="Where it stands.")

    @strawberry.field(description="Who takes it.")
    async def student(self, info: Info) -> Account:
        """Load the student."""
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.account_id))

    @strawberry.field(description="What it is an attempt at.")
    async def outline(self, info: Info) -> SessionOutline:
        """Load the session's outline."""
        return await outline_of(info, self.row.session_id)

    @strawberry.field(description="The server's clock, for a countdown.")
    def server_time(self, info: Info) -> datetime:
        """Ask the clock."""
        return info.context.services.clock()

    @strawberry.field(description="Whole seconds left by the server's clock; 0 once handed in.")
    def remaining_seconds(self, info: Info) -> int:
        """Ask the clock."""
        left = self.row.deadline_at - info.context.services.clock()
        return 0 if self.row.submitted_at else max(0, int(left.total_seconds()))

    @strawberry.field(description="The cases in order, each with the student's answer.")
    async def items(self, info: Info) -> list[AttemptItem]:
        """Load the items, with what the viewer may see of each."""
        training = await info.context.loaders.of(trainings_by_id).load(self.row.session_id)
        named = not training.anonymise_titles or await sees_key(info, self.row)
        items = await info.context.loaders.of(items_of_attempts).load(self.row.id or 0)
        return [AttemptItem.of(item, info, named=named) for item in items]

    @strawberry.field(description="How many answers are not blank.")
    async def answered_count(self, info: Info) -> int:
        """Count."""
        return await info.context.loaders.of(answered_counts).load(self.row.id or 0)

    @strawberry.field(
        description="0-100, the mean over its cases that have a mark; null until the viewer may see it, and "
        "where none has."
    )
    async def score(self, info: Info) -> float | None:
        """Show the mark to whom it may be shown."""
        return self.row.score if await sees_key(info, self.row) else None

    @strawberry.field(description="Whether the viewer may see marks and feedback.")
    async def feedback_shown(self, info: Info) -> bool:
        """Tell a submitted attempt that is shown from one that is not."""
        return self.row.submitted_at is not None and await sees_key(info, self.row)

    @strawberry.field(description="Whether the viewer may contest what its marks say.")
    async def may_contest(self, info: Info) -> bool:
        """Tell the student of a corrected attempt from those who look on."""
        training, standing = await _standing(info, self.row)
        put_away = training.status == SessionStatus.ARCHIVED.value
        corrected = self.row.submitted_at is not None and await sees_key(info, self.row)
        return standing.acts and corrected and not put_away

    @classmethod
    def of(cls, row: AttemptRow) -> "Attempt":
        """Return the node of a row."""
        return cls(
            id=global_id("Attempt", row.id or 0),
            row=row,
            number=row.number,
            started_at=row.started_at,
            deadline_at=row.deadline_at,
            submitted_at=row.submitted_at,
            submission_cause=SubmissionCause(row.submission_cause) if row.submission_cause else None,
            state=AttemptState.OPEN if row.submitted_at is None else AttemptState.SUBMITTED,
        )


async def sees_key(info: Info, attempt: AttemptRow) -> bool:
    """Return whether the viewer may see titles, marks and feedback of an attempt."""
    training, standing = await _standing(info, attempt)
    place = (attempt.session_id, attempt.account_id)
    siblings = await info.context.loaders.of(attempts_of_students).load(place)
    another_open = any(each.submitted_at is None and each.id != attempt.id for each in siblings)
    return standing.sees_key(attempt, training, another_open=another_open)


async def _standing(info: Info, attempt: AttemptRow) -> tuple[TrainingSession, Standing]:
    """Return an attempt's session and what the viewer is to the attempt."""
    training = await info.context.loaders.of(trainings_by_id).load(attempt.session_id)
    student = await info.context.loaders.of(accounts_by_id).load(attempt.account_id)
    viewer = info.context.viewer
    return training, Standing.of(viewer, attempt.account_id, student.managed_by, training.owner_id)
