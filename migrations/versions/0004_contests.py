"""Concepts of a mark that students contest, and what teachers rule."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "contest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("concept_id", sa.String(), nullable=False),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("explanation", sa.String(), nullable=False),
        sa.Column("ruled_by_id", sa.Integer(), nullable=True),
        sa.Column("ruled_at", INSTANT, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answer.id"], name="fk_contest_answer_id"),
        sa.ForeignKeyConstraint(["ruled_by_id"], ["account.id"], name="fk_contest_ruled_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_contest"),
        sa.UniqueConstraint("answer_id", "concept_id", name="uq_contest_answer_id_concept_id"),
    )
    op.create_index("ix_contest_state", "contest", ["state"])


def downgrade() -> None:
    """Forget contests and rulings; marks given by a ruling stay as they are."""
    op.drop_table("contest")
