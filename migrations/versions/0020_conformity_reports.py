"""Conformity reports: which month, in which language, and where they lie."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "conformity_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("html_key", sa.String(), nullable=False),
        sa.Column("pdf_key", sa.String(), nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conformity_report"),
    )
    op.create_index("ix_conformity_report_month", "conformity_report", ["month"])


def downgrade() -> None:
    """Forget which there are; their files stay."""
    op.drop_table("conformity_report")
