"""What pictures of paper were read as."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.types.base import local_key
from schema.types.digitising import Digitisation, digitisations_for


@strawberry.type
class DigitisingQueries:
    """Queries about readings of paper."""

    @query_field(
        Scope.CASES_WRITE, "What a picture of the viewer's was last read as; null when it has not been."
    )
    async def digitisation(
        self,
        info: Info,
        recording_id: Annotated[strawberry.ID, strawberry.argument(description="The picture.")],
    ) -> Digitisation | None:
        """Return the latest reading."""
        key, context = local_key(recording_id, "Recording"), info.context
        return Digitisation.of(
            await context.read(lambda session: digitisations_for(session, context).get(key))
        )
