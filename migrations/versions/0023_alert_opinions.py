"""Alerts tell whose opinions opened them, and on how many predictions."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("readers", "judged"):
        op.add_column("alert", sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    """Forget them."""
    for name in ("judged", "readers"):
        op.drop_column("alert", name)
