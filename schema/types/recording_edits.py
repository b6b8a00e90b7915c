"""Edits of the pictures of recordings as the API shows them."""

from base64 import b64encode
from dataclasses import asdict

import strawberry
from sqlmodel import Session
from strawberry import UNSET

from ml.ecg.decoding import Decoded
from ml.ecg.editing import Crop, Mask, Rotate, Step, Straighten
from ml.ecg.editing import Proposal as Found
from schema.context import Context, Info
from schema.models import cases as models
from schema.services.recording_edits import RecordingEdits, unedited
from schema.services.recordings import Recordings
from schema.types.cases import cases_for
from schema.types.recordings import Recording

_SHARE = "A share of the picture as it stands at the step, 0 to 1, from its upper left corner."


@strawberry.input(description="A part of a picture.")
class FrameInput:
    """Four sides."""

    left: float = strawberry.field(description=_SHARE)
    top: float = strawberry.field(description=_SHARE)
    right: float = strawberry.field(description=_SHARE)
    bottom: float = strawberry.field(description=_SHARE)


@strawberry.input(one_of=True, description="One thing done to a picture.")
class EditStepInput:
    """Exactly one of these."""

    crop: FrameInput | None = strawberry.field(
        default=UNSET, description="Keep this part, at least a hundredth of each side."
    )
    rotate: int | None = strawberry.field(default=UNSET, description="Turn clockwise by 1 to 3 quarters.")
    straighten: float | None = strawberry.field(
        default=UNSET, description="Turn clockwise by degrees, -15 to 15; the picture grows by white corners."
    )
    mask: FrameInput | None = strawberry.field(default=UNSET, description="Paint this part black.")

    def written(self) -> dict[str, object]:
        """Return the step as `ml.ecg.editing.parse` reads it."""
        frames = {"crop": self.crop, "mask": self.mask}
        for name, frame in frames.items():
            if frame:
                return {name: vars(frame)}
        if self.rotate is not UNSET:
            return {"rotate": {"quarters": self.rotate}}
        return {"straighten": {"degrees": self.straighten}}


@strawberry.type(description="A part of a picture.")
class Frame:
    """Four sides."""

    left: float = strawberry.field(description=_SHARE)
    top: float = strawberry.field(description=_SHARE)
    right: float = strawberry.field(description=_SHARE)
    bottom: float = strawberry.field(description=_SHARE)


@strawberry.type(description="One thing done to a picture: all but one of these are null.")
class EditStep:
    """The fields of `EditStepInput`."""

    crop: Frame | None = strawberry.field(default=None, description="This part was kept.")
    rotate: int | None = strawberry.field(default=None, description="Turned clockwise by so many quarters.")
    straighten: float | None = strawberry.field(default=None, description="Turned clockwise by degrees.")
    mask: Frame | None = strawberry.field(default=None, description="This part was painted black.")

    @classmethod
    def of(cls, step: Step) -> "EditStep":
        """Return a step."""
        match step:
            case Rotate(quarters):
                return cls(rotate=quarters)
            case Straighten(degrees):
                return cls(straighten=degrees)
            case Crop():
                return cls(crop=Frame(**asdict(step)))
            case Mask():
                return cls(mask=Frame(**asdict(step)))


@strawberry.type(description="How a picture was edited: for those who may change its case alone.")
class RecordingEdit:
    """The steps, and the picture before them."""

    row: strawberry.Private[models.Recording]
    steps: list[EditStep] = strawberry.field(description="What was done, in order; empty when nothing was.")

    @strawberry.field(description="The recording, which shows the edited picture.")
    def recording(self) -> Recording:
        """Return the node."""
        return Recording.of(self.row)

    @strawberry.field(description="Short-lived address of the picture before it was edited.")
    def unedited_url(self, info: Info) -> str:
        """Sign a link to the picture before."""
        return info.context.services.sign_link(unedited(self.row).key, self.row.media_type)

    @classmethod
    def of(cls, row: models.Recording) -> "RecordingEdit":
        """Return the edit of a row."""
        return cls(row=row, steps=[EditStep.of(step) for step in unedited(row).steps])


@strawberry.type(description="How a picture would look after steps; nothing of it is kept.")
class RecordingEditPreview:
    """A small picture."""

    media_type: str = strawberry.field(description="Of the bytes.")
    width: int = strawberry.field(description="In pixels, at most 1,600.")
    height: int = strawberry.field(description="In pixels, at most 1,600.")
    base64: str = strawberry.field(description="The bytes in Base64.")

    @classmethod
    def of(cls, shown: Decoded) -> "RecordingEditPreview":
        """Return a preview."""
        said = b64encode(shown.rendering).decode()
        return cls(media_type=shown.rendering_media_type, width=shown.width, height=shown.height, base64=said)


@strawberry.type(description="What would lay a picture straight.")
class RecordingEditProposal:
    """Steps to add."""

    found: bool = strawberry.field(description="Whether the picture has a grid to go by.")
    steps: list[EditStep] = strawberry.field(
        description="What to do after the steps given; empty where it is straight and cropped already."
    )

    @classmethod
    def of(cls, found: Found) -> "RecordingEditProposal":
        """Return a proposal."""
        return cls(found=found.found, steps=[EditStep.of(step) for step in found.steps])


def edits_for(session: Session, context: Context) -> RecordingEdits:
    """Return the viewer's way to the edits of pictures."""
    cases = cases_for(session, context)
    recordings = Recordings(session, cases, context.services.clock)
    return RecordingEdits(session, context.viewer, cases, recordings)
