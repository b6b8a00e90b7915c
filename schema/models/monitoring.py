"""What models answered, summed up by day, so that a year is read in a moment."""

from datetime import date

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT

NO_VERSION = 0
"""The version of predictions that no model had a part in; a version's key is never 0."""


class PredictionDay(SQLModel, table=True):
    """The predictions of one day, version and alias; kept in the transaction that keeps each prediction.

    `day` is in UTC. `latency` and `confidence` are the counts of `ml.monitoring.sketches`; the others count
    by name, and `slices` has of each its predictions and the sum of their confidences. `watched` counts what
    is held against the version's reference, by the numbers of feature and bin (``3:0``); None of nothing.
    """

    __tablename__ = "prediction_day"
    __table_args__ = (UniqueConstraint("family", "day", "version_id", "alias"),)
    id: int | None = Field(default=None, primary_key=True)
    family: str
    day: date
    version_id: int = NO_VERSION
    alias: str
    total: int = 0
    answered: int = 0
    problems: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    latency: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    confidence: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    classes: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    quality: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    slices: dict[str, tuple[int, float]] = Field(default_factory=dict, sa_type=JSON)
    watched: dict[str, int] | None = Field(default=None, sa_type=DOCUMENT)
