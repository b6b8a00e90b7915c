"""How a challenger is held against a champion: on held-out data, in the shadow, and in an A/B test."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant


class Obstacle(StrEnum):
    """Why the rule does not let a challenger take the champion's place."""

    NOT_COMPARED = "not_compared"
    COMPARISON_FAILED = "comparison_failed"
    NOT_COMPARABLE = "not_comparable"
    FIGURES_WORSE = "figures_worse"
    TOO_FEW_SHADOW_RUNS = "too_few_shadow_runs"
    NO_IMAGES_KEPT = "no_images_kept"
    TRIAL_WORSE = "trial_worse"
    TRIAL_UNEVEN = "trial_uneven"


class Incomparable(StrEnum):
    """Why nothing can be said by held-out data."""

    NO_DATA = "no_data"
    LEARNT_UNKNOWN = "learnt_unknown"
    ALL_LEARNT = "all_learnt"
    TOO_FEW = "too_few"


class TrialFinding(StrEnum):
    """What an A/B test says so far."""

    TOO_SMALL = "too_small"
    NO_DIFFERENCE = "no_difference"
    CHALLENGER_BETTER = "challenger_better"
    CHALLENGER_WORSE = "challenger_worse"
    UNEVEN = "uneven"


class Comparison(SQLModel, table=True):
    """A verdict by held-out data: asked for first, found by a worker, never altered then.

    `verdict` is what `python -m ml compare` says; None where there is a `fault` instead.
    """

    __table_args__ = (
        Index(
            "uq_comparison_pending",
            "champion_id",
            "challenger_id",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    model_id: int = Field(foreign_key="model.id", index=True)
    champion_id: int = Field(foreign_key="model_version.id")
    challenger_id: int = Field(foreign_key="model_version.id", index=True)
    asked_by: int | None = Field(default=None, foreign_key="account.id")
    asked_at: datetime = instant()
    finished_at: datetime | None = instant(default=None)
    verdict: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    fault: str | None = None


class Trial(SQLModel, table=True):
    """An A/B test: a share of subjects, in per cent, is answered by the challenger, not the champion."""

    __table_args__ = (
        Index(
            "uq_trial_running",
            "model_id",
            unique=True,
            sqlite_where=text("stopped_at IS NULL"),
            postgresql_where=text("stopped_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    model_id: int = Field(foreign_key="model.id", index=True)
    champion_id: int = Field(foreign_key="model_version.id")
    challenger_id: int = Field(foreign_key="model_version.id", index=True)
    share: int
    started_by: int | None = Field(default=None, foreign_key="account.id")
    started_at: datetime = instant()
    stopped_by: int | None = Field(default=None, foreign_key="account.id")
    stopped_at: datetime | None = instant(default=None)
