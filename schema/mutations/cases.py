"""Writing cases: each mutation answers with the whole case as it then is."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.messages import N_
from schema.models.cases import CaseCategory
from schema.models.cases import Difficulty as CaseDifficulty
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.types.base import local_key
from schema.types.cases import Case, cases_for

NEW_CASE = N_("New case")


@strawberry.input(description="A case to begin; everything can be changed later.")
class CreateCaseInput:
    """What a draft starts with."""

    name: str | None = strawberry.field(
        default=None, description="At most 200 characters; « New case » when left out."
    )
    category: CaseCategory = strawberry.field(default=CaseCategory.OTHER, description="What it teaches.")
    difficulty: CaseDifficulty = strawberry.field(
        default=CaseDifficulty.BEGINNER, description="How hard it is to read."
    )
    description: str = strawberry.field(
        default="", description="The clinical setting, at most 5,000 characters."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="At most 100 characters: sent again under its key, it answers with the same case, as "
        "long as there is one; another one is refused.",
    )


@strawberry.input(description="Fields of a case to change; what is left out stays.")
class UpdateCaseInput:
    """Changes to a case."""

    id: strawberry.ID = strawberry.field(description="The case.")
    revision: int = strawberry.field(description="The revision the change was made on.")
    name: str | None = strawberry.field(default=None, description="At most 200 characters.")
    category: CaseCategory | None = strawberry.field(default=None, description="What it teaches.")
    difficulty: CaseDifficulty | None = strawberry.field(default=None, description="How hard it is to read.")
    description: str | None = strawberry.field(
        default=None, description="The clinical setting, at most 5,000 characters."
    )
    draft_text: str | None = strawberry.field(
        default=None, description="The free text concepts are proposed from, at most 20,000 characters."
    )


@strawberry.input(description="A case to make ready for sessions.")
class ValidateCaseInput:
    """A case and the revision that was looked at."""

    id: strawberry.ID = strawberry.field(description="The case.")
    revision: int = strawberry.field(description="The revision that was looked at.")


@strawberry.input(description="A case to put away.")
class ArchiveCaseInput:
    """A case."""

    id: strawberry.ID = strawberry.field(description="The case.")


@strawberry.input(description="An archived case to take up again, as a draft.")
class RestoreCaseInput:
    """A case."""

    id: strawberry.ID = strawberry.field(description="The case.")


@strawberry.input(description="A draft to remove for good.")
class DeleteCaseInput:
    """A case."""

    id: strawberry.ID = strawberry.field(description="The case.")


@strawberry.type(description="A case that is no more.")
class DeletedCase:
    """What is left of it."""

    case_id: strawberry.ID = strawberry.field(description="The id it had.")


CreateCaseResult = Annotated[
    Case | Refusal, strawberry.union("CreateCaseResult", description="The new case, or why there is none.")
]
UpdateCaseResult = Annotated[
    Case | Refusal,
    strawberry.union("UpdateCaseResult", description="The changed case, or why it was not changed."),
]
ValidateCaseResult = Annotated[
    Case | Refusal,
    strawberry.union("ValidateCaseResult", description="The validated case, or what it still lacks."),
]
ArchiveCaseResult = Annotated[
    Case | Refusal,
    strawberry.union("ArchiveCaseResult", description="The archived case, or why it was left."),
]
RestoreCaseResult = Annotated[
    Case | Refusal,
    strawberry.union("RestoreCaseResult", description="The restored draft, or why it was left."),
]
DeleteCaseResult = Annotated[
    DeletedCase | Refusal,
    strawberry.union("DeleteCaseResult", description="The id, or why the case was left."),
]


@strawberry.type
class CaseMutations:
    """Changes to cases as a whole."""

    @mutation_field(Scope.CASES_WRITE, "Begins a case, as a draft of the viewer's.")
    async def create_case(self, info: Info, input: CreateCaseInput) -> CreateCaseResult:  # noqa: A002
        """Create a draft."""
        name = info.context.translate(NEW_CASE) if input.name is None else input.name
        case = await info.context.write(
            lambda session: cases_for(session, info.context).create(
                name, input.category, input.difficulty, input.description, input.idempotency_key
            )
        )
        return Case.of(case)

    @mutation_field(Scope.CASES_WRITE, "Changes some fields of a case; changing nothing makes no revision.")
    async def update_case(self, info: Info, input: UpdateCaseInput) -> UpdateCaseResult:  # noqa: A002
        """Change what was given."""
        key = local_key(input.id, "Case")
        fields = ("name", "category", "difficulty", "description", "draft_text")
        given = {field: value for field in fields if (value := getattr(input, field)) is not None}
        changes = {field: str(value) for field, value in given.items()}
        return Case.of(
            await info.context.write(
                lambda session: cases_for(session, info.context).update(key, input.revision, changes)
            )
        )

    @mutation_field(Scope.CASES_WRITE, "Makes a case ready for sessions; doing it twice changes nothing.")
    async def validate_case(self, info: Info, input: ValidateCaseInput) -> ValidateCaseResult:  # noqa: A002
        """Validate a draft."""
        key = local_key(input.id, "Case")
        return Case.of(
            await info.context.write(
                lambda session: cases_for(session, info.context).validate(key, input.revision)
            )
        )

    @mutation_field(Scope.CASES_WRITE, "Puts a case away; sessions that have it keep it.")
    async def archive_case(self, info: Info, input: ArchiveCaseInput) -> ArchiveCaseResult:  # noqa: A002
        """Archive a case."""
        key = local_key(input.id, "Case")
        return Case.of(
            await info.context.write(lambda session: cases_for(session, info.context).archive(key))
        )

    @mutation_field(Scope.CASES_WRITE, "Makes an archived case a draft again; any other stays as it is.")
    async def restore_case(self, info: Info, input: RestoreCaseInput) -> RestoreCaseResult:  # noqa: A002
        """Restore a case."""
        key = local_key(input.id, "Case")
        return Case.of(
            await info.context.write(lambda session: cases_for(session, info.context).restore(key))
        )

    @mutation_field(Scope.CASES_WRITE, "Removes a draft that no session has ever had.")
    async def delete_case(self, info: Info, input: DeleteCaseInput) -> DeleteCaseResult:  # noqa: A002
        """Delete a draft."""
        key = local_key(input.id, "Case")
        await info.context.write(lambda session: cases_for(session, info.context).delete(key))
        await info.context.call(info.context.services.intake.expire)
        return DeletedCase(case_id=input.id)
