"""Changes to a case's annotations: each answers with the whole case as it then is."""

from typing import Annotated

import strawberry
from sqlmodel import Session

from schema.context import Context, Info
from schema.models.cases import AnnotationRole, AnnotationType
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.annotations import Annotations, NewAnnotation
from schema.types.base import local_key
from schema.types.cases import Case, cases_for


@strawberry.input(description="A concept to annotate with.")
class AnnotationInput:
    """A concept, how sure, how much it weighs."""

    concept_id: str = strawberry.field(description="The concept's `code`.")
    confidence: float = strawberry.field(default=100.0, description="How sure, 0-100 per cent.")
    type: AnnotationType = strawberry.field(default=AnnotationType.PICKED, description="How it came about.")
    coefficient: float = strawberry.field(
        default=1.0, description="0.5 (optional) over 0.8 (important) to 1.0 (required)."
    )
    role: AnnotationRole = strawberry.field(
        default=AnnotationRole.SCORED, description="Whether it counts in the mark."
    )


@strawberry.input(description="Concepts to annotate a case with, all or none.")
class AddAnnotationsInput:
    """A case and concepts."""

    case_id: strawberry.ID = strawberry.field(description="The case.")
    annotations: list[AnnotationInput] = strawberry.field(
        description="In order; a concept the case has already stays as it is."
    )


@strawberry.input(description="Fields of an annotation to change; what is left out stays.")
class UpdateAnnotationInput:
    """Changes to an annotation."""

    id: strawberry.ID = strawberry.field(description="The annotation.")
    coefficient: float | None = strawberry.field(default=None, description="0.5 to 1.0.")
    role: AnnotationRole | None = strawberry.field(default=None, description="Whether it counts in the mark.")


@strawberry.input(description="An annotation to take out of its case.")
class RemoveAnnotationInput:
    """An annotation."""

    id: strawberry.ID = strawberry.field(description="The annotation.")


AddAnnotationsResult = Annotated[
    Case | Refusal,
    strawberry.union("AddAnnotationsResult", description="The case, or why nothing was added."),
]
UpdateAnnotationResult = Annotated[
    Case | Refusal, strawberry.union("UpdateAnnotationResult", description="The case, or why it was left.")
]
RemoveAnnotationResult = Annotated[
    Case | Refusal, strawberry.union("RemoveAnnotationResult", description="The case, or why it was left.")
]


@strawberry.type
class AnnotationMutations:
    """Changes to annotations."""

    @mutation_field(
        Scope.CASES_WRITE, "Annotates a case with concepts, after the others; adding one twice is no error."
    )
    async def add_annotations(self, info: Info, input: AddAnnotationsInput) -> AddAnnotationsResult:  # noqa: A002
        """Add those that are new."""
        key, context = local_key(input.case_id, "Case"), info.context
        wanted = [
            NewAnnotation(each.concept_id, each.confidence, each.type, each.coefficient, each.role)
            for each in input.annotations
        ]
        return Case.of(await context.write(lambda session: _annotations(session, context).add(key, wanted)))

    @mutation_field(Scope.CASES_WRITE, "Changes how much an annotation weighs, or whether it counts.")
    async def update_annotation(self, info: Info, input: UpdateAnnotationInput) -> UpdateAnnotationResult:  # noqa: A002
        """Change what was given."""
        key, context = local_key(input.id, "Annotation"), info.context
        case = await context.write(
            lambda session: _annotations(session, context).update(key, input.coefficient, input.role)
        )
        return Case.of(case)

    @mutation_field(Scope.CASES_WRITE, "Takes an annotation out of its case.")
    async def remove_annotation(self, info: Info, input: RemoveAnnotationInput) -> RemoveAnnotationResult:  # noqa: A002
        """Remove."""
        key, context = local_key(input.id, "Annotation"), info.context
        return Case.of(await context.write(lambda session: _annotations(session, context).remove(key)))


def _annotations(session: Session, context: Context) -> Annotations:
    services = context.services
    return Annotations(session, cases_for(session, context), services.clock, services.ontology)
