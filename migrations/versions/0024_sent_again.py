"""What was asked is told from another request under the same key; cases and sessions have keys too."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KEYED = ("case", "training_session")
COMPARED = (*KEYED, "recording", "held_page", "segmentation")


def upgrade() -> None:
    """Add the columns; of what was made before nobody can say what was asked."""
    for table in KEYED:
        op.add_column(table, sa.Column("idempotency_key", sa.String(), nullable=True))
        columns = ["owner_id", "idempotency_key"]
        op.create_index(f"ix_{table}_owner_id_idempotency_key", table, columns, unique=True)
    for table in COMPARED:
        op.add_column(table, sa.Column("asked_sha256", sa.String(), nullable=True))


def downgrade() -> None:
    """Forget both."""
    for table in COMPARED:
        op.drop_column(table, "asked_sha256")
    for table in KEYED:
        op.drop_index(f"ix_{table}_owner_id_idempotency_key", table)
        op.drop_column(table, "idempotency_key")
