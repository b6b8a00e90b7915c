"""Segmentations of brain tumours as the API shows them; analysts are shown figures, not images."""

from datetime import date, datetime
from typing import Annotated, Any

import strawberry
from anyio import to_thread

from ml.segmentation.segments import Plane, Segment
from schema.context import Info
from schema.loaders.segmentations import (
    days_of_patients,
    segmentations_of_predictions,
    segmented_patients_by_id,
)
from schema.models.models import ModelAlias
from schema.models.predictions import EXTERNAL, ModelFamily, ModelProblem
from schema.models.predictions import Prediction as PredictionRow
from schema.models.segmentations import Segmentation as SegmentationRow
from schema.models.segmentations import SegmentationStatus
from schema.models.segmentations import SegmentedPatient as PatientRow
from schema.services.predictions import shows_input
from schema.services.segmentation_desk import LABEL_MAP_TYPE, PICTURE_TYPE
from schema.services.segmentations import Segmentations
from schema.types.arguments import After, Before, First, Last, page_request
from schema.types.base import Connection, Node, connection, global_id
from schema.types.enums import describe_enum
from schema.types.predictions import Prediction

describe_enum(
    Segment,
    "TumorSegment",
    "A part of a brain tumour.",
    "Necrosis, and core that does not take up contrast.",
    "Oedema around the tumour.",
    "Tumour that takes up contrast.",
)
describe_enum(
    SegmentationStatus,
    "SegmentationStatus",
    "What became of a segmentation.",
    "There is a label map.",
    "The model failed: there is none.",
)
describe_enum(
    Plane,
    "SlicePlane",
    "Which way a slice lies.",
    "Across, seen from the feet.",
    "Across the face, seen from the front.",
    "Along the midline, seen from the side.",
)


@strawberry.type(description="What there is of one part of a tumour.")
class SegmentFigures:
    """Figures of a segment."""

    segment: Segment = strawberry.field(description="The part.")
    volume_cm3: float = strawberry.field(name="volumeCm3", description="Its volume.")
    voxel_count: int = strawberry.field(description="How many voxels it has.")
    component_count: int = strawberry.field(
        description="Of how many pieces it is; voxels that share a corner are connected."
    )
    confidence: float | None = strawberry.field(
        description="Mean probability over its voxels, 0 to 1; null without a probability map or voxels."
    )


@strawberry.type(description="What a label map amounts to.")
class SegmentationFigures:
    """Figures of a segmentation."""

    total_volume_cm3: float = strawberry.field(
        name="totalVolumeCm3", description="The volume of the whole tumour, from the size of a voxel."
    )
    segments: list[SegmentFigures] = strawberry.field(description="Each part, also one that there is not.")
    component_count: int = strawberry.field(description="Of how many pieces the whole tumour is.")
    confidence_score: float | None = strawberry.field(
        description="Mean probability over all voxels of the tumour; null without a probability map."
    )
    average_segment_confidence: float | None = strawberry.field(
        description="Mean of the parts' confidences; null without a probability map."
    )
    shape: list[int] = strawberry.field(description="How many voxels the map has in each direction.")
    voxel_millimetres: list[float] = strawberry.field(description="The sides of a voxel.")
    axes: str = strawberry.field(description="Which way its axes point: `LPS` to the left, back and top.")
    oriented: bool = strawberry.field(
        description="Whether the file says so: where not, left and right cannot be told apart."
    )

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "SegmentationFigures":
        """Return the figures as they are kept."""
        return cls(
            total_volume_cm3=kept["volume_cm3"],
            segments=[
                SegmentFigures(
                    segment=Segment(each["segment"]),
                    volume_cm3=each["volume_cm3"],
                    voxel_count=each["voxels"],
                    component_count=each["components"],
                    confidence=each["confidence"],
                )
                for each in kept["segments"]
            ],
            component_count=kept["components"],
            confidence_score=kept["confidence"],
            average_segment_confidence=kept["segment_confidence"],
            shape=kept["shape"],
            voxel_millimetres=kept["voxel_mm"],
            axes=kept["axes"],
            oriented=kept["oriented"],
        )


@strawberry.type(description="Which model made a segmentation, of what, and how it went.")
class SegmentationRecord:
    """What was told of a segmentation."""

    examined_on: date = strawberry.field(description="The day of the images.")
    model_name: str = strawberry.field(description="What the model is called.")
    model_version: str = strawberry.field(description="Which version of it.")
    physician: str | None = strawberry.field(
        description="The code of the physician in charge; null where it is whoever recorded it."
    )
    status: SegmentationStatus = strawberry.field(description="What became of it.")
    processing_seconds: float = strawberry.field(description="How long the model took.")
    logged: bool = strawberry.field(description="Whether MLflow has it by now.")
    images_kept: bool = strawberry.field(
        description="Whether the images are kept, for new versions to be tried on and to learn from."
    )


@strawberry.type(
    description="A slice with the segments drawn on it: the one with the most tumour. The patient's right is "
    "on the left; letters say so, question marks where the file does not say which side is which."
)
class SegmentationPicture:
    """A slice."""

    plane: Plane = strawberry.field(description="Which way it lies.")
    slice_number: int = strawberry.field(
        description="Which slice, counted from 1 from below, behind or the left."
    )
    slice_count: int = strawberry.field(description="How many there are.")
    url: str = strawberry.field(description="Its address, good for one to two hours.")
    width: int = strawberry.field(description="In pixels.")
    height: int = strawberry.field(description="In pixels.")


@strawberry.type(
    description="A brain tumour as a model has segmented it, here or elsewhere. It is no diagnosis, and no "
    "measurement to treat by."
)
class SegmentationPrediction(Prediction):
    """A segmentation."""

    @strawberry.field(description="Whose tumour it is.")
    async def patient(self, info: Info) -> "SegmentedPatient":
        """Load the patient."""
        row = await self._told(info)
        return SegmentedPatient.of(
            await info.context.loaders.of(segmented_patients_by_id).load(row.patient_id)
        )

    @strawberry.field(description="Which model made it, of what, and how it went.")
    async def record(self, info: Info) -> SegmentationRecord:
        """Load what was told."""
        row = await self._told(info)
        return SegmentationRecord(
            examined_on=date.fromisoformat(row.examined_on),
            model_name=row.model_name,
            model_version=row.model_version,
            physician=row.physician,
            status=SegmentationStatus(row.status),
            processing_seconds=row.processing_s,
            logged=row.run is not None,
            images_kept=row.images is not None,
        )

    @strawberry.field(description="What was measured; null where the model failed.")
    async def figures(self, info: Info) -> SegmentationFigures | None:
        """Load the figures."""
        kept = (await self._told(info)).figures
        return SegmentationFigures.of(kept) if kept else None

    @strawberry.field(
        description="A slice in each direction; empty where the model failed, and for whoever is shown "
        "figures only."
    )
    async def pictures(self, info: Info) -> list[SegmentationPicture]:
        """Sign the pictures' addresses."""
        kept = (await self._told(info)).figures
        if not kept or not shows_input(info.context.viewer):
            return []
        sign = info.context.services.sign_link
        return [
            SegmentationPicture(
                plane=Plane(each["plane"]),
                slice_number=each["number"],
                slice_count=each["slices"],
                url=sign(each["key"], PICTURE_TYPE),
                width=each["width"],
                height=each["height"],
            )
            for each in kept["pictures"]
        ]

    @strawberry.field(
        description="The address of the label map, a gzipped NIfTI file written anew (1 necrosis, 2 oedema, "
        "3 enhancing); null where the model failed, and for whoever is shown figures only."
    )
    def label_map_url(self, info: Info) -> str | None:
        """Sign its address."""
        if not self.row.ml_available or not shows_input(info.context.viewer):
            return None
        return info.context.services.sign_link(self.row.input_sha256, LABEL_MAP_TYPE)

    async def _told(self, info: Info) -> SegmentationRow:
        return await info.context.loaders.of(segmentations_of_predictions).load(self.row.id or 0)

    @classmethod
    def of(cls, row: PredictionRow) -> "SegmentationPrediction":
        """Return the node of a row."""
        return cls(
            id=global_id("SegmentationPrediction", row.id or 0),
            row=row,
            family=ModelFamily(row.family),
            alias=None if row.alias == EXTERNAL else ModelAlias(row.alias),
            input_hash=row.input_sha256,
            ml_available=row.ml_available,
            ml_error=ModelProblem(row.ml_error) if row.ml_error else None,
            latency_milliseconds=row.latency_ms,
            created_at=row.created_at,
        )


@strawberry.type(description="How far two label maps agree about one part of the tumour.")
class SegmentDice:
    """Dice's coefficient of a segment."""

    segment: Segment = strawberry.field(description="The part.")
    dice: float | None = strawberry.field(
        description="Dice's coefficient, 1 where they are the same; null where neither has any of it."
    )


@strawberry.type(description="How far two segmentations of one day agree.")
class SegmentationAgreement:
    """Two segmentations."""

    first: SegmentationPrediction = strawberry.field(description="One of them.")
    second: SegmentationPrediction = strawberry.field(description="The other.")
    comparable: bool = strawberry.field(
        description="Whether their voxels are the same: otherwise nothing is said of how far they agree."
    )
    tumor_dice: float | None = strawberry.field(
        description="Dice's coefficient of the whole tumour; null where neither has any."
    )
    segments: list[SegmentDice] = strawberry.field(description="The same of each part.")


@strawberry.type(
    description="Somebody whose brain tumour is followed, by the code that one account gives them."
)
class SegmentedPatient(Node):
    """A patient."""

    row: strawberry.Private[PatientRow]
    code: str = strawberry.field(description="The code; it names nobody.")
    created_at: datetime = strawberry.field(description="When the first segmentation was recorded.")

    @strawberry.field(description="How many segmentations there are.")
    async def segmentation_count(self, info: Info) -> int:
        """Count them."""
        count, _ = await info.context.loaders.of(days_of_patients).load(self.row.id or 0)
        return count

    @strawberry.field(description="The day of the latest images; null where there are none.")
    async def last_examined_on(self, info: Info) -> date | None:
        """Find the latest."""
        _, latest = await info.context.loaders.of(days_of_patients).load(self.row.id or 0)
        return date.fromisoformat(latest) if latest else None

    @strawberry.field(description="The segmentations by the day of the images, the latest first.")
    async def segmentations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[SegmentationPrediction]:
        """Return a page of them."""
        request = page_request(info, first, after, last, before)
        viewer, clock, key = info.context.viewer, info.context.services.clock, self.row.id or 0
        page = await info.context.read(
            lambda session: Segmentations(session, viewer, clock).page(key, request)
        )
        return connection(page, SegmentationPrediction.of)

    @strawberry.field(
        description="How far each two of the segmentations of a day agree, of the latest eight at most."
    )
    async def agreements(
        self,
        info: Info,
        examined_on: Annotated[
            date | None,
            strawberry.argument(
                description="The day of the images; the latest that several were made of when left out."
            ),
        ] = None,
    ) -> list[SegmentationAgreement]:
        """Compare the label maps that are kept."""
        context, key = info.context, self.row.id or 0
        services, viewer = context.services, context.viewer
        maps = await context.read(
            lambda session: Segmentations(session, viewer, services.clock).maps(key, examined_on)
        )
        keys = [(row.id or 0, blob) for row, blob in maps]
        compared = await to_thread.run_sync(
            lambda: list(services.segmentations.compare(keys)), limiter=services.analyses
        )
        nodes = {row.id: SegmentationPrediction.of(row) for row, _ in maps}
        return [
            SegmentationAgreement(
                first=nodes[each.first],
                second=nodes[each.second],
                comparable=each.segments is not None,
                tumor_dice=each.tumour,
                segments=[
                    SegmentDice(segment=segment, dice=dice) for segment, dice in (each.segments or {}).items()
                ],
            )
            for each in compared
        ]

    @classmethod
    def of(cls, row: PatientRow) -> "SegmentedPatient":
        """Return the node of a row."""
        key = global_id("SegmentedPatient", row.id or 0)
        return cls(id=key, row=row, code=row.code, created_at=row.created_at)
