"""What models said: one prediction, and those the viewer may see."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.errors import NotFoundError
from schema.models.predictions import ModelFamily
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Actor, Scope
from schema.services.predictions import PredictionFilter as Filter
from schema.services.predictions import Predictions
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.families import prediction_of
from schema.types.predictions import Prediction, prediction_key


@strawberry.input(description="Which predictions to list; what is left out does not narrow.")
class PredictionFilter:
    """Conditions that all hold."""

    family: ModelFamily | None = strawberry.field(default=None, description="Of one kind of question.")
    case_id: strawberry.ID | None = strawberry.field(default=None, description="Of the recordings of a case.")
    recording_id: strawberry.ID | None = strawberry.field(default=None, description="Of one recording.")
    attempt_id: strawberry.ID | None = strawberry.field(
        default=None, description="Of the recordings that an attempt was at."
    )
    model_version_id: strawberry.ID | None = strawberry.field(default=None, description="Of one version.")
    ml_available: bool | None = strawberry.field(
        default=None, description="Those with an answer, or those without."
    )


@strawberry.type
class PredictionQueries:
    """Queries about predictions."""

    @query_field(Scope.PREDICTIONS_READ, "One prediction; null when there is none the viewer may see.")
    async def prediction(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The prediction's id.")],  # noqa: A002
    ) -> Prediction | None:
        """Return one prediction."""
        viewer, clock = info.context.viewer, info.context.services.clock
        family, key = prediction_key(id)
        found = await info.context.read(lambda session: Predictions(session, viewer, clock).get(family, key))
        return prediction_of(found)

    @query_field(
        Scope.PREDICTIONS_READ,
        "Predictions the viewer may see, newest first: of their own cases and of visits they asked about; "
        "of what they read, once its mark is shown; figures of all for analysts.",
    )
    async def predictions(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            PredictionFilter | None, strawberry.argument(description="Which ones; all when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Prediction]:
        """Return a page of predictions."""
        viewer, clock = info.context.viewer, info.context.services.clock
        chosen, request = _conditions(filter, viewer), PageRequest.of(first, after, last, before)
        page = await info.context.read(
            lambda session: Predictions(session, viewer, clock).page(chosen, request)
        )
        return connection(page, prediction_of)


def _conditions(given: PredictionFilter | None, viewer: Actor) -> Filter:
    if given is None:
        return Filter()
    version_id = _key(given.model_version_id, "ModelVersion")
    return Filter(
        family=given.family,
        case_id=_key(given.case_id, "Case"),
        recording_id=_key(given.recording_id, "Recording"),
        attempt_id=_key(given.attempt_id, "Attempt"),
        version_id=version_id if version_id is None or viewer.may(Scope.MODELS_READ) else 0,
        available=given.ml_available,
    )


def _key(identifier: strawberry.ID | None, kind: str) -> int | None:
    """Return the key; what is no id of the kind becomes 0, which is no key either."""
    if identifier is None:
        return None
    try:
        return local_key(identifier, kind)
    except NotFoundError:
        return 0
