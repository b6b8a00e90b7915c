"""Pictures of paper read as signals, as the API shows them."""

import strawberry
from sqlmodel import Session

from ml.ecg.digitising.layouts import LayoutName
from schema.context import Context, Info
from schema.errors import ValidationFailedError
from schema.messages import text_of
from schema.models import cases as models
from schema.services.digitising import Digitisations
from schema.services.intake import limits_of
from schema.types.base import global_id
from schema.types.cases import cases_for
from schema.types.enums import describe_enum
from schema.types.recordings import PaperSource

describe_enum(
    LayoutName,
    "PaperLayout",
    "How leads are printed on a page of ten seconds.",
    "Three rows of four leads.",
    "Three rows of four leads and one strip.",
    "Three rows of four leads and two strips.",
    "Three rows of four leads and three strips.",
    "Six rows of two leads.",
    "Six rows of two leads and one strip.",
    "Twelve rows of one lead.",
    "Six rows of one lead.",
)


@strawberry.type(description="A point that a curve was told to go through.")
class PaperPoint:
    """A row and a place."""

    row: int = strawberry.field(description="The row of the page, counted from 0 at the top.")
    x: float = strawberry.field(description="Pixels of the rendering, from the left.")
    y: float = strawberry.field(description="Pixels of the rendering, from the top.")


@strawberry.type(description="What was told of a page before it was read.")
class PaperTold:
    """What the viewer knew."""

    layout: LayoutName | None = strawberry.field(description="The layout; null to tell it from the rows.")
    cabrera: bool = strawberry.field(description="Whether limb leads are in the order of Cabrera.")
    leads: list[str] | None = strawberry.field(description="The lead of every stretch, where it was told.")
    speed: float = strawberry.field(description="Millimetres a second.")
    gain: float | None = strawberry.field(
        description="Millimetres a millivolt; null to tell it from the pulse."
    )


@strawberry.type(description="A stretch of a lead as it was followed on the picture.")
class PaperTrace:
    """A trace over its picture."""

    lead: str = strawberry.field(description="The lead.")
    row: int = strawberry.field(description="The row of the page, counted from 0 at the top.")
    column: int = strawberry.field(description="Its place in the row, counted from 0; 0 for a strip.")
    start_seconds: float = strawberry.field(description="When it begins.")
    seconds: float = strawberry.field(description="How long it is.")
    followed: float = strawberry.field(description="Where it has ink of its own: 0 to 1.")
    ambiguous: float = strawberry.field(description="Where its ink and another row's are one: 0 to 1.")
    off_paper: float = strawberry.field(description="Where it reaches the edge of the paper: 0 to 1.")
    path: str = strawberry.field(
        description="SVG path data in pixels of the rendering; interrupted where nothing was followed."
    )


@strawberry.type(
    description="What a picture of paper was last read as: a proposal, until its owner keeps it."
)
class Digitisation:
    """A reading of a picture."""

    row: strawberry.Private[models.Digitisation]
    job_id: strawberry.ID = strawberry.field(description="The job that reads it, which names this reading.")
    current: bool = strawberry.field(description="Whether the picture is still the one that was read.")
    told: PaperTold = strawberry.field(description="What was told of the page.")
    points: list[PaperPoint] = strawberry.field(description="Points that curves were told to go through.")
    code: str | None = strawberry.field(
        description="Why it could not be read, machine-readable; null otherwise."
    )
    paper: PaperSource | None = strawberry.field(description="How it was read; null before that.")
    pulse_mm: float | None = strawberry.field(
        name="pulseMillimetres", description="How high the calibration pulse is; null where there is none."
    )
    traces: list[PaperTrace] = strawberry.field(description="The stretches, row by row, then the strips.")

    @strawberry.field(description="Why it could not be read, in the viewer's language; null otherwise.")
    def message(self, info: Info) -> str | None:
        """Word the failure."""
        return worded_failure(info, self.row.failure) if self.row.failure else None

    @classmethod
    def of(cls, found: tuple[models.Digitisation, models.Recording]) -> "Digitisation":
        """Return a reading and whether its picture is still the same."""
        row, picture = found
        asked, paper = row.asked, row.found["paper"] if row.found else None
        return cls(
            row=row,
            job_id=global_id("Job", row.job_id),
            current=row.picture_key == picture.rendering_key,
            told=PaperTold(
                layout=None if asked["layout"] is None else LayoutName(asked["layout"]),
                cabrera=asked["cabrera"],
                leads=asked["leads"],
                speed=asked["speed_mm_s"],
                gain=asked["gain_mm_mv"],
            ),
            points=[PaperPoint(row=each[0], x=each[1], y=each[2]) for each in asked["points"]],
            code=row.failure,
            paper=PaperSource.of(paper) if paper else None,
            pulse_mm=paper["pulse_mm"] if paper else None,
            traces=[_trace(each) for each in paper["traces"]] if paper else [],
        )


def worded_failure(info: Info, code: str) -> str:
    """Return why a picture could not be read, in the viewer's language."""
    sentence, values = text_of(ValidationFailedError.of("recordingId", code, **limits_of(code)).problems[0])
    return info.context.translate(sentence).format(**values)


def _trace(kept: dict[str, object]) -> PaperTrace:
    seconds = {"start_seconds": kept["start_s"]}
    return PaperTrace(**{name: value for name, value in kept.items() if name != "start_s"}, **seconds)  # type: ignore[arg-type]


def digitisations_for(session: Session, context: Context) -> Digitisations:
    """Return the viewer's way to what pictures were read as."""
    return Digitisations(session, context.viewer, cases_for(session, context), context.services.clock)
