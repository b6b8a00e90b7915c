"""What archives hold, as the API shows it: nothing about patients."""

import datetime as dt

import strawberry

from ml.pacs.archives import Modality
from schema.context import Context
from schema.messages import text_of
from schema.services.pacs import Choice, Findings, problem_of
from schema.services.pacs_deliveries import Delivery
from schema.types.enums import describe_enum

describe_enum(
    Modality,
    "PacsModality",
    "What made the objects of a series (DICOM's Modality).",
    "Electrocardiographs.",
    "Haemodynamic recorders.",
    "Documents, such as PDF.",
    "Other, such as pictures that were captured or scanned.",
    "Cameras.",
)


@strawberry.type(description="Objects of an archive that were made together.")
class PacsSeries:
    """A series, by what is not about the patient."""

    key: str = strawberry.field(
        description="Stands for it in `importFromPacs`, for the account that searched alone; says nothing."
    )
    date: dt.date | None = strawberry.field(description="The study's day; null where the archive tells none.")
    study_description: str = strawberry.field(
        description="The study's, as far as rules find them without names; may be empty."
    )
    description: str = strawberry.field(description="The series's own; the same.")
    object_count: int | None = strawberry.field(
        description="How many objects there are; null where the archive does not tell."
    )

    @classmethod
    def of(cls, choice: Choice) -> "PacsSeries":
        """Return a series that was found."""
        series = choice.series
        return cls(
            key=choice.key,
            date=dt.date.fromisoformat(series.date) if series.date else None,
            study_description=series.study_description,
            description=series.description,
            object_count=series.objects,
        )


@strawberry.type(description="What a search of an archive found.")
class PacsSearch:
    """Series, or why there are none."""

    series: list[PacsSeries] = strawberry.field(description="Those found, the latest first; at most 100.")
    has_more: bool = strawberry.field(description="Whether there are more; narrow the search.")
    message: str | None = strawberry.field(
        description="Why the archive gave no answer, in the viewer's language; null when it did."
    )
    code: str | None = strawberry.field(description="The same, stable and machine-readable.")

    @classmethod
    def of(cls, found: Findings, context: Context) -> "PacsSearch":
        """Return what was found."""
        message = code = None
        if found.fault is not None:
            problem = problem_of(found.fault)
            message, code = context.translate(text_of(problem)[0]), problem.code
        return cls(
            series=[PacsSeries.of(each) for each in found.choices],
            has_more=found.more,
            message=message,
            code=code,
        )


@strawberry.type(description="What an archive said to a recording that was sent to it.")
class PacsDelivery:
    """An archive's answer, or why it gave none."""

    archive: str = strawberry.field(description="Its name.")
    stored: bool = strawberry.field(description="Whether it has the recording now.")
    status: str | None = strawberry.field(
        description="The status it gave, DICOM's in hexadecimal (`0000`, `A700`) or such as `HTTP 413`; null "
        "where it gave none."
    )
    problem: str | None = strawberry.field(
        description="Why it has not, in the viewer's language; null when it has."
    )
    problem_code: str | None = strawberry.field(description="The same, stable and machine-readable.")

    @classmethod
    def of(cls, delivery: Delivery, context: Context) -> "PacsDelivery":
        """Return what became of a recording."""
        problem = code = None
        if delivery.problem is not None:
            text, values = text_of(delivery.problem)
            problem, code = context.translate(text).format(**values), delivery.problem.code
        return cls(
            archive=delivery.archive,
            stored=delivery.stored,
            status=delivery.status or None,
            problem=problem,
            problem_code=code,
        )
