"""Clinical models as the API shows them: versions, and which one answers under which alias."""

from datetime import datetime

import strawberry
from anyio import to_thread

from ml.registry.registry import SlotStatus
from schema.context import Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.models import deployments_of_models, deployments_of_versions, models_by_id, versions_by_id
from schema.messages import MESSAGES
from schema.models.models import Deployment as DeploymentRow
from schema.models.models import Model as ModelRow
from schema.models.models import ModelAlias, RetrainingCause, StoreFault
from schema.models.models import ModelVersion as VersionRow
from schema.models.models import Retraining as RetrainingRow
from schema.models.predictions import BeatClass, FeedbackType, ModelFamily
from schema.models.promotions import Obstacle
from schema.models.work import Job as JobRow
from schema.policy import Scope
from schema.services.duels import MIN_SHADOW_RUNS
from schema.services.promotions import Standing, standing
from schema.services.retraining import retrainings_of
from schema.types.accounts import Account
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum
from schema.types.promotions import ModelComparison, ModelShadowRuns, ModelTrial

describe_enum(
    ModelFamily,
    "ModelFamily",
    "What kind of question a model answers.",
    "Which kind each heartbeat of a recording is of.",
    "How soon a patient who comes to an emergency department is to be seen.",
    "Where a brain tumour is, and which part of it is of which kind.",
)
describe_enum(
    StoreFault,
    "StoreFault",
    "Why the store of models could not be looked at; what is deployed goes on answering.",
    "It does not answer.",
    "Another process holds it.",
    "What it holds is incomplete or cannot be read.",
    "It does not have what this site knows of it.",
    "Anything else; the log says more.",
)
describe_enum(
    RetrainingCause,
    "RetrainingCause",
    "Why a model should learn anew.",
    "Many opinions on its predictions were given since it last did.",
    "Readers find its predictions wrong too often.",
)
SHOWN_RETRAININGS = 10
BEAT_NAMES = {each.value: each.name for each in BeatClass}
describe_enum(
    FeedbackType,
    "FeedbackType",
    "What somebody thinks of a prediction.",
    "It is right.",
    "It takes what there is too lightly.",
    "It makes too much of what there is.",
    "It is wrong otherwise.",
)
describe_enum(
    BeatClass,
    "BeatClass",
    "A kind of heartbeat.",
    "Conducted as usual.",
    "With left bundle-branch block.",
    "With right bundle-branch block.",
    "Premature, from above the ventricles.",
    "Premature, from a ventricle.",
)


@strawberry.type(description="A figure of a version's evaluation.")
class ModelMetric:
    """A name and a value."""

    name: str = strawberry.field(description="What was measured, as whoever trained it calls it.")
    value: float = strawberry.field(description="How much.")


@strawberry.type(description="One version of a model, as the store registered it.")
class ModelVersion(Node):
    """What answered, for as long as it is asked about."""

    row: strawberry.Private[VersionRow]
    number: int = strawberry.field(description="Its number in the store, from 1.")
    architecture: str = strawberry.field(description="How it is built; empty where it cannot be loaded.")
    digest: str | None = strawberry.field(
        description="SHA-256 of its sealed artefact; null where it cannot be loaded."
    )
    classes: list[str] = strawberry.field(
        description="What it tells apart: kinds of heartbeats (`PVC`), or levels of a scale (`KTAS 1`)."
    )
    metrics: list[ModelMetric] = strawberry.field(description="How it was evaluated.")
    card: str = strawberry.field(description="What it is for, how good it is and where it fails; Markdown.")
    data_hash: str = strawberry.field(description="Of what it was trained on.")
    code_version: str = strawberry.field(description="What it was trained with.")
    fault: str | None = strawberry.field(
        description="Why it cannot be loaded, in English; null where it can."
    )
    registered_at: datetime | None = strawberry.field(description="When it was; null where nothing tells.")
    withdrawn_at: datetime | None = strawberry.field(
        description="When the store was found to have it no more; null while it has."
    )

    @strawberry.field(description="The model it is a version of.")
    async def model(self, info: Info) -> "Model":
        """Load the model."""
        return Model.of(await info.context.loaders.of(models_by_id).load(self.row.model_id))

    @strawberry.field(description="What it is used for.")
    async def aliases(self, info: Info) -> list[ModelAlias]:
        """Load where it is deployed."""
        rows = await info.context.loaders.of(deployments_of_versions).load(self.row.id or 0)
        return [ModelAlias(row.alias) for row in rows]

    @classmethod
    def of(cls, row: VersionRow) -> "ModelVersion":
        """Return the node of a row."""
        return cls(
            id=global_id("ModelVersion", row.id or 0),
            row=row,
            number=row.number,
            architecture=row.architecture,
            digest=row.digest,
            classes=[BEAT_NAMES.get(name, name) for name in row.classes],
            metrics=[ModelMetric(name=name, value=value) for name, value in sorted(row.metrics.items())],
            card=row.card,
            data_hash=row.data_hash,
            code_version=row.code_version,
            fault=row.fault,
            registered_at=row.registered_at,
            withdrawn_at=row.withdrawn_at,
        )


@strawberry.type(description="How a deployed version stands in the process that answers this request.")
class LoadedModel:
    """What is loaded."""

    loading: bool = strawberry.field(description="Whether something is being loaded.")
    version_number: int | None = strawberry.field(
        description="Which version answers: the one before while another loads; null when none does."
    )
    load_milliseconds: int | None = strawberry.field(description="How long it took to load.")
    memory_megabytes: float | None = strawberry.field(
        description="By how much the process grew as it was loaded."
    )
    fault: str | None = strawberry.field(
        description="Why what is deployed does not answer, in English; null when it does or was not tried."
    )

    @classmethod
    def of(cls, status: SlotStatus) -> "LoadedModel":
        """Return what the registry says of a slot."""
        loaded = status.loaded
        return cls(
            loading=status.loading,
            version_number=loaded.deployed.version if loaded else None,
            load_milliseconds=round(loaded.load_s * 1000) if loaded else None,
            memory_megabytes=round(loaded.memory_mb, 1) if loaded else None,
            fault=status.fault,
        )


@strawberry.type(description="Which version answers under an alias.")
class Deployment:
    """An alias and its version."""

    row: strawberry.Private[DeploymentRow]
    family: strawberry.Private[str]
    alias: ModelAlias = strawberry.field(description="What it is used for.")
    changed_at: datetime = strawberry.field(description="Since when.")
    in_store: bool = strawberry.field(description="Whether the store's alias means the same version yet.")
    fault: str | None = strawberry.field(
        description="Why a process could not load it, in English; null when none had to say so."
    )

    @strawberry.field(description="The version that answers.")
    async def version(self, info: Info) -> ModelVersion:
        """Load the version."""
        return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(self.row.version_id))

    @strawberry.field(description="The version that answered before, and would by a rollback; null if none.")
    async def previous(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        if self.row.previous_id is None:
            return None
        return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(self.row.previous_id))

    @strawberry.field(description="Who decided it; null where it was taken up from the store.")
    async def changed_by(self, info: Info) -> Account | None:
        """Load the account."""
        if self.row.changed_by is None:
            return None
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.changed_by))

    @strawberry.field(description="How it stands in this process; null before this process has looked.")
    async def loaded(self, info: Info) -> LoadedModel | None:
        """Ask the registry."""
        status = await to_thread.run_sync(info.context.services.deployments.status)
        slot = (self.family, self.row.alias)
        return next((LoadedModel.of(each) for each in status if each.slot == slot), None)


@strawberry.type(description="A training of a new version, to be compared with the champion.")
class Retraining:
    """What was asked for, and what came of it."""

    row: strawberry.Private[RetrainingRow]
    run_name: str = strawberry.field(description="What MLflow calls the run.")
    include_feedback: bool = strawberry.field(description="Whether it learns from what readers said.")
    min_feedback_samples: int = strawberry.field(description="So many opinions had to be there.")
    progress: float = strawberry.field(description="How far it has come, 0 to 1.")
    opinion_count: int | None = strawberry.field(
        description="Opinions that it learns from; null before they were read, and without feedback."
    )
    feedback_hash: str | None = strawberry.field(
        description="SHA-256 of them as they were read; null likewise."
    )
    version_number: int | None = strawberry.field(
        description="The version that it registered as the challenger; null before that, and where it failed."
    )
    run: str | None = strawberry.field(description="MLflow's id of the run; null likewise.")
    fault: str | None = strawberry.field(description="Why it failed, in English; null where it did not.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null before that.")

    @strawberry.field(description="Who asked for it; null where an alert did.")
    async def asked_by(self, info: Info) -> Account | None:
        """Load the account."""
        if self.row.asked_by is None:
            return None
        return Account.of(await info.context.loaders.of(accounts_by_id).load(self.row.asked_by))

    @classmethod
    def of(cls, row: RetrainingRow, job: JobRow | None) -> "Retraining":
        """Return a training with how far its job has come."""
        return cls(
            row=row,
            run_name=row.run_name,
            include_feedback=row.include_feedback,
            min_feedback_samples=row.min_feedback,
            progress=1.0 if row.finished_at else job.progress if job else 0.0,
            opinion_count=row.opinions,
            feedback_hash=row.feedback_hash,
            version_number=row.number,
            run=row.run,
            fault=row.fault,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )


@strawberry.type(description="How a model's challenger stands beside its champion.")
class Promotion:
    """What the rule says, and with which figures."""

    found: strawberry.Private[Standing]
    automatic: bool = strawberry.field(
        description="Whether a challenger takes the champion's place once nothing speaks against it."
    )

    @strawberry.field(description="The champion; null where none is deployed.")
    async def champion(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        return await _version(info, self.found.champion_id)

    @strawberry.field(description="The challenger; null where none is deployed.")
    async def challenger(self, info: Info) -> ModelVersion | None:
        """Load the version."""
        return await _version(info, self.found.challenger_id)

    @strawberry.field(
        description="What speaks against the challenger's promotion; empty where nothing does, null where "
        "there are no two versions to compare."
    )
    def obstacles(self) -> list[Obstacle] | None:
        """Return the rule's answer."""
        return self.found.obstacles

    @strawberry.field(description="The newest comparison of the two; null before the first.")
    def comparison(self) -> ModelComparison | None:
        """Return what was found."""
        row = self.found.comparison
        return None if row is None else ModelComparison.of(row)

    @strawberry.field(description="How the challenger answered in the shadow; null where there is none.")
    def shadow(self) -> ModelShadowRuns | None:
        """Return the counts."""
        runs = self.found.shadow
        if runs is None:
            return None
        return ModelShadowRuns(
            answered_count=runs.answered,
            failed_count=runs.failed,
            needed_count=MIN_SHADOW_RUNS,
            agreement=runs.agreement,
        )

    @strawberry.field(description="The newest A/B test of the two; null before the first.")
    def trial(self) -> ModelTrial | None:
        """Return the test."""
        row, figures = self.found.trial, self.found.figures
        return None if row is None or figures is None else ModelTrial.of(row, figures)


async def _version(info: Info, version_id: int | None) -> ModelVersion | None:
    if version_id is None:
        return None
    return ModelVersion.of(await info.context.loaders.of(versions_by_id).load(version_id))


@strawberry.type(description="A family of versions that answer one kind of question.")
class Model(Node):
    """A model."""

    row: strawberry.Private[ModelRow]
    family: ModelFamily = strawberry.field(description="What kind of question.")
    fault: StoreFault | None = strawberry.field(
        description="Why the store could not be looked at the last time; null when it could."
    )
    looked_at: datetime | None = strawberry.field(
        description="When the store was last looked at; null before that."
    )

    retraining_due: RetrainingCause | None = strawberry.field(
        description="Why it should learn anew; null when nothing says so."
    )
    retraining_due_since: datetime | None = strawberry.field(description="Since when; null likewise.")

    @strawberry.field(description="Whether this site can train it, and the viewer may have it trained.")
    def retrainable(self, info: Info) -> bool:
        """Look at what is set up."""
        obstacle = info.context.services.training.obstacle(ModelFamily(self.row.family))
        return obstacle is None and info.context.viewer.may(Scope.MODELS_WRITE)

    @strawberry.field(
        description="Why this site cannot train it, in the viewer's language; null where it can."
    )
    def retraining_obstacle(self, info: Info) -> str | None:
        """Word what is not set up."""
        obstacle = info.context.services.training.obstacle(ModelFamily(self.row.family))
        return info.context.translate(MESSAGES[obstacle]) if obstacle else None

    @strawberry.field(description="The latest ten trainings of it that were asked for, the last first.")
    async def retrainings(self, info: Info) -> list[Retraining]:
        """Load them."""
        family = self.row.family
        rows = await info.context.read(lambda session: retrainings_of(session, family, SHOWN_RETRAININGS))
        return [Retraining.of(row, job) for row, job in rows]

    @strawberry.field(description="How its challenger stands beside its champion.")
    async def promotion(self, info: Info) -> Promotion:
        """Load and count."""
        model_id = self.row.id or 0
        found = await info.context.read(lambda session: standing(session, model_id))
        return Promotion(found=found, automatic=self.row.promotes_itself)

    @strawberry.field(description="Which version answers under each alias that is in use.")
    async def deployments(self, info: Info) -> list[Deployment]:
        """Load the deployments."""
        rows = await info.context.loaders.of(deployments_of_models).load(self.row.id or 0)
        return [
            Deployment(
                row=row,
                family=self.row.family,
                alias=ModelAlias(row.alias),
                changed_at=row.changed_at,
                in_store=row.mirrored_id == row.version_id,
                fault=row.fault,
            )
            for row in rows
        ]

    @classmethod
    def of(cls, row: ModelRow) -> "Model":
        """Return the node of a row."""
        return cls(
            id=global_id("Model", row.id or 0),
            row=row,
            family=ModelFamily(row.family),
            fault=StoreFault(row.fault) if row.fault else None,
            looked_at=row.looked_at,
            retraining_due=RetrainingCause(row.due) if row.due else None,
            retraining_due_since=row.due_since,
        )
