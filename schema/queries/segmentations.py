"""Patients whose brain tumour is followed."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.models.predictions import ModelFamily
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.models import has_champion
from schema.services.segmentations import Segmentations
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.segmentations import SegmentedPatient


@strawberry.type
class SegmentationQueries:
    """Queries about segmentations."""

    @query_field(
        Scope.SEGMENTATION,
        "Whether a version of the model is in use that `predictSegmentation` can ask; without one nothing is "
        "outlined.",
    )
    async def segmentation_available(self, info: Info) -> bool:
        """Return whether there is one."""
        return await info.context.read(lambda session: has_champion(session, ModelFamily.SEGMENTATION))

    @query_field(Scope.PREDICTIONS_READ, "One patient; null when there is none the viewer may see.")
    async def segmented_patient(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The patient's id.")],  # noqa: A002
    ) -> SegmentedPatient | None:
        """Return one patient."""
        key, viewer, clock = (
            local_key(id, "SegmentedPatient"),
            info.context.viewer,
            info.context.services.clock,
        )
        found = await info.context.read(lambda session: Segmentations(session, viewer, clock).patient(key))
        return SegmentedPatient.of(found)

    @query_field(
        Scope.PREDICTIONS_READ,
        "Patients whose segmentations the viewer has recorded, those added last first; all for analysts.",
    )
    async def segmented_patients(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[SegmentedPatient]:
        """Return a page of patients."""
        viewer, clock = info.context.viewer, info.context.services.clock
        request = PageRequest.of(first, after, last, before)
        page = await info.context.read(
            lambda session: Segmentations(session, viewer, clock).patients(request)
        )
        return connection(page, SegmentedPatient.of)
