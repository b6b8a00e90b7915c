"""Cases: recordings, the expert's annotations, and the numbered revisions sessions pin."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant


class CaseCategory(StrEnum):
    """What the case teaches."""

    RHYTHM_DISORDER = "rhythm_disorder"
    INFARCTION = "infarction"
    CONDUCTION_BLOCK = "conduction_block"
    HYPERTROPHY = "hypertrophy"
    NORMAL = "normal"
    OTHER = "other"


class Difficulty(StrEnum):
    """How hard a case is to read."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"
    EXPERT = "expert"


class CaseStatus(StrEnum):
    """Where a case stands: being written, ready for sessions, put away."""

    DRAFT = "draft"
    VALIDATED = "validated"
    ARCHIVED = "archived"


class RecordingTiming(StrEnum):
    """When in the patient's course a recording was taken."""

    INITIAL = "initial"
    POST_TREATMENT = "post_treatment"
    CONTROL = "control"
    FOLLOW_UP = "follow_up"


class AnnotationType(StrEnum):
    """How the annotation came about: from a description, picked by hand, or suggested by a model."""

    MATCHED = "matched"
    PICKED = "picked"
    SUGGESTED = "suggested"


class AnnotationRole(StrEnum):
    """Whether the annotation counts in the mark."""

    SCORED = "scored"
    DESCRIPTIVE = "descriptive"


class Case(SQLModel, table=True):
    """A teaching case; `revision` is the number of its latest saved change.

    `idempotency_key` names the request that made it and `asked_sha256` tells that from another one.
    """

    __table_args__ = (Index(None, "owner_id", "idempotency_key", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(foreign_key="account.id", index=True)
    name: str
    category: str = Field(index=True)
    difficulty: str = Field(index=True)
    description: str = ""
    draft_text: str = ""
    status: str = Field(default=CaseStatus.DRAFT.value, index=True)
    revision: int = 1
    search_text: str = ""
    idempotency_key: str | None = None
    asked_sha256: str | None = None
    created_at: datetime = instant()
    updated_at: datetime = instant(index=True)


class Recording(SQLModel, table=True):
    """One ECG of a case: a de-identified original, its calibrated rendering, a thumbnail.

    Of an edited picture these are what its `steps` (`ml.ecg.editing`) made of `unedited_key`, which is for
    those who may change the case alone. `idempotency_key` names the import that made it, so that an import
    sent again adds nothing, and `asked_sha256` tells it from another one. `paper` says of a signal how it was
    read off a picture, with the points a person corrected; None where it was measured.
    """

    __table_args__ = (UniqueConstraint("case_id", "idempotency_key"),)
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True)
    label: str
    timing: str
    position: int
    kind: str
    media_type: str
    original_key: str
    rendering_key: str
    rendering_media_type: str
    thumbnail_key: str
    width: int
    height: int
    pixels_per_mm: float | None = None
    sampling_rate_hz: float | None = None
    duration_s: float | None = None
    leads: list[str] = Field(default_factory=list, sa_type=JSON)
    unedited_key: str | None = None
    steps: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    paper: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    idempotency_key: str | None = None
    asked_sha256: str | None = None
    created_at: datetime = instant()


class Digitisation(SQLModel, table=True):
    """What a picture of paper was last read as, for its owner to look at before it becomes a recording.

    `picture_key` names the picture as it was shown then, `job_id` the job that reads it. `asked` is what was
    told of the paper, with the points corrected by hand. `found` is the recording it would be; None before
    that, and where reading failed, as `failure` says.
    """

    id: int | None = Field(default=None, primary_key=True)
    recording_id: int = Field(foreign_key="recording.id", unique=True)
    job_id: int
    picture_key: str
    asked: dict[str, Any] = Field(sa_type=JSON)
    found: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    failure: str | None = None
    created_at: datetime = instant()


class Annotation(SQLModel, table=True):
    """An expert's statement about the case: a concept, how sure, how much it weighs."""

    __table_args__ = (UniqueConstraint("case_id", "concept_id"),)
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True)
    concept_id: str
    confidence: float
    type: str
    coefficient: float
    role: str
    position: int
    created_at: datetime = instant()


class CaseRevision(SQLModel, table=True):
    """The whole case as it was after one saved change; never altered."""

    __tablename__ = "case_revision"
    __table_args__ = (UniqueConstraint("case_id", "number"),)
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case.id", index=True)
    number: int
    author_id: int = Field(foreign_key="account.id")
    ontology_version: str
    snapshot: dict[str, Any] = Field(sa_type=JSON)
    created_at: datetime = instant()
