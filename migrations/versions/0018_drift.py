"""What drift is told from: the references of versions, and where predictions stand in them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; references come with the next look at the store of models."""
    op.add_column("model_version", sa.Column("reference", sa.String(), nullable=True))
    op.add_column("prediction", sa.Column("watched", sa.JSON(), nullable=True))
    op.add_column("prediction_day", sa.Column("watched", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Forget them."""
    op.drop_column("prediction_day", "watched")
    # Not in a batch, which would make the tables anew on SQLite, under the rows that point to them.
    op.drop_column("prediction", "watched")
    op.drop_column("model_version", "reference")
