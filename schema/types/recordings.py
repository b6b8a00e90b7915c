"""Recordings as the API shows them."""

from enum import StrEnum
from typing import Any

import strawberry
from sqlalchemy import Row

from schema.context import Info
from schema.models import cases as models
from schema.models.cases import RecordingTiming
from schema.services.intake import THUMBNAIL_MEDIA_TYPE
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum

describe_enum(
    RecordingTiming,
    "RecordingTiming",
    "When in the patient's course a recording was taken.",
    "At first contact.",
    "After treatment.",
    "As a control.",
    "During follow-up.",
)


class RecordingKind(StrEnum):
    """A picture or voltages."""

    IMAGE = "image"
    SIGNAL = "signal"


describe_enum(
    RecordingKind,
    "RecordingKind",
    "What a recording is made of.",
    "A picture of an ECG; its scale is unknown.",
    "Voltages, drawn on calibrated paper.",
)


@strawberry.type(description="How far a lead could be followed on paper: shares of its length, 0 to 1.")
class PaperLead:
    """A lead and how far it can be believed."""

    lead: str = strawberry.field(description="The lead.")
    followed: float = strawberry.field(description="Where it has ink of its own; the rest is bridged.")
    ambiguous: float = strawberry.field(description="Where its ink and another row's are one.")
    off_paper: float = strawberry.field(description="Where it reaches the edge of the paper.")


@strawberry.type(
    description="How a signal was read off a picture of paper; it was not measured, and a pen hides much."
)
class PaperSource:
    """A page as it was read."""

    layout: str = strawberry.field(description="Rows, columns and strips of the page, such as 3x4+1.")
    speed: float = strawberry.field(description="Millimetres a second.")
    gain: float = strawberry.field(description="Millimetres a millivolt.")
    point_count: int = strawberry.field(description="Points that a person set the curves to go through.")
    leads: list[PaperLead] = strawberry.field(description="Each lead of the signal.")

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "PaperSource":
        """Return what is kept of a signal."""
        return cls(
            layout=kept["layout"],
            speed=kept["speed_mm_s"],
            gain=kept["gain_mm_mv"],
            point_count=len(kept["points"]),
            leads=[PaperLead(lead=lead, **shares) for lead, shares in kept["quality"].items()],
        )


@strawberry.type(description="One ECG of a case.")
class Recording(Node):
    """An ECG: what the browser shows, its thumbnail, and for authors the de-identified original."""

    row: strawberry.Private[Row[Any] | models.Recording]
    label: str = strawberry.field(description="Its name within the case, such as ECG_01.")
    timing: RecordingTiming = strawberry.field(description="When in the patient's course it was taken.")
    position: int = strawberry.field(description="Its place among the case's recordings, counted from 0.")
    kind: RecordingKind = strawberry.field(description="What it is made of.")
    media_type: str = strawberry.field(description="Of the original.")
    width: int = strawberry.field(description="Of the rendering, in pixels.")
    height: int = strawberry.field(description="Of the rendering, in pixels.")
    pixels_per_mm: float | None = strawberry.field(
        description="Scale of the rendering, at 25 mm/s and 10 mm/mV; null where it is unknown."
    )
    sampling_rate_hz: float | None = strawberry.field(description="Of a signal, in hertz.")
    duration_seconds: float | None = strawberry.field(description="Of a signal, in seconds.")
    leads: list[str] = strawberry.field(description="Of a signal, in its order; empty for a picture.")

    paper: PaperSource | None = strawberry.field(
        description="Of a signal that was read off a picture of paper: how; null for one that was measured."
    )

    @strawberry.field(description="Short-lived address of what the browser shows.")
    def rendering_url(self, info: Info) -> str:
        """Sign a link to the rendering."""
        return info.context.services.sign_link(self.row.rendering_key, self.row.rendering_media_type)

    @strawberry.field(description="Short-lived address of a small picture, about 480 pixels wide.")
    def thumbnail_url(self, info: Info) -> str:
        """Sign a link to the thumbnail."""
        return info.context.services.sign_link(self.row.thumbnail_key, THUMBNAIL_MEDIA_TYPE)

    @strawberry.field(
        description="Short-lived address of the de-identified original, edited if it is a picture that was; "
        "null unless for authors."
    )
    def original_url(self, info: Info) -> str | None:
        """Sign a link to the original for those who write cases."""
        if not info.context.viewer.is_author:
            return None
        return info.context.services.sign_link(self.row.original_key, self.row.media_type)

    @classmethod
    def of(cls, row: Row[Any] | models.Recording) -> "Recording":
        """Return the node of a row, or of a recording in a kept revision."""
        return cls(
            id=global_id("Recording", row.id or 0),
            row=row,
            label=row.label,
            timing=RecordingTiming(row.timing),
            position=row.position,
            kind=RecordingKind(row.kind),
            media_type=row.media_type,
            width=row.width,
            height=row.height,
            pixels_per_mm=row.pixels_per_mm,
            sampling_rate_hz=row.sampling_rate_hz,
            duration_seconds=row.duration_s,
            leads=row.leads,
            paper=None if row.paper is None else PaperSource.of(row.paper),
        )
