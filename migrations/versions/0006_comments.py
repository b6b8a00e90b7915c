"""What a language model said of an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; answers handed in before stay without."""
    with op.batch_alter_table("answer") as table:
        table.add_column(sa.Column("comment", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Forget them."""
    with op.batch_alter_table("answer") as table:
        table.drop_column("comment")
