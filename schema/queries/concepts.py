"""The ontology's concepts, and reading texts into them."""

from functools import partial
from typing import Annotated

import strawberry
from anyio import to_thread

from ml.language.ontology import Category as ConceptCategory
from ml.language.ontology import Concept as OntologyConcept
from ml.language.ontology import Ontology
from ml.language.types import Language
from schema.context import Context, Info
from schema.errors import NotFoundError, ValidationFailedError
from schema.loaders.training import items_of_attempts
from schema.pagination import Page, PageRequest, encode_cursor
from schema.permissions import query_field
from schema.policy import Scope
from schema.queries.attempts import attempt_of
from schema.services.text import prose
from schema.types.arguments import After, Before, First, Last
from schema.types.base import Connection, connection, local_key
from schema.types.concepts import Concept, ConceptMatching, TextLanguage, concept_code

LONGEST_TEXT = 20_000
LONGEST_SEARCH = 200


@strawberry.input(description="Where an answer stands.")
class AnswerPlace:
    """One answer of an attempt."""

    attempt_id: strawberry.ID = strawberry.field(description="The attempt.")
    position: int = strawberry.field(description="The case's place in the session, counted from 1.")


@strawberry.type
class ConceptQueries:
    """Queries about concepts."""

    @query_field(Scope.CONCEPTS_READ, "One concept; null when the ontology has none of that id.")
    async def concept(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The concept's id.")],  # noqa: A002
    ) -> Concept | None:
        """Return one concept."""
        code, ontology = concept_code(id), info.context.services.ontology
        if code not in ontology:
            raise NotFoundError
        return Concept.of(ontology.concept(code), info.context)

    @query_field(
        Scope.CONCEPTS_READ, "The ontology's concepts: all in its own order, or the best matches first."
    )
    async def concepts(  # noqa: PLR0913, PLR0917 - Relay's arguments
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(description="What was typed so far of a name; typos are forgiven."),
        ] = None,
        category: Annotated[
            ConceptCategory | None, strawberry.argument(description="Only those on this shelf.")
        ] = None,
        answering: Annotated[
            AnswerPlace | None,
            strawberry.argument(
                description="The answer they are looked for: those of the ontology its case is marked with."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Concept]:
        """Return a page of concepts."""
        ontology = info.context.services.ontology
        if answering is not None:
            ontology = await _marked_with(info, answering)
        asked = (search or "")[:LONGEST_SEARCH].strip()
        found = await to_thread.run_sync(_found, info.context, ontology, asked)
        chosen = [each for each in found if category is None or each.category is category]
        return connection(
            _page(chosen, PageRequest.of(first, after, last, before)),
            lambda each: Concept.of(each, info.context),
        )

    @query_field(Scope.CONCEPTS_READ, "Reads a text: which concepts it affirms or denies, and where.")
    async def match_concepts(
        self,
        info: Info,
        text: Annotated[str, strawberry.argument(description="Free text, at most 20,000 characters.")],
        language: Annotated[
            TextLanguage, strawberry.argument(description="The text's language.")
        ] = TextLanguage.AUTO,
    ) -> ConceptMatching:
        """Read the text off the event loop."""
        services = info.context.services
        tidy, problems = prose(text, "text", LONGEST_TEXT)
        if problems:
            raise ValidationFailedError(problems)
        if info.context.viewer.is_author:
            read, limiter = services.proposer.match, services.limiter(services.proposer)
        else:  # nobody else may spend what a language model costs
            read, limiter = partial(services.matcher.match, at_once=True), None
        found = await to_thread.run_sync(read, tidy, language.value, limiter=limiter)
        return ConceptMatching.of(found, tidy, info.context)


async def _marked_with(info: Info, place: AnswerPlace) -> Ontology:
    """Return the ontology that an answer of an attempt the viewer may see is marked with."""
    missing = ValidationFailedError.of("answering", "not_found")
    if not info.context.viewer.may(Scope.ATTEMPTS_READ):
        raise missing
    try:
        attempt = await attempt_of(info, local_key(place.attempt_id, "Attempt"))
    except NotFoundError:
        raise missing from None
    items = await info.context.loaders.of(items_of_attempts).load(attempt.row.id or 0)
    for item in items:
        if item.answer.position == place.position:
            return info.context.services.shelf.of(item.snapshot["ontology_version"]).ontology
    raise missing


def _found(context: Context, ontology: Ontology, search: str) -> list[OntologyConcept]:
    if not search:
        return list(ontology.concepts)
    language: Language = "en" if context.language == "en" else "fr"
    return list(ontology.search(search, language, limit=len(ontology.concepts)))


def _page(found: list[OntologyConcept], request: PageRequest) -> Page[OntologyConcept]:
    """Return the concepts after or before the one a cursor names."""
    codes = [each.id for each in found]
    at = -1 if request.forward else len(found)
    if request.cursor is not None:
        if len(request.cursor) != 1 or request.cursor[0] not in codes:
            raise ValidationFailedError.of("after" if request.forward else "before", "bad_cursor")
        at = codes.index(request.cursor[0])
    start = at + 1 if request.forward else max(at - request.limit, 0)
    stop = start + request.limit if request.forward else at
    return Page(
        rows=found[start:stop],
        has_next=stop < len(found),
        has_previous=start > 0,
        cursor_of=lambda each: encode_cursor([each.id]),
        count=lambda: len(found),
    )
