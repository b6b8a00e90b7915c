"""Clinical models and their versions."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.errors import NotFoundError
from schema.models.predictions import ModelFamily
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.models import Models, VersionFilter
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.models import Model, ModelVersion


@strawberry.input(description="Which versions to list; what is left out does not narrow.")
class ModelVersionFilter:
    """Conditions that all hold."""

    model_id: strawberry.ID | None = strawberry.field(default=None, description="Of one model.")
    loadable: bool | None = strawberry.field(
        default=None, description="Those that can be loaded, or those that cannot."
    )


@strawberry.type
class ModelQueries:
    """Queries about models."""

    @query_field(Scope.MODELS_READ, "The models of the platform.")
    async def models(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Model]:
        """Return a page of models."""
        request = PageRequest.of(first, after, last, before)
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(lambda session: Models(session, viewer, clock).page(request))
        return connection(page, Model.of)

    @query_field(Scope.MODELS_READ, "The model of a family; null while the platform has none.")
    async def model(
        self,
        info: Info,
        family: Annotated[ModelFamily, strawberry.argument(description="What kind of question it answers.")],
    ) -> Model | None:
        """Return one model."""
        viewer, clock = info.context.viewer, info.context.services.clock
        return Model.of(await info.context.read(lambda session: Models(session, viewer, clock).of(family)))

    @query_field(Scope.MODELS_READ, "Versions of models, newest first.")
    async def model_versions(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        filter: Annotated[  # noqa: A002
            ModelVersionFilter | None, strawberry.argument(description="Which ones; all when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ModelVersion]:
        """Return a page of versions."""
        chosen, request = _conditions(filter), PageRequest.of(first, after, last, before)
        viewer, clock = info.context.viewer, info.context.services.clock
        page = await info.context.read(
            lambda session: Models(session, viewer, clock).versions(chosen, request)
        )
        return connection(page, ModelVersion.of)


def _conditions(given: ModelVersionFilter | None) -> VersionFilter:
    """Return the filter; what is no model's id becomes 0, which is no model's key either."""
    if given is None:
        return VersionFilter()
    if given.model_id is None:
        return VersionFilter(loadable=given.loadable)
    try:
        return VersionFilter(local_key(given.model_id, "Model"), given.loadable)
    except NotFoundError:
        return VersionFilter(0, given.loadable)
