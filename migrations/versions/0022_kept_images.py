"""Images that were segmented, where whoever sent them had them kept."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was segmented before was forgotten."""
    op.add_column("segmentation", sa.Column("images", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Forget where they are."""
    op.drop_column("segmentation", "images")
