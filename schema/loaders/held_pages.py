"""The pages that are held for each case, in the order they were sent."""

from sqlmodel import Session, col, select

from schema.loaders.grouping import grouped
from schema.models.held_pages import HeldPage


def held_pages_of_cases(session: Session, keys: list[int]) -> list[list[HeldPage]]:
    """Return each case's held pages, whoever sent them."""
    rows = select(HeldPage).where(col(HeldPage.case_id).in_(keys)).order_by(col(HeldPage.id))
    return grouped(session.exec(rows).all(), "case_id", keys)
