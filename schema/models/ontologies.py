"""Ontologies of the platform: where each came from, every version of it, and what was wrong with a file."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from schema.models.base import DOCUMENT, instant


class OntologyOrigin(StrEnum):
    """Where an ontology came from."""

    SHIPPED = "shipped"
    IMPORTED = "imported"


class VersionCause(StrEnum):
    """Why there is a version."""

    RELEASE = "release"
    IMPORT = "import"
    EDIT = "edit"


class Ontology(SQLModel, table=True):
    """A line of versions; one ontology at a time is in use."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    origin: str
    active: bool = Field(default=False, index=True)
    author_id: int | None = Field(default=None, foreign_key="account.id")
    created_at: datetime = instant()


class OntologyVersion(SQLModel, table=True):
    """An ontology as it was after one change; never altered.

    `document` is the whole of it as it was shipped or imported; None for an edit, which is the version before
    with its `ConceptChange` rows. `release` is the shipped version that a release took up.
    """

    __tablename__ = "ontology_version"
    __table_args__ = (UniqueConstraint("ontology_id", "version"),)
    id: int | None = Field(default=None, primary_key=True)
    ontology_id: int = Field(foreign_key="ontology.id", index=True)
    version: str
    number: int
    cause: str
    release: str | None = None
    document: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    concept_count: int
    comment: str = ""
    author_id: int | None = Field(default=None, foreign_key="account.id")
    created_at: datetime = instant()


class ConceptChange(SQLModel, table=True):
    """What one version made of one concept; None before the first and after the last."""

    __tablename__ = "concept_change"
    __table_args__ = (UniqueConstraint("version_id", "concept_id"),)
    id: int | None = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="ontology_version.id")
    concept_id: str = Field(index=True)
    before: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)
    after: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)


class OntologyFault(SQLModel, table=True):
    """Something wrong in an imported file, left out until an expert has settled it."""

    __tablename__ = "ontology_fault"
    id: int | None = Field(default=None, primary_key=True)
    ontology_id: int = Field(foreign_key="ontology.id", index=True)
    place: str
    code: str
    details: list[str] = Field(default_factory=list, sa_type=JSON)
    decision: str | None = None
    settled_by: int | None = Field(default=None, foreign_key="account.id")
    settled_at: datetime | None = instant(default=None)
