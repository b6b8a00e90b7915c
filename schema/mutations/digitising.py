"""Having pictures of paper read as signals, and keeping what was read."""

from typing import Annotated

import strawberry

from ml.ecg.digitising.layouts import LayoutName
from schema.context import Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.digitising import Told
from schema.types.base import local_key
from schema.types.cases import Case
from schema.types.digitising import digitisations_for
from schema.types.jobs import Job


@strawberry.input(description="A point of the picture that the curve of a row goes through.")
class PaperPointInput:
    """A correction by hand."""

    row: int = strawberry.field(description="The row of the page, counted from 0 at the top.")
    x: float = strawberry.field(description="Pixels of the rendering, from the left.")
    y: float = strawberry.field(description="Pixels of the rendering, from the top.")


@strawberry.input(description="A picture of paper, and what is known of the page.")
class DigitiseRecordingInput:
    """A picture to read; each time from the picture, with all that is told of it."""

    recording_id: strawberry.ID = strawberry.field(description="A picture of one of the viewer's cases.")
    idempotency_key: str = strawberry.field(
        description="Yours; the same request under it answers with the same job, another one is refused."
    )
    layout: LayoutName | None = strawberry.field(
        default=None, description="The layout; told from the rows when left out."
    )
    cabrera: bool = strawberry.field(
        default=False,
        description="Whether limb leads are in the order of Cabrera: aVL, I, -aVR, II, aVF, III.",
    )
    leads: list[str] | None = strawberry.field(
        default=None,
        description="The lead of every stretch, row by row and then the strips, where it is another than the "
        "layout's; needs `layout`.",
    )
    speed: float = strawberry.field(default=25.0, description="Millimetres a second, 5 to 100.")
    gain: float | None = strawberry.field(
        default=None,
        description="Millimetres a millivolt, 1 to 40; when left out, told from the pulse, or 10.",
    )
    points: list[PaperPointInput] = strawberry.field(
        default_factory=list,
        description="Points that curves go through, at most 200: the signal is read anew through them.",
    )


@strawberry.input(description="A reading of a picture to keep.")
class KeepDigitisationInput:
    """Which reading."""

    recording_id: strawberry.ID = strawberry.field(description="The picture.")
    job_id: strawberry.ID = strawberry.field(description="The reading, by its job, as it was looked at.")


DigitiseRecordingResult = Annotated[
    Job | Refusal,
    strawberry.union("DigitiseRecordingResult", description="The job to follow, or why there is none."),
]
KeepDigitisationResult = Annotated[
    Case | Refusal,
    strawberry.union("KeepDigitisationResult", description="The case with the signal, or why it was left."),
]


@strawberry.type
class DigitisingMutations:
    """Paper to signal."""

    @mutation_field(
        Scope.CASES_WRITE,
        "Reads a picture of paper as a signal, which is proposed until it is kept; see `digitisation`.",
    )
    async def digitise_recording(
        self,
        info: Info,
        input: DigitiseRecordingInput,  # noqa: A002
    ) -> DigitiseRecordingResult:
        """Queue the reading."""
        key, context = local_key(input.recording_id, "Recording"), info.context
        told = Told(
            layout=input.layout,
            cabrera=input.cabrera,
            leads=input.leads,
            speed_mm_s=input.speed,
            gain_mm_mv=input.gain,
            points=[(point.row, point.x, point.y) for point in input.points],
        )
        row = await context.write(
            lambda session: digitisations_for(session, context).ask(key, told, input.idempotency_key)
        )
        return Job.of(row)

    @mutation_field(
        Scope.CASES_WRITE,
        "Adds what a picture was read as to its case: a signal behind the picture, marked as read off paper.",
    )
    async def keep_digitisation(self, info: Info, input: KeepDigitisationInput) -> KeepDigitisationResult:  # noqa: A002
        """Keep the reading that was looked at."""
        key, job = local_key(input.recording_id, "Recording"), local_key(input.job_id, "Job")
        context = info.context
        case = await context.write(lambda session: digitisations_for(session, context).keep(key, job))
        return Case.of(case)
