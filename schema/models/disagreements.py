"""What the rules and a language model read differently, until an expert settles it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import instant


class TextOrigin(StrEnum):
    """Who wrote the text."""

    DESCRIPTION = "description"
    ANSWER = "answer"


class DisagreementVerdict(StrEnum):
    """Who was right."""

    RULES = "rules"
    MODEL = "model"
    NEITHER = "neither"


class Disagreement(SQLModel, table=True):
    """One concept of one text, as a digest keyed with the platform's secret; nothing tells whose it was.

    `sentence` holds words of descriptions only, masked, until someone settles it or 90 days have passed; of
    an answer nothing is kept. `matcher_version` names model, question, rules and ontology.
    """

    __table_args__ = (UniqueConstraint("text_digest", "concept_id", "matcher_version"),)
    id: int | None = Field(default=None, primary_key=True)
    text_digest: str
    origin: str
    concept_id: str
    rules_polarity: str | None = None
    model_polarity: str | None = None
    sentence: str = ""
    matcher_version: str
    created_at: datetime = instant()
    verdict: str | None = Field(default=None, index=True)
    settled_by: int | None = Field(default=None, foreign_key="account.id")
    settled_at: datetime | None = instant(default=None)
