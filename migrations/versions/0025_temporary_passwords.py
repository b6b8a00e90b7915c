"""A password that an administrator gave is temporary: it says until when it signs in."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of the passwords there are nobody can say which were temporary."""
    op.add_column("account", sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """End temporary passwords, which nothing would end any more, and the sessions they opened."""
    op.execute(
        "DELETE FROM web_session WHERE account_id IN"
        " (SELECT id FROM account WHERE password_expires_at IS NOT NULL)"
    )
    op.execute("UPDATE account SET password_hash = NULL WHERE password_expires_at IS NOT NULL")
    op.drop_column("account", "password_expires_at")
