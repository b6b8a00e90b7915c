"""What goes with predictions in batches."""

from sqlmodel import Session, col, select

from schema.models.cases import Recording


def recordings_by_id(session: Session, keys: list[int]) -> list[Recording | None]:
    """Return each recording; None for one that has left its case."""
    found = {row.id: row for row in session.exec(select(Recording).where(col(Recording.id).in_(keys)))}
    return [found.get(key) for key in keys]
