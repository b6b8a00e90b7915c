"""Monthly conformity reports: each file is kept, and named by its content."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from schema.models.base import instant


class ConformityReport(SQLModel, table=True):
    """A report as it was made; made anew from other data it is another row.

    `month` is ``2026-10``. `pdf_key` is None where the machine could not write PDF. `automatic` is whether
    the worker made it by itself.
    """

    __tablename__ = "conformity_report"
    id: int | None = Field(default=None, primary_key=True)
    month: str = Field(index=True)
    language: str
    html_key: str
    pdf_key: str | None = None
    automatic: bool = False
    made_at: datetime = instant()
