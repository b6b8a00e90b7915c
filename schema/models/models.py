"""Clinical models: what versions the store has, and which of them answers under which alias."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class ModelAlias(StrEnum):
    """What a version of a model is used for."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"


class StoreFault(StrEnum):
    """Why the store of models could not be looked at."""

    UNAVAILABLE = "unavailable"
    LOCKED = "locked"
    DAMAGED = "damaged"
    MISSING = "missing"
    FAILED = "failed"


class RetrainingCause(StrEnum):
    """Why a model should learn anew."""

    FEEDBACK = "feedback"
    ERROR_RATE = "error_rate"


class Model(SQLModel, table=True):
    """A family of versions; `fault` is what the last look at the store met.

    `due` is why it should learn anew, from when on until it has.
    `promotes_itself` is whether a challenger that the rule lets pass takes the champion's place by itself.
    """

    id: int | None = Field(default=None, primary_key=True)
    family: str = Field(unique=True)
    fault: str | None = None
    looked_at: datetime | None = instant(default=None)
    due: str | None = None
    due_since: datetime | None = instant(default=None)
    promotes_itself: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    created_at: datetime = instant()


class ModelVersion(SQLModel, table=True):
    """A version as the store had it; what was once said of one that answered is never altered.

    `reference` is what it learnt from, as counts (`ml.monitoring.reference`); None for one without.
    `digest` names its artefact, None where it cannot be loaded, for the reason in `fault`. A version that the
    store has no more, or has replaced, is `withdrawn_at` some time; a deployed one goes on answering.
    """

    __tablename__ = "model_version"
    id: int | None = Field(default=None, primary_key=True)
    model_id: int = Field(foreign_key="model.id", index=True)
    number: int
    digest: str | None = None
    architecture: str = ""
    classes: list[str] = Field(default_factory=list, sa_type=JSON)
    metrics: dict[str, float] = Field(default_factory=dict, sa_type=JSON)
    card: str = ""
    data_hash: str = ""
    code_version: str = ""
    reference: str | None = None
    fault: str | None = None
    registered_at: datetime | None = instant(default=None)
    withdrawn_at: datetime | None = instant(default=None)
    created_at: datetime = instant()


class Deployment(SQLModel, table=True):
    """The version that an alias means here, and the one it meant before.

    `mirrored_id` is what the store's alias was when it was last looked at or set: where the two differ from
    `version_id`, the store is still to be told. `fault` is why what is deployed could not be loaded.
    """

    __table_args__ = (UniqueConstraint("model_id", "alias"),)
    id: int | None = Field(default=None, primary_key=True)
    model_id: int = Field(foreign_key="model.id")
    alias: str
    version_id: int = Field(foreign_key="model_version.id")
    previous_id: int | None = Field(default=None, foreign_key="model_version.id")
    mirrored_id: int | None = Field(default=None, foreign_key="model_version.id")
    fault: str | None = None
    changed_by: int | None = Field(default=None, foreign_key="account.id")
    changed_at: datetime = instant()


class Retraining(SQLModel, table=True):
    """A training of a family that somebody asked for, or its alert; at most one of each is under way.

    `job_id` is no foreign key: jobs are removed some time after they ended. `opinions` and `feedback_hash`
    are of the snapshot that it learns from, `number` is the version that it registered, `fault` why it did
    not.
    """

    __table_args__ = (
        Index(
            "uq_retraining_under_way",
            "family",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    family: str
    job_id: int | None = None
    asked_by: int | None = Field(default=None, foreign_key="account.id")
    run_name: str
    include_feedback: bool
    min_feedback: int
    opinions: int | None = None
    feedback_hash: str | None = None
    number: int | None = None
    run: str | None = None
    fault: str | None = None
    created_at: datetime = instant()
    finished_at: datetime | None = instant(default=None)
