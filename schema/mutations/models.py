"""Which version of a model answers: each mutation answers with the model as it then is."""

from typing import Annotated

import strawberry
from anyio import to_thread
from sqlmodel import Session

from schema.context import Context, Info
from schema.models.models import ModelAlias
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.models import Models
from schema.services.promotions import Promotions
from schema.types.base import local_key
from schema.types.models import Model


@strawberry.input(description="A version to put to use.")
class PromoteModelInput:
    """A version and an alias."""

    version_id: strawberry.ID = strawberry.field(description="The version.")
    alias: ModelAlias = strawberry.field(default=ModelAlias.CHAMPION, description="What to use it for.")
    override_reason: str = strawberry.field(
        default="",
        description="Why it is to take a champion's place although something speaks against it, at most 500 "
        "characters: kept on the trail. Required then, and of no effect otherwise.",
    )


@strawberry.input(description="An alias that is to mean the version again that it meant before.")
class RollbackModelInput:
    """A model and an alias."""

    model_id: strawberry.ID = strawberry.field(description="The model.")
    alias: ModelAlias = strawberry.field(default=ModelAlias.CHAMPION, description="Which alias.")


@strawberry.input(description="A model whose challenger to hold against its champion.")
class CompareModelsInput:
    """A model."""

    model_id: strawberry.ID = strawberry.field(description="The model.")


@strawberry.input(description="An A/B test to begin; one under way ends.")
class StartModelTrialInput:
    """A model and a share."""

    model_id: strawberry.ID = strawberry.field(description="The model.")
    share: int = strawberry.field(
        description="How many per cent of the subjects the challenger answers, 1 to 50."
    )


@strawberry.input(description="An A/B test to end.")
class StopModelTrialInput:
    """A model."""

    model_id: strawberry.ID = strawberry.field(description="The model.")


@strawberry.input(description="Whether challengers promote themselves.")
class SetPromotionPolicyInput:
    """A model and its policy."""

    model_id: strawberry.ID = strawberry.field(description="The model.")
    automatic: bool = strawberry.field(
        default=False,
        description="Whether a challenger takes the champion's place once nothing speaks against it.",
    )


@strawberry.input(description="A model whose versions to look for.")
class SyncModelsInput:
    """A model."""

    model_id: strawberry.ID = strawberry.field(description="The model.")


PromoteModelResult = Annotated[
    Model | Refusal, strawberry.union("PromoteModelResult", description="The model, or why it was left.")
]
RollbackModelResult = Annotated[
    Model | Refusal, strawberry.union("RollbackModelResult", description="The model, or why it was left.")
]
SyncModelsResult = Annotated[
    Model | Refusal, strawberry.union("SyncModelsResult", description="The model, or why nothing is done.")
]

CompareModelsResult = Annotated[
    Model | Refusal, strawberry.union("CompareModelsResult", description="The model, or why not.")
]
StartModelTrialResult = Annotated[
    Model | Refusal, strawberry.union("StartModelTrialResult", description="The model, or why not.")
]
StopModelTrialResult = Annotated[
    Model | Refusal, strawberry.union("StopModelTrialResult", description="The model, or why not.")
]
SetPromotionPolicyResult = Annotated[
    Model | Refusal, strawberry.union("SetPromotionPolicyResult", description="The model, or why not.")
]


@strawberry.type
class ModelMutations:
    """What administrators decide about models."""

    @mutation_field(
        Scope.MODELS_WRITE,
        "Lets a version answer from now on. It is loaded before the one before is dropped, which goes on if "
        "that fails.",
    )
    async def promote_model(self, info: Info, input: PromoteModelInput) -> PromoteModelResult:  # noqa: A002
        """Switch, then take it up in this process."""
        key, context = local_key(input.version_id, "ModelVersion"), info.context
        model = await context.write(
            lambda session: _models(session, context).promote(key, input.alias, input.override_reason)
        )
        await _taken_up(context)
        return Model.of(model)

    @mutation_field(Scope.MODELS_WRITE, "Lets the version answer again that did before.")
    async def rollback_model(self, info: Info, input: RollbackModelInput) -> RollbackModelResult:  # noqa: A002
        """Switch back, then take it up in this process."""
        key, context = local_key(input.model_id, "Model"), info.context
        model = await context.write(lambda session: _models(session, context).roll_back(key, input.alias))
        await _taken_up(context)
        return Model.of(model)

    @mutation_field(
        Scope.MODELS_WRITE, "Has the store of models looked at soon, instead of when its time comes."
    )
    async def sync_models(self, info: Info, input: SyncModelsInput) -> SyncModelsResult:  # noqa: A002
        """Wake the job."""
        key, context = local_key(input.model_id, "Model"), info.context
        return Model.of(await context.write(lambda session: _models(session, context).look(key)))

    @mutation_field(
        Scope.MODELS_WRITE, "Has champion and challenger compared soon, on data neither has learnt from."
    )
    async def compare_models(self, info: Info, input: CompareModelsInput) -> CompareModelsResult:  # noqa: A002
        """Wake the job."""
        key, context = local_key(input.model_id, "Model"), info.context
        return Model.of(await context.write(lambda session: _promotions(session, context).compare(key)))

    @mutation_field(
        Scope.MODELS_WRITE,
        "Lets the challenger answer a share of the subjects; who falls to it is drawn anew with each test.",
    )
    async def start_model_trial(self, info: Info, input: StartModelTrialInput) -> StartModelTrialResult:  # noqa: A002
        """Begin, then take it up in this process."""
        key, context = local_key(input.model_id, "Model"), info.context
        model = await context.write(
            lambda session: _promotions(session, context).start_trial(key, input.share)
        )
        await _taken_up(context)
        return Model.of(model)

    @mutation_field(Scope.MODELS_WRITE, "Lets the champion answer everybody again.")
    async def stop_model_trial(self, info: Info, input: StopModelTrialInput) -> StopModelTrialResult:  # noqa: A002
        """End, then take it up in this process."""
        key, context = local_key(input.model_id, "Model"), info.context
        model = await context.write(lambda session: _promotions(session, context).stop_trial(key))
        await _taken_up(context)
        return Model.of(model)

    @mutation_field(
        Scope.MODELS_WRITE,
        "Says whether challengers promote themselves once nothing speaks against it; else they do not.",
    )
    async def set_promotion_policy(
        self,
        info: Info,
        input: SetPromotionPolicyInput,  # noqa: A002
    ) -> SetPromotionPolicyResult:
        """Keep it."""
        key, context = local_key(input.model_id, "Model"), info.context
        model = await context.write(
            lambda session: _promotions(session, context).set_policy(key, automatic=input.automatic)
        )
        return Model.of(model)


async def _taken_up(context: Context) -> None:
    deployments = context.services.deployments
    await to_thread.run_sync(lambda: deployments.refresh(at_once=True))


def _promotions(session: Session, context: Context) -> Promotions:
    return Promotions(session, context.viewer, context.services.clock)


def _models(session: Session, context: Context) -> Models:
    return Models(session, context.viewer, context.services.clock)
