"""How an answer would be marked: a teacher's trial before students write."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.permissions import query_field
from schema.policy import Scope
from schema.services.answers import Draft
from schema.services.grading import Key
from schema.types.base import local_key
from schema.types.cases import cases_for
from schema.types.grades import Grade


@strawberry.type
class GradeQueries:
    """Queries about marks."""

    @query_field(
        Scope.CASES_READ,
        "How an answer would be marked against a case's key as it stands; null where `case` would be.",
    )
    async def grade_answer(
        self,
        info: Info,
        case_id: Annotated[strawberry.ID, strawberry.argument(description="The case's id.")],
        text: Annotated[str, strawberry.argument(description="The answer, at most 20,000 characters.")],
        concept_ids: Annotated[
            list[str] | None, strawberry.argument(description="Codes of concepts picked beside it.")
        ] = None,
    ) -> Grade | None:
        """Mark the answer and keep nothing."""
        services = info.context.services
        draft = Draft.checked(text, concept_ids or [], services.ontology)
        number = local_key(case_id, "Case")
        key = await info.context.read(
            lambda session: Key.now(session, cases_for(session, info.context).get(number))
        )
        graded = await to_thread.run_sync(
            services.grader.grade, draft, key, limiter=services.limiter(services.matcher)
        )
        return Grade.of(graded.document, draft.text, info)
