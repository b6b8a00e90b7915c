"""Annotations as the API shows them."""

from typing import Any

import strawberry
from sqlalchemy import Row

from schema.context import Context
from schema.models import cases as models
from schema.models.cases import AnnotationRole, AnnotationType
from schema.types.base import Node, global_id
from schema.types.concepts import Concept
from schema.types.enums import describe_enum

describe_enum(
    AnnotationType,
    "AnnotationType",
    "How an annotation came about.",
    "Proposed from a description.",
    "Picked by hand.",
    "Suggested by a model that read the recording, and taken up by an author.",
)
describe_enum(
    AnnotationRole,
    "AnnotationRole",
    "Whether an annotation counts in the mark.",
    "Counts in the mark.",
    "Describes the case only.",
)
_TYPES = {each.value: each for each in AnnotationType}
_ROLES = {each.value: each for each in AnnotationRole}
"""A quarter of the cost of calling the enum, two hundred times a page."""


@strawberry.type(description="An expert's statement about a case.")
class Annotation(Node):
    """A concept, how sure, how much it weighs."""

    concept: Concept = strawberry.field(description="What is stated.")
    confidence: float = strawberry.field(description="How sure, 0-100 per cent.")
    type: AnnotationType = strawberry.field(description="How it came about.")
    coefficient: float = strawberry.field(
        description="How much it weighs, 0.5 (optional) over 0.8 (important) to 1.0 (required)."
    )
    role: AnnotationRole = strawberry.field(description="Whether it counts in the mark.")
    position: int = strawberry.field(
        description="Its place among the case's annotations; they may have gaps."
    )

    @classmethod
    def of(cls, row: Row[Any] | models.Annotation, context: Context) -> "Annotation":
        """Return the node of a row, or of an annotation in a kept revision."""
        return cls(
            id=global_id("Annotation", row.id or 0),
            concept=Concept.coded(row.concept_id, context),
            confidence=row.confidence,
            type=_TYPES[row.type],
            coefficient=row.coefficient,
            role=_ROLES[row.role],
            position=row.position,
        )
