"""Recording segmentations of brain tumours that any model has made."""

from collections.abc import Mapping
from datetime import date
from typing import IO, Annotated, Any

import strawberry
from anyio import to_thread
from strawberry.file_uploads import Upload

from ml.segmentation.segments import Segment
from ml.segmentation.sent import IMAGE, LABEL_MAP, PROBABILITIES
from schema.context import Info
from schema.errors import ValidationFailedError
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily
from schema.models.segmentations import SegmentationStatus
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.segmentation_input import AskedSegmentation, SentSegmentation, read_asked, read_sent
from schema.services.segmentations import Segmentations
from schema.types.base import local_key
from schema.types.segmentations import SegmentationPrediction

MOST_IMAGES = 8


@strawberry.input(description="What a number of a label map stands for.")
class SegmentLabelInput:
    """A label."""

    value: int = strawberry.field(description="The number; 0 is the background.")
    segment: Segment = strawberry.field(description="The part of the tumour.")


@strawberry.input(
    description="A segmentation of a brain tumour, made by any model. Names do not belong here: codes that "
    "look like a name, a date or a national number are refused, and of files only voxels and their places "
    "are read."
)
class RecordSegmentationInput:
    """A label map and where it comes from."""

    patient: str = strawberry.field(
        description="A code with a digit, at most 40 characters, that names nobody: `P-0042`."
    )
    examined_on: date = strawberry.field(description="The day of the images.")
    model_name: str = strawberry.field(description="What the model is called, at most 100 characters.")
    model_version: str = strawberry.field(description="Which version of it, at most 50 characters.")
    processing_seconds: float = strawberry.field(description="How long the model took.")
    status: SegmentationStatus = strawberry.field(
        default=SegmentationStatus.SUCCEEDED, description="What became of it."
    )
    label_map: Upload | None = strawberry.field(
        default=None,
        description="NIfTI, plain or gzipped, at most 200 MB; required unless the model failed.",
    )
    probabilities: Upload | None = strawberry.field(
        default=None,
        description="NIfTI with the same voxels: the probability of each voxel's label, or a channel for "
        "necrosis, oedema and enhancing tumour, after one for the background or without it.",
    )
    image: Upload | None = strawberry.field(
        default=None,
        description="NIfTI with the same voxels, without the face, to draw on; three slices of it are kept.",
    )
    labels: list[SegmentLabelInput] | None = strawberry.field(
        default=None,
        description="What numbers stand for; BraTS when left out: 1 necrosis, 2 oedema, 3 or 4 enhancing.",
    )
    physician: str | None = strawberry.field(
        default=None, description="The code of the physician in charge, as the patient's; not a name."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="At most 100 characters, the patient's own: sent again under its key, it adds nothing; "
        "another segmentation is refused.",
    )

    def sent(self) -> SentSegmentation:
        """Return it as the domain reads it."""
        labels = None if self.labels is None else {each.value: each.segment for each in self.labels}
        for each in self.labels or ():
            if labels and labels[each.value] is not each.segment:
                raise ValidationFailedError.of("labels", "label_twice", value=each.value)
        return SentSegmentation(
            patient=self.patient,
            examined_on=self.examined_on,
            model_name=self.model_name,
            model_version=self.model_version,
            processing_s=self.processing_seconds,
            status=self.status,
            physician=self.physician,
            labels=labels,
        )

    def files(self) -> Mapping[str, IO[bytes]]:
        """Return the files that were sent, by what they are called."""
        given: dict[str, Any] = {
            LABEL_MAP: self.label_map,
            PROBABILITIES: self.probabilities,
            IMAGE: self.image,
        }
        streams = {name: getattr(each, "file", each) for name, each in given.items() if each is not None}
        for name, each in streams.items():
            if not hasattr(each, "read"):
                raise ValidationFailedError.of(name, "required")
        return streams


@strawberry.input(description="An image to segment, and what it is.")
class SegmentationImageInput:
    """An image."""

    name: str = strawberry.field(description="As the model calls it: `flair`, `t1c`.")
    file: Upload = strawberry.field(description="NIfTI, plain or gzipped, at most 200 MB.")


@strawberry.input(
    description="Images of a brain that a model of this platform is to segment, all of the same voxels and "
    "without the face. Names do not belong here."
)
class PredictSegmentationInput:
    """Images and which model to ask."""

    patient: str = strawberry.field(description="A code that names nobody, as where one is recorded.")
    examined_on: date = strawberry.field(description="The day of the images.")
    images: list[SegmentationImageInput] = strawberry.field(description="At most 8.")
    physician: str | None = strawberry.field(
        default=None, description="The code of the physician in charge; not a name."
    )
    alias: ModelAlias = strawberry.field(default=ModelAlias.CHAMPION, description="Which model to ask.")
    keep_images: bool = strawberry.field(
        default=False,
        description="Whether to keep the images, for a year at most, so that new versions are tried on them "
        "and learn from them with a label map that is called correct; otherwise they are forgotten. "
        "`forgetSegmentationImages` takes it back.",
    )

    def files(self) -> Mapping[str, IO[bytes]]:
        """Return the images by what they are called."""
        if not 0 < len(self.images) <= MOST_IMAGES:
            raise ValidationFailedError.of("images", "too_many", maximum=MOST_IMAGES)
        given: list[tuple[str, Any]] = [(each.name, each.file) for each in self.images]
        streams = {name: getattr(each, "file", each) for name, each in given}
        if not all(hasattr(each, "read") for each in streams.values()):
            raise ValidationFailedError.of("images", "required")
        return streams


@strawberry.input(description="Which segmentation's images to forget.")
class ForgetSegmentationImagesInput:
    """A segmentation."""

    prediction_id: strawberry.ID = strawberry.field(description="The segmentation.")


ForgetSegmentationImagesResult = Annotated[
    SegmentationPrediction | Refusal,
    strawberry.union(
        "ForgetSegmentationImagesResult", description="The segmentation, or why nothing was forgotten."
    ),
]
PredictSegmentationResult = Annotated[
    SegmentationPrediction | Refusal,
    strawberry.union("PredictSegmentationResult", description="The segmentation, or why nothing was asked."),
]
RecordSegmentationResult = Annotated[
    SegmentationPrediction | Refusal,
    strawberry.union("RecordSegmentationResult", description="The segmentation, or why it was not taken."),
]


@strawberry.type
class SegmentationMutations:
    """Asking and recording."""

    @mutation_field(
        Scope.SEGMENTATION,
        "Has a model segment images of a brain, and keeps what it says, or that no model answered.",
    )
    async def predict_segmentation(
        self,
        info: Info,
        input: PredictSegmentationInput,  # noqa: A002
    ) -> PredictSegmentationResult:
        """Read what was asked, then ask the model outside any transaction, then keep it."""
        context, files = info.context, input.files()
        services, viewer = context.services, context.viewer
        given = AskedSegmentation(input.patient, input.examined_on, input.physician, input.keep_images)
        asked = read_asked(given, services.clock().date())
        routed = await to_thread.run_sync(
            lambda: services.router.ask(
                ModelFamily.SEGMENTATION,
                input.alias,
                asked.subject(viewer.account_id),
                lambda alias: services.segmentations.routed(files, asked, alias),
            ),
            limiter=services.analyses,
        )
        made = await context.write(
            lambda session: Segmentations(session, viewer, services.clock).keep_asked(asked, routed)
        )
        return SegmentationPrediction.of(made)

    @mutation_field(
        Scope.SEGMENTATION,
        "Forgets the images of a segmentation that were kept; where none are, nothing changes.",
    )
    async def forget_segmentation_images(
        self,
        info: Info,
        input: ForgetSegmentationImagesInput,  # noqa: A002
    ) -> ForgetSegmentationImagesResult:
        """Forget where they are; the files go a day later."""
        key, context = local_key(input.prediction_id, "SegmentationPrediction"), info.context
        services, viewer = context.services, context.viewer
        row = await context.write(
            lambda session: Segmentations(session, viewer, services.clock).forget_images(key)
        )
        return SegmentationPrediction.of(row)

    @mutation_field(
        Scope.SEGMENTATION,
        "Measures a segmentation and keeps it, or that a model failed; MLflow is told of it afterwards.",
    )
    async def record_segmentation(
        self,
        info: Info,
        input: RecordSegmentationInput,  # noqa: A002
    ) -> RecordSegmentationResult:
        """Read what was sent, measure it outside any transaction, keep it."""
        context, files = info.context, input.files()
        services, viewer = context.services, context.viewer
        today = services.clock().date()
        sent = await to_thread.run_sync(read_sent, input.sent(), files, input.idempotency_key, today)
        known = await context.read(lambda session: Segmentations(session, viewer, services.clock).known(sent))
        if known is not None:
            return SegmentationPrediction.of(known)
        stored = None
        if files:
            labels = sent.labels or {}
            stored = await to_thread.run_sync(services.segmentations.store, files, labels)
        made = await context.write(
            lambda session: Segmentations(session, viewer, services.clock).keep(sent, stored)
        )
        return SegmentationPrediction.of(made)
