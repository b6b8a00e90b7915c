"""Ontologies, their versions and what changed in them, as the API shows them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from sqlmodel import Session

from schema.context import Context, Info
from schema.loaders.accounts import accounts_by_id
from schema.loaders.ontologies import (
    changes_of_versions,
    latest_versions,
    open_fault_counts,
    versions_by_id,
)
from schema.messages import FAULTS
from schema.models import ontologies as rows
from schema.models.ontologies import OntologyOrigin, VersionCause
from schema.services.ontologies import Ontologies
from schema.types.accounts import Account
from schema.types.base import Node, global_id
from schema.types.concepts import Concept
from schema.types.enums import describe_enum

describe_enum(
    OntologyOrigin,
    "OntologyOrigin",
    "Where an ontology came from.",
    "With the platform; experts may have edited it since.",
    "From a file.",
)
describe_enum(
    VersionCause,
    "OntologyVersionCause",
    "Why there is a version of an ontology.",
    "A release of the platform brought it, joined with the experts' edits.",
    "A file was imported.",
    "An expert edited a concept.",
)


def ontologies_for(session: Session, context: Context) -> Ontologies:
    """Return the viewer's way to the ontologies."""
    services = context.services
    return Ontologies(session, context.viewer, services.clock, services.shelf.shipped)


class ChangeKind(StrEnum):
    """What became of a concept."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


describe_enum(
    ChangeKind,
    "ConceptChangeKind",
    "What a version made of a concept.",
    "It was not there before.",
    "Some of its fields changed.",
    "It is not there any more.",
)


@strawberry.type(description="One field of a concept that a version changed.")
class FieldChange:
    """Before and after."""

    name: str = strawberry.field(description="The field, as `Concept` calls it; `labelFr`, `synonymsEn` …")
    before: list[str] = strawberry.field(description="What is not there any more; codes name concepts.")
    after: list[str] = strawberry.field(description="What was not there before.")


@strawberry.type(description="What one version of an ontology made of one concept.")
class ConceptChange(Node):
    """A line of a concept's history."""

    row: strawberry.Private[rows.ConceptChange]
    kind: ChangeKind = strawberry.field(description="What became of it.")

    @strawberry.field(description="The concept as it is today; by its code where it is gone.")
    def concept(self, info: Info) -> Concept:
        """Return the concept."""
        return Concept.coded(self.row.concept_id, info.context)

    @strawberry.field(description="The version that made the change.")
    def version(self, info: Info) -> "OntologyVersion":
        """Load the version."""
        return info.context.loaders.then(versions_by_id, self.row.version_id, OntologyVersion.of)

    @strawberry.field(description="The fields that differ.")
    def fields(self) -> list[FieldChange]:
        """Compare before and after."""
        return field_changes(self.row.before or {}, self.row.after or {})

    @classmethod
    def of(cls, row: rows.ConceptChange) -> "ConceptChange":
        """Return the node of a row."""
        kind = ChangeKind.ADDED if row.before is None else ChangeKind.CHANGED
        kind = ChangeKind.REMOVED if row.after is None else kind
        return cls(id=global_id("ConceptChange", row.id or 0), row=row, kind=kind)


@strawberry.type(description="An ontology as it was after one change; never altered.")
class OntologyVersion(Node):
    """A version."""

    row: strawberry.Private[rows.OntologyVersion]
    version: str = strawberry.field(description="Its number and a digest of its contents.")
    cause: VersionCause = strawberry.field(description="Why there is this version.")
    comment: str = strawberry.field(description="What its author said about it.")
    concept_count: int = strawberry.field(description="How many concepts it has.")
    created_at: datetime = strawberry.field(description="When.")

    @strawberry.field(description="Who made it; null for what came with the platform.")
    def author(self, info: Info) -> Account | None:
        """Load the author."""
        if self.row.author_id is None:
            return None
        return info.context.loaders.then(accounts_by_id, self.row.author_id, Account.of)

    @strawberry.field(description="What it made of concepts; empty for a release and an import.")
    def changes(self, info: Info) -> list[ConceptChange]:
        """Load the changes."""
        return info.context.loaders.then(
            changes_of_versions, self.row.id or 0, lambda found: [ConceptChange.of(row) for row in found]
        )

    @classmethod
    def of(cls, row: rows.OntologyVersion) -> "OntologyVersion":
        """Return the node of a row."""
        return cls(
            id=global_id("OntologyVersion", row.id or 0),
            row=row,
            version=row.version,
            cause=VersionCause(row.cause),
            comment=row.comment,
            concept_count=row.concept_count,
            created_at=row.created_at,
        )


@strawberry.type(description="A set of concepts; the whole platform uses one at a time.")
class Ontology(Node):
    """An ontology."""

    row: strawberry.Private[rows.Ontology]
    name: str = strawberry.field(description="What it is called.")
    origin: OntologyOrigin = strawberry.field(description="Where it came from.")
    active: bool = strawberry.field(description="Whether it is the one in use.")
    created_at: datetime = strawberry.field(description="Since when the platform has it.")

    @strawberry.field(description="Its newest version: a number and a digest of its contents.")
    def version(self, info: Info) -> str:
        """Return the version that this process reads with, or load that of another ontology."""
        if self.row.active:
            return info.context.services.shelf.current.ontology.version
        return info.context.loaders.then(latest_versions, self.row.id or 0, _version_of)

    @strawberry.field(description="How many concepts it has.")
    def concept_count(self, info: Info) -> int:
        """Load the count."""
        return info.context.loaders.then(latest_versions, self.row.id or 0, _count_of)

    @strawberry.field(description="Faults of its file that nobody has settled.")
    def open_fault_count(self, info: Info) -> int:
        """Count them."""
        return info.context.loaders.then(open_fault_counts, self.row.id or 0, int)

    @classmethod
    def of(cls, row: rows.Ontology) -> "Ontology":
        """Return the node of a row."""
        return cls(
            id=global_id("Ontology", row.id or 0),
            row=row,
            name=row.name,
            origin=OntologyOrigin(row.origin),
            active=row.active,
            created_at=row.created_at,
        )


@strawberry.type(description="Something wrong in an imported file: it was left out.")
class OntologyFault(Node):
    """A fault, for an expert to settle."""

    row: strawberry.Private[rows.OntologyFault]
    place: str = strawberry.field(description="Where in the file, like a path: `concepts.BBG.synonyms`.")
    decision: str | None = strawberry.field(description="What was decided; null while it is open.")
    settled_at: datetime | None = strawberry.field(description="When it was decided.")

    @strawberry.field(description="What is wrong, in the viewer's language.")
    def message(self, info: Info) -> str:
        """Word it."""
        sentence = FAULTS.get(self.row.code)
        said = " ".join([self.row.code, *self.row.details]) if sentence is None else ""
        return info.context.translate(sentence).format(*self.row.details) if sentence else said

    @strawberry.field(description="Who decided.")
    def settled_by(self, info: Info) -> Account | None:
        """Load the account."""
        if self.row.settled_by is None:
            return None
        return info.context.loaders.then(accounts_by_id, self.row.settled_by, Account.of)

    @classmethod
    def of(cls, row: rows.OntologyFault) -> "OntologyFault":
        """Return the node of a row."""
        return cls(
            id=global_id("OntologyFault", row.id or 0),
            row=row,
            place=row.place,
            decision=row.decision,
            settled_at=row.settled_at,
        )


def _version_of(row: rows.OntologyVersion) -> str:
    return row.version


def _count_of(row: rows.OntologyVersion) -> int:
    return row.concept_count


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """Return what differs between two documents of a concept, field by field."""
    changes = []
    for field in dict.fromkeys((*before, *after)):
        was, now = _said(before.get(field)), _said(after.get(field))
        if was != now:
            changes.append(
                FieldChange(
                    name=_camel(field),
                    before=[each for each in was if each not in now],
                    after=[each for each in now if each not in was],
                )
            )
    return changes


def _said(value: Any) -> list[str]:
    """Return a field's value as separate statements."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [f"{key} {each}" for key, each in value.items()]
    if isinstance(value, list):
        return [" + ".join(each) if isinstance(each, list) else str(each) for each in value]
    return [str(value)]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
