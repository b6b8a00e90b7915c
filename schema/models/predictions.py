"""What models said of recordings and visits, and what people think of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant

EXTERNAL = "external"
"""The alias of a prediction that was made outside of this platform."""
WHOLE = 0
"""The target of feedback on a prediction as a whole; its parts are counted from 1."""


class ModelFamily(StrEnum):
    """What kind of question a model answers."""

    BEATS = "beats"
    TRIAGE = "triage"
    SEGMENTATION = "segmentation"


class BeatClass(StrEnum):
    """A kind of heartbeat, by the name that models give it."""

    NORMAL = "Normal"
    LBBB = "LBBB"
    RBBB = "RBBB"
    APB = "APB"
    PVC = "PVC"


class TriageLevel(StrEnum):
    """How soon a patient is to be seen, by the FRENCH scale, the most urgent first."""

    TRI_1 = "1"
    TRI_2 = "2"
    TRI_3A = "3A"
    TRI_3B = "3B"
    TRI_4 = "4"
    TRI_5 = "5"

    def urgency_over(self, other: "TriageLevel") -> int:
        """Return by how many steps this level is more urgent than another; negative where it is less."""
        levels = list(TriageLevel)
        return levels.index(other) - levels.index(self)


class ModelProblem(StrEnum):
    """Why a prediction has no answer."""

    NOT_DEPLOYED = "not_deployed"
    LOADING = "loading"
    LOAD_FAILED = "load_failed"
    ANSWER_FAILED = "answer_failed"
    SIGNAL_UNREADABLE = "signal_unreadable"


class FeedbackType(StrEnum):
    """What somebody thinks of a prediction."""

    CORRECT = "correct"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    DISAGREE = "disagree"


class Prediction(SQLModel, table=True):
    """What one version of a model said of one recording, visit or patient, at one time; never altered.

    `input_sha256` is the key of the signal that was read, which stays when the recording leaves its case;
    of a visit, the digest of what was said of it; of a segmentation, the key of the label map that is
    kept. `answer` is the whole of it, packed as its family does; `counts`, `level`, `quality` and
    `confidence` (0 to 1, of beats and of segmented voxels the mean) are told without unpacking. `slices`
    name the groups that figures are also told of: ``sex:F``, ``age:65``. `watched` says which of the
    counts of its version's reference it belongs to, feature by feature; None where it has none. `visit`
    is pseudonymous: what was measured and answered, and the complaint with whatever names it held
    overwritten.

    Of an A/B test (`trial_id`) the subject is named by a keyed hash that tells the same again. What a version
    in the shadow said of the same (`shadow_of`) is shown to nobody; `agreement` is the share of beats it
    names alike, or whether it gives the visit the same level.
    """

    __table_args__ = (
        UniqueConstraint("shadow_of", "version_id"),
        Index("ix_prediction_recording", "recording_id", "input_sha256"),
        {"sqlite_autoincrement": True},  # the trail names it for ever, so no other takes its number
    )
    id: int | None = Field(default=None, primary_key=True)
    family: str
    case_id: int | None = Field(default=None, foreign_key="case.id", index=True)
    recording_id: int | None = None
    visit: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    asked_by: int = Field(foreign_key="account.id", index=True)
    version_id: int | None = Field(default=None, foreign_key="model_version.id", index=True)
    alias: str
    input_sha256: str
    ml_available: bool
    ml_error: str | None = None
    latency_ms: int
    quality: str | None = None
    quality_reasons: list[str] = Field(default_factory=list, sa_type=JSON)
    counts: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    level: str | None = None
    confidence: float | None = None
    slices: list[str] | None = Field(default=None, sa_type=DOCUMENT)
    watched: list[int] | None = Field(default=None, sa_type=DOCUMENT)
    answer: bytes | None = None
    trial_id: int | None = Field(default=None, foreign_key="trial.id", index=True)
    trial_subject: str | None = None
    shadow_of: int | None = None  # no key to the table itself: SQLite could not make it anew to alter it
    agreement: float | None = None
    created_at: datetime = instant(index=True)


class Feedback(SQLModel, table=True):
    """What one reader thinks of a prediction, or of one part of it: the row in force, and those before it.

    `reader` names whoever it is without telling who; `account_id` is for their right to see and change it,
    and None of what was imported. `original` is what the prediction had said of the target, a class or a
    level; None of a whole recording. `family` and `version_id` are the prediction's, which never change, so
    that opinions are counted without looking a million predictions up.
    """

    __table_args__ = (
        UniqueConstraint("prediction_id", "reader", "target", "number"),
        UniqueConstraint("reader", "idempotency_key"),
        Index(
            "uq_feedback_current",
            "prediction_id",
            "reader",
            "target",
            unique=True,
            sqlite_where=text("current"),
            postgresql_where=text("current"),
        ),
        Index("ix_feedback_current_created_at", "current", "created_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    prediction_id: int = Field(foreign_key="prediction.id")
    family: str
    version_id: int | None = None
    reader: str
    account_id: int | None = Field(default=None, foreign_key="account.id", index=True)
    target: int = WHOLE
    number: int = 1
    current: bool = True
    type: str
    original: str | None = None
    corrected_class: str | None = None
    corrected_level: str | None = None
    reason: str = ""
    missed_findings: list[str] = Field(default_factory=list, sa_type=JSON)
    missed_symptoms: list[str] = Field(default_factory=list, sa_type=JSON)
    idempotency_key: str | None = None
    created_at: datetime = instant()


class ImportedFeedback(SQLModel, table=True):
    """What a reader elsewhere thinks of a visit that another program triaged: kept to learn from only.

    `reference` is what that program called its prediction, `digest` names what is said: another opinion of
    the same reader is another row, and the last one counts. No figure of a model of ours counts any.
    """

    __tablename__ = "imported_feedback"
    __table_args__ = (UniqueConstraint("reference", "reader", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    reference: str
    reader: str
    digest: str
    imported_by: int = Field(foreign_key="account.id", index=True)
    type: str
    original: str
    corrected_level: str | None = None
    reason: str = ""
    missed_symptoms: list[str] = Field(default_factory=list, sa_type=JSON)
    visit: dict[str, Any] = Field(sa_type=JSON)
    created_at: datetime = instant()
