"""Pictures of recordings are edited: the steps, and the picture before them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep with a recording what was done to its picture."""
    op.add_column("recording", sa.Column("unedited_key", sa.String(), nullable=True))
    op.add_column("recording", sa.Column("steps", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("recording", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("steps", server_default=None)


def downgrade() -> None:
    """Forget the steps; edited pictures stay as they are, and what they were made of is named no more."""
    with op.batch_alter_table("recording", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("steps")
        table.drop_column("unedited_key")
