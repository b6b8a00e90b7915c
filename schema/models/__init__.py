"""Every table, so that `SQLModel.metadata` is whole wherever one of them is imported."""

from schema.models import (
    accounts,
    cases,
    contests,
    disagreements,
    models,
    monitoring,
    ontologies,
    predictions,
    training,
    triage,
    trusted_documents,
    webhooks,
    work,
)

__all__ = [
    "accounts",
    "cases",
    "contests",
    "disagreements",
    "models",
    "monitoring",
    "ontologies",
    "predictions",
    "training",
    "triage",
    "trusted_documents",
    "webhooks",
    "work",
]
