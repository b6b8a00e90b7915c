"""Segmentations of brain tumours, made by whatever model, followed over time."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant


class SegmentationStatus(StrEnum):
    """What became of a segmentation."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class SegmentedPatient(SQLModel, table=True):
    """Somebody by the code that one account gives them: another's same code is somebody else."""

    __tablename__ = "segmented_patient"
    __table_args__ = (UniqueConstraint("owner_id", "code"),)
    id: int | None = Field(default=None, primary_key=True)
    owner_id: int = Field(foreign_key="account.id")
    code: str
    created_at: datetime = instant()


class Segmentation(SQLModel, table=True):
    """What goes with a prediction that is a segmentation; never altered, but for `run` and `images`.

    `examined_on` is a day in ISO 8601, which sorts. `figures` is what was measured, with the keys of the
    pictures; None of one that failed. `images` has the keys of what was segmented by what it is called, to
    try new versions on and to learn from: None unless whoever sent them had them kept, and once they are
    forgotten. `run` is MLflow's, None until it is logged there.
    """

    __table_args__ = (UniqueConstraint("patient_id", "idempotency_key"),)
    prediction_id: int = Field(foreign_key="prediction.id", primary_key=True)
    patient_id: int = Field(foreign_key="segmented_patient.id", index=True)
    examined_on: str
    model_name: str
    model_version: str
    physician: str | None = None
    status: str
    processing_s: float
    figures: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    images: dict[str, str] | None = Field(default=None, sa_type=DOCUMENT)
    idempotency_key: str | None = None
    asked_sha256: str | None = None
    run: str | None = Field(default=None, index=True)
