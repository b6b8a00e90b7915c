"""Conformity reports, as the API lists them."""

from datetime import datetime

import strawberry

from schema.models.conformity import ConformityReport as ReportRow
from schema.scalars import global_id


@strawberry.type(description="A month's report on the models, for a technical file; kept as it was made.")
class ConformityReport:
    """A report and where its files are."""

    month: str = strawberry.field(description="Which month, in UTC: `2026-10`.")
    language: str = strawberry.field(description="`fr` or `en`.")
    made_at: datetime = strawberry.field(description="When it was made.")
    automatic: bool = strawberry.field(description="Whether it was made when the month was over, unasked.")
    html_url: str = strawberry.field(description="Path of the page, for whoever is signed in.")
    pdf_url: str | None = strawberry.field(
        description="The same as PDF; null where the machine that made it could not write any."
    )

    @classmethod
    def of(cls, row: ReportRow) -> "ConformityReport":
        """Return a row as it is shown."""
        path = f"/exports/reports/{global_id('ConformityReport', row.id or 0)}"
        return cls(
            month=row.month,
            language=row.language,
            made_at=row.made_at,
            automatic=row.automatic,
            html_url=f"{path}/html",
            pdf_url=f"{path}/pdf" if row.pdf_key else None,
        )
