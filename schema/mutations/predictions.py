"""Asking models, and telling them what one thinks of it."""

from typing import Annotated

import strawberry
from anyio import to_thread

from schema.context import Info
from schema.models.models import ModelAlias
from schema.models.predictions import WHOLE, BeatClass, FeedbackType, ModelFamily, TriageLevel
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.feedback import Opinion
from schema.services.predictions import Predictions
from schema.types.base import local_key
from schema.types.predictions import BeatPrediction, Feedback, prediction_key, readers_for


@strawberry.input(description="A recording whose beats a model is to read.")
class PredictBeatsInput:
    """A recording and which model to ask."""

    recording_id: strawberry.ID = strawberry.field(description="A signal of one of the viewer's cases.")
    alias: ModelAlias = strawberry.field(default=ModelAlias.CHAMPION, description="Which model to ask.")


@strawberry.input(description="What the viewer thinks of a prediction, or of one beat of it.")
class SubmitFeedbackInput:
    """An opinion; it takes the place of the viewer's earlier one on the same."""

    prediction_id: strawberry.ID = strawberry.field(description="The prediction, of any family.")
    type: FeedbackType = strawberry.field(description="What they think.")
    beat: int | None = strawberry.field(
        default=None, description="The beat, counted from 1; the prediction as a whole when left out."
    )
    corrected_class: BeatClass | None = strawberry.field(
        default=None,
        description="What it should have said of beats; not beside `CORRECT`, nor `NORMAL` beside `UPGRADE`, "
        "nor what it said of the beat.",
    )
    corrected_level: TriageLevel | None = strawberry.field(
        default=None,
        description="The level a visit should have been given: more urgent beside `UPGRADE`, less beside "
        "`DOWNGRADE`, and required there; not beside `CORRECT`.",
    )
    reason: str = strawberry.field(
        default="", description="Why, at most 1,000 characters; names in it are overwritten."
    )
    missed_findings: list[str] = strawberry.field(
        default_factory=list, description="Codes of concepts that should have been found, at most 20."
    )
    missed_symptoms: list[str] = strawberry.field(
        default_factory=list,
        description="What of a visit should have been weighed: at most 20, of 100 characters; names in them "
        "are overwritten.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="At most 100 characters; sent again under its key, it changes nothing."
    )


PredictBeatsResult = Annotated[
    BeatPrediction | Refusal,
    strawberry.union("PredictBeatsResult", description="The prediction, or why nothing was asked."),
]
SubmitFeedbackResult = Annotated[
    Feedback | Refusal,
    strawberry.union("SubmitFeedbackResult", description="The feedback in force, or why it was not taken."),
]


@strawberry.type
class PredictionMutations:
    """Asking, and feedback."""

    @mutation_field(
        Scope.PREDICTIONS_WRITE,
        "Has a model read the beats of a recording, and keeps what it says, or that no model answered.",
    )
    async def predict_beats(self, info: Info, input: PredictBeatsInput) -> PredictBeatsResult:  # noqa: A002
        """Ask first who may, then the model outside any transaction, then keep it."""
        key, context = local_key(input.recording_id, "Recording"), info.context
        services, viewer = context.services, context.viewer
        asked = await context.read(lambda session: Predictions(session, viewer, services.clock).to_ask(key))
        routed = await to_thread.run_sync(
            lambda: services.router.ask(
                ModelFamily.BEATS,
                input.alias,
                f"case {asked.case_id}",
                lambda alias: services.asking.beats(asked, alias),
            ),
            limiter=services.analyses,
        )
        made = await context.write(
            lambda session: Predictions(session, viewer, services.clock).keep(asked, routed)
        )
        return BeatPrediction.of(made)

    @mutation_field(
        Scope.FEEDBACK_WRITE,
        "Says what the viewer thinks of a prediction they may see; the same again changes nothing.",
    )
    async def submit_feedback(self, info: Info, input: SubmitFeedbackInput) -> SubmitFeedbackResult:  # noqa: A002
        """Put the opinion in force."""
        family, key = prediction_key(input.prediction_id)
        ontology = info.context.services.ontology
        opinion = Opinion(
            type=input.type,
            target=WHOLE if input.beat is None else input.beat,
            corrected=input.corrected_class,
            level=input.corrected_level,
            reason=input.reason,
            missed=input.missed_findings,
            symptoms=input.missed_symptoms,
        )
        given = await info.context.write(
            lambda session: readers_for(session, info).submit(
                family, key, opinion, ontology, input.idempotency_key
            )
        )
        return Feedback.of(given)
