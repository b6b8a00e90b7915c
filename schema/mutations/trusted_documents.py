"""Registering and removing the documents that confined tokens may send."""

from functools import partial
from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.documents import Documents
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.trusted_documents import TrustedDocuments
from schema.types.base import local_key
from schema.types.trusted_documents import TrustedDocument


@strawberry.input(description="A document to register for the viewer's own account.")
class RegisterDocumentInput:
    """Its text."""

    text: str = strawberry.field(
        description="One or more operations with their fragments, exactly as they will be sent."
    )


@strawberry.input(description="A document to remove.")
class RemoveDocumentInput:
    """A document."""

    id: strawberry.ID = strawberry.field(description="The document.")


RegisterDocumentResult = Annotated[
    TrustedDocument | Refusal,
    strawberry.union("RegisterDocumentResult", description="The registered document, or what is wrong."),
]
RemoveDocumentResult = Annotated[
    TrustedDocument | Refusal,
    strawberry.union("RemoveDocumentResult", description="The removed document, or why it was left."),
]


@strawberry.type
class TrustedDocumentMutations:
    """Mutations of registered documents."""

    @mutation_field(
        Scope.PROFILE,
        "Let confined tokens of the viewer's account send a document; registering it twice does nothing.",
    )
    async def register_document(
        self,
        info: Info,
        input: RegisterDocumentInput,  # noqa: A002
    ) -> RegisterDocumentResult:
        """Check it against the schema and keep it."""
        viewer, clock, text = info.context.viewer, info.context.services.clock, input.text
        documents: Documents = info.schema.documents  # type: ignore[attr-defined]
        found = await to_thread.run_sync(partial(documents.check, text, told=info.context.told))
        return TrustedDocument.of(
            await info.context.write(
                lambda session: TrustedDocuments(session, clock, viewer).register(
                    viewer.account_id, text, found.operations, found.cost
                )
            )
        )

    @mutation_field(
        Scope.PROFILE, "Remove a registered document: from then on no confined token may send it."
    )
    async def remove_document(self, info: Info, input: RemoveDocumentInput) -> RemoveDocumentResult:  # noqa: A002
        """Remove it."""
        viewer, clock = info.context.viewer, info.context.services.clock
        key = local_key(input.id, "TrustedDocument")
        return TrustedDocument.of(
            await info.context.write(lambda session: TrustedDocuments(session, clock, viewer).remove(key))
        )
