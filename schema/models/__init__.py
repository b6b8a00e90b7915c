"""Every table, so that `SQLModel.metadata` is whole wherever one of them is imported."""

from schema.models import (
    accounts,
    cases,
    contests,
    disagreements,
    held_pages,
    models,
    monitoring,
    ontologies,
    predictions,
    promotions,
    segmentations,
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
    "held_pages",
    "models",
    "monitoring",
    "ontologies",
    "predictions",
    "promotions",
    "segmentations",
    "training",
    "triage",
    "trusted_documents",
    "webhooks",
    "work",
]
