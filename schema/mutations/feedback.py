"""Feedback from files, and models that learn from it."""

from typing import Annotated, Any

import strawberry
from anyio import to_thread
from strawberry.file_uploads import Upload

from schema.context import Info
from schema.errors import ValidationFailedError
from schema.models.predictions import ModelFamily
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.feedback_files import read_lines
from schema.services.retraining import MIN_FEEDBACK, Retrainings
from schema.types.feedback import FeedbackImport
from schema.types.models import Retraining


@strawberry.input(description="Feedback on triage, one a line.")
class ImportFeedbackInput:
    """A file."""

    file: Upload = strawberry.field(
        description="JSON lines in UTF-8: `prediction_id`, `nurse_id`, `original_gravity`, `feedback_type`, "
        "`corrected_gravity`, `reason`, `missed_symptoms`, `patient_features`. At most 1 MB and 5,000 lines."
    )


@strawberry.input(description="A model that is to learn anew.")
class RetrainInput:
    """What from, and what to call it."""

    family: ModelFamily = strawberry.field(description="Which one.")
    include_feedback: bool = strawberry.field(
        default=True, description="Whether to learn from what readers said, beside the first data."
    )
    min_feedback_samples: int = strawberry.field(
        default=MIN_FEEDBACK, description="With fewer opinions nothing is trained."
    )
    run_name: str = strawberry.field(
        default="", description="What MLflow is to call the run, at most 100 characters; made when left out."
    )


ImportFeedbackResult = Annotated[
    FeedbackImport | Refusal,
    strawberry.union("ImportFeedbackResult", description="What came of it, or why nothing was read."),
]
RetrainResult = Annotated[
    Retraining | Refusal,
    strawberry.union("RetrainResult", description="The training to follow, or why there is none."),
]


@strawberry.type
class FeedbackMutations:
    """Imports and retrainings."""

    @mutation_field(
        Scope.MODELS_WRITE,
        "Takes feedback in from a file; names in it are overwritten. The same file again changes nothing.",
    )
    async def import_feedback(self, info: Info, input: ImportFeedbackInput) -> ImportFeedbackResult:  # noqa: A002
        """Read the lines, a few at a time."""
        given: Any = input.file  # the web framework's upload, or a plain stream
        stream = getattr(given, "file", given)
        if not hasattr(stream, "read"):
            raise ValidationFailedError.of("file", "required")
        lines = await to_thread.run_sync(read_lines, stream)
        imports, viewer = info.context.services.feedback_imports, info.context.viewer
        tally = await info.context.call(lambda: imports.work(viewer, lines))
        return FeedbackImport.of(tally, info)

    @mutation_field(
        Scope.MODELS_WRITE,
        "Has a new version trained and registered as the challenger; it answers nobody until it is promoted.",
    )
    async def retrain(self, info: Info, input: RetrainInput) -> RetrainResult:  # noqa: A002
        """Queue the training."""
        services, viewer = info.context.services, info.context.viewer
        row = await info.context.write(
            lambda session: Retrainings(session, viewer, services.clock, services.training).start(
                input.family,
                input.run_name,
                input.min_feedback_samples,
                include_feedback=input.include_feedback,
            )
        )
        return Retraining.of(row, None)
