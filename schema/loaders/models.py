"""Models, their versions and deployments in batches."""

from typing import TypeVar

from sqlmodel import Session, col, select

from schema.loaders.grouping import grouped
from schema.models.models import Deployment, Model, ModelVersion

Row = TypeVar("Row", Model, ModelVersion)


def models_by_id(session: Session, keys: list[int]) -> list[Model]:
    """Return each model; a foreign key vouches for each."""
    return _by_id(session, Model, keys)


def versions_by_id(session: Session, keys: list[int]) -> list[ModelVersion]:
    """Return each version; a foreign key vouches for each."""
    return _by_id(session, ModelVersion, keys)


def deployments_of_models(session: Session, keys: list[int]) -> list[list[Deployment]]:
    """Return what answers under each alias of each model."""
    rows = select(Deployment).where(col(Deployment.model_id).in_(keys))
    return grouped(session.exec(rows.order_by(col(Deployment.alias))), "model_id", keys)


def deployments_of_versions(session: Session, keys: list[int]) -> list[list[Deployment]]:
    """Return where each version answers."""
    rows = select(Deployment).where(col(Deployment.version_id).in_(keys))
    return grouped(session.exec(rows.order_by(col(Deployment.alias))), "version_id", keys)


def _by_id(session: Session, table: type[Row], keys: list[int]) -> list[Row]:
    found = {row.id: row for row in session.exec(select(table).where(col(table.id).in_(keys)))}
    return [found[key] for key in keys]
