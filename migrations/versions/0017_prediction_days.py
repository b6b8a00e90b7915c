"""Predictions summed up by day, and what of each is summed up besides."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

COUNTS = ("problems", "latency", "confidence", "classes", "quality", "slices")


def upgrade() -> None:
    """Make the table; the worker fills it from the predictions there are."""
    op.add_column("prediction", sa.Column("confidence", sa.Float(), nullable=True))
    op.add_column("prediction", sa.Column("slices", sa.JSON(), nullable=True))
    op.create_table(
        "prediction_day",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("id", name="pk_prediction_day"),
        sa.UniqueConstraint(
            "family", "day", "version_id", "alias", name="uq_prediction_day_family_day_version_id_alias"
        ),
    )


def downgrade() -> None:
    """Forget the sums."""
    op.drop_table("prediction_day")
    # Not in a batch, which would make the table anew on SQLite, under the rows that point to it.
    op.drop_column("prediction", "slices")
    op.drop_column("prediction", "confidence")
