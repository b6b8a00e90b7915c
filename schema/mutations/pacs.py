"""Fetching from archives: answers with a job to follow; sending to them: with what the archive said."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.mutations.bulk import IMPORTED
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.types.base import local_key
from schema.types.jobs import Job
from schema.types.pacs import PacsDelivery


@strawberry.input(description="Series of an archive to make cases of.")
class ImportFromPacsInput:
    """What was chosen."""

    series: list[str] = strawberry.field(
        description="`PacsSeries.key` of what the viewer found, at most 100; of at most 500 objects in all."
    )
    idempotency_key: str = strawberry.field(
        description="Yours; the same request under it answers with the same job, another one is refused."
    )
    one_case: bool = strawberry.field(
        default=False, description="Whether all of it is one case; else each object is a case of its own."
    )
    name: str | None = strawberry.field(
        default=None,
        description="What the cases are called, before a number, at most 180 characters; « Imported ECG » "
        "when left out.",
    )


ImportFromPacsResult = Annotated[
    Job | Refusal,
    strawberry.union("ImportFromPacsResult", description="The job to follow, or why there is none."),
]


@strawberry.input(description="A recording to send to an archive.")
class SendToPacsInput:
    """What goes where."""

    recording_id: strawberry.ID = strawberry.field(description="A recording of one of your own cases.")
    archive: str = strawberry.field(description="One of `pacsDestinations`.")


SendToPacsResult = Annotated[
    PacsDelivery | Refusal,
    strawberry.union("SendToPacsResult", description="What the archive said, or why it was not asked."),
]


@strawberry.type
class PacsMutations:
    """Imports from archives, and recordings sent to them."""

    @mutation_field(
        Scope.PACS,
        "Fetches series from their archives and makes drafts of them, an object at a time, without whom they "
        "are of: what cannot be had or read is told, and the others are kept.",
    )
    async def import_from_pacs(
        self,
        info: Info,
        input: ImportFromPacsInput,  # noqa: A002
    ) -> ImportFromPacsResult:
        """Queue the import."""
        context = info.context
        name = context.translate(IMPORTED) if input.name is None else input.name
        pacs, viewer = context.services.pacs, context.viewer
        row = await context.call(
            lambda: pacs.ask(viewer, input.series, name, input.idempotency_key, one_case=input.one_case)
        )
        return Job.of(row)

    @mutation_field(
        Scope.PACS,
        "Sends a recording of one of your own cases to an archive, as a DICOM object without a patient: "
        "under a pseudonym of its case, with no dates. Sent again it is the same object.",
    )
    async def send_to_pacs(self, info: Info, input: SendToPacsInput) -> SendToPacsResult:  # noqa: A002
        """Ask the archive, a few at a time."""
        key, context = local_key(input.recording_id, "Recording"), info.context
        services = context.services
        delivery = await to_thread.run_sync(
            services.pacs_deliveries.send, context.viewer, key, input.archive, limiter=services.searches
        )
        return PacsDelivery.of(delivery, context)
