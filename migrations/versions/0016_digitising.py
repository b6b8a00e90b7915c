"""What pictures of paper were read as, and which signals were."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mark signals read off paper; make the table of proposals."""
    op.add_column("recording", sa.Column("paper", sa.JSON(), nullable=True))
    op.create_table(
        "digitisation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("picture_key", sa.String(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_digitisation_recording_id"),
        sa.PrimaryKeyConstraint("id", name="pk_digitisation"),
        sa.UniqueConstraint("recording_id", name="uq_digitisation_recording_id"),
    )


def downgrade() -> None:
    """Forget proposals and which signals were read off paper; the signals stay."""
    op.drop_table("digitisation")
    op.drop_column("recording", "paper")
