"""Opinions know the family and the version of their predictions."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and fill them."""
    op.add_column("feedback", sa.Column("family", sa.String(), nullable=False, server_default=""))
    op.add_column("feedback", sa.Column("version_id", sa.Integer(), nullable=True))
    for name in ("family", "version_id"):
        op.execute(
            f"UPDATE feedback SET {name} = "  # noqa: S608 - our own words
            f"(SELECT prediction.{name} FROM prediction WHERE prediction.id = feedback.prediction_id)"
        )
    with op.batch_alter_table("feedback") as table:  # nothing points to it, so that it may be made anew
        table.alter_column("family", server_default=None)


def downgrade() -> None:
    """Forget them."""
    op.drop_column("feedback", "version_id")
    op.drop_column("feedback", "family")
