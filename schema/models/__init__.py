"""Every table, so that `SQLModel.metadata` is whole wherever one of them is imported."""

from schema.models import accounts, cases, disagreements, training, work

__all__ = ["accounts", "cases", "disagreements", "training", "work"]
