"""The scale's complaints, what a note says of a visit, and patients to train on."""

from typing import Annotated

import strawberry
from anyio import to_thread

from ml.triage.note_model import NoteReader
from ml.triage.notes import LONGEST_NOTE
from ml.triage.patients import patients
from ml.triage.scale import french
from schema.context import Info
from schema.errors import NotFoundError, ValidationFailedError
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.text import storable
from schema.services.triage_training import class_figures
from schema.types.base import local_key
from schema.types.triage import TriageComplaint, TriageNote
from schema.types.triage_training import (
    TriageClassFigures,
    TriagePatient,
    TriageTrainingRecord,
    training_for,
)

StudentId = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="The account of a participant, for the outside system that enrolled them; the viewer's "
        "own when left out."
    ),
]


@strawberry.type
class TriageQueries:
    """Queries about triage."""

    @query_field(Scope.TRIAGE, "The chief complaints of the FRENCH scale, in its order.")
    async def triage_complaints(self, info: Info) -> list[TriageComplaint]:
        """Return all of them."""
        return [TriageComplaint.of(code, info.context) for code in french().complaints]

    @query_field(Scope.TRIAGE, "One complaint by its name; null when there is none.")
    async def triage_complaint(
        self, info: Info, code: Annotated[str, strawberry.argument(description="The complaint's name.")]
    ) -> TriageComplaint | None:
        """Return one of them."""
        if code not in french().complaints:
            raise NotFoundError
        return TriageComplaint.of(code, info.context)

    @query_field(
        Scope.TRIAGE,
        "Vital signs and the complaint as a free note states them, for a person to confirm. Nothing is kept; "
        "a language model, where one is configured, reads it without names beside the rules.",
    )
    async def triage_note(
        self,
        info: Info,
        text: Annotated[str, strawberry.argument(description="The note, at most 5,000 characters.")],
        *,
        with_language_model: Annotated[
            bool,
            strawberry.argument(description="Whether a language model may read it too, if there is one."),
        ] = True,
    ) -> TriageNote:
        """Read the note."""
        if len(text) > LONGEST_NOTE:
            raise ValidationFailedError.of("text", "too_long", maximum=LONGEST_NOTE)
        services = info.context.services
        notes = services.notes if with_language_model else NoteReader()
        masker = services.shelf.current.masker
        reading = await to_thread.run_sync(
            notes.read, storable(text), masker, limiter=services.limiter(notes)
        )
        return TriageNote.of(reading, info.context)

    @query_field(Scope.ATTEMPTS_READ, "The patients to train triage on.")
    async def triage_patients(self) -> list[TriagePatient]:
        """Return all of them, without the key."""
        return [TriagePatient.of(each) for each in patients().values()]

    @query_field(Scope.ATTEMPTS_READ, "One patient by its name; null when there is none.")
    async def triage_patient(
        self, code: Annotated[str, strawberry.argument(description="The patient's name.")]
    ) -> TriagePatient | None:
        """Return one of them, without the key."""
        found = patients().get(code)
        return TriagePatient.of(found) if found else None

    @query_field(
        Scope.ATTEMPTS_READ,
        "The patient to triage next: one that was not yet, in an order of one's own; once all were, the one "
        "that was longest ago.",
    )
    async def next_triage_patient(self, info: Info, student_id: StudentId = None) -> TriagePatient | None:
        """Choose it."""
        key = _account(student_id)
        found = await info.context.read(lambda session: training_for(session, info).following(key))
        return TriagePatient.of(found)

    @query_field(Scope.ATTEMPTS_READ, "How one triages: figures and all answers.")
    async def triage_training(self, info: Info, student_id: StudentId = None) -> TriageTrainingRecord | None:
        """Sum up."""
        key = _account(student_id)
        figures = await info.context.read(lambda session: training_for(session, info).figures(key))
        return TriageTrainingRecord.of(figures, key)

    @query_field(Scope.STATISTICS_READ, "How students triage the authored patients, without anybody's name.")
    async def triage_class_figures(self, info: Info) -> TriageClassFigures:
        """Sum up."""
        return TriageClassFigures.of(await info.context.read(class_figures))


def _account(identifier: strawberry.ID | None) -> int | None:
    return None if identifier is None else local_key(identifier, "Account")
