"""Ontologies and their history."""

from typing import Annotated

import strawberry
from sqlmodel import Session

from schema.context import Info
from schema.pagination import PageRequest
from schema.permissions import query_field
from schema.policy import Scope
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.concepts import concept_code
from schema.types.ontologies import (
    ConceptChange,
    Ontology,
    OntologyFault,
    OntologyVersion,
    ontologies_for,
)


@strawberry.input(description="Which faults to list; what is left out does not narrow.")
class OntologyFaultFilter:
    """Conditions that all hold."""

    open: bool | None = strawberry.field(default=None, description="Only what nobody has settled, if true.")


@strawberry.type
class OntologyQueries:
    """Queries about ontologies."""

    @query_field(Scope.CONCEPTS_READ, "The ontology in use, or another by its id; null where there is none.")
    async def ontology(
        self,
        info: Info,
        id: Annotated[  # noqa: A002
            strawberry.ID | None, strawberry.argument(description="The one in use when left out.")
        ] = None,
    ) -> Ontology | None:
        """Return one ontology."""
        key = None if id is None else local_key(id, "Ontology")

        def find(session: Session) -> Ontology:
            ontologies = ontologies_for(session, info.context)
            return Ontology.of(ontologies.in_use() if key is None else ontologies.get(key))

        return await info.context.read(find)

    @query_field(Scope.CONCEPTS_WRITE, "The platform's ontologies, oldest first.")
    async def ontologies(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Ontology]:
        """Return a page of them."""
        request = PageRequest.of(first, after, last, before)
        page = await info.context.read(lambda session: ontologies_for(session, info.context).page(request))
        return connection(page, Ontology.of)

    @query_field(
        Scope.CONCEPTS_WRITE, "The versions of an ontology, newest first; null without such an ontology."
    )
    async def ontology_versions(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        ontology_id: Annotated[strawberry.ID, strawberry.argument(description="The ontology.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[OntologyVersion] | None:
        """Return a page of them."""
        key, request = local_key(ontology_id, "Ontology"), PageRequest.of(first, after, last, before)
        page = await info.context.read(
            lambda session: ontologies_for(session, info.context).versions(key, request)
        )
        return connection(page, OntologyVersion.of)

    @query_field(
        Scope.CONCEPTS_WRITE,
        "What became of a concept of the ontology in use, newest first.",
    )
    async def concept_changes(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        concept_id: Annotated[strawberry.ID, strawberry.argument(description="The concept, even if gone.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ConceptChange] | None:
        """Return a page of its history."""
        code, request = concept_code(concept_id), PageRequest.of(first, after, last, before)
        page = await info.context.read(
            lambda session: ontologies_for(session, info.context).history(code, request)
        )
        return connection(page, ConceptChange.of)

    @query_field(
        Scope.CONCEPTS_WRITE,
        "What was wrong in an ontology's file; null without such an ontology.",
    )
    async def ontology_faults(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        ontology_id: Annotated[strawberry.ID, strawberry.argument(description="The ontology.")],
        filter: Annotated[  # noqa: A002
            OntologyFaultFilter | None, strawberry.argument(description="Which; all when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[OntologyFault] | None:
        """Return a page of them."""
        key, request = local_key(ontology_id, "Ontology"), PageRequest.of(first, after, last, before)
        open_only = bool(filter and filter.open)
        page = await info.context.read(
            lambda session: ontologies_for(session, info.context).faults(key, request, open_only=open_only)
        )
        return connection(page, OntologyFault.of)
