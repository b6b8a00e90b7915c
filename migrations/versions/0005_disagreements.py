"""What the rules and a language model read differently."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "disagreement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text_digest", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("concept_id", sa.String(), nullable=False),
        sa.Column("rules_polarity", sa.String(), nullable=True),
        sa.Column("model_polarity", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("matcher_version", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["settled_by"], ["account.id"], name="fk_disagreement_settled_by"),
        sa.PrimaryKeyConstraint("id", name="pk_disagreement"),
        sa.UniqueConstraint(
            "text_digest",
            "concept_id",
            "matcher_version",
            name="uq_disagreement_text_digest_concept_id_matcher_version",
        ),
    )
    op.create_index("ix_disagreement_verdict", "disagreement", ["verdict"])


def downgrade() -> None:
    """Forget it."""
    op.drop_table("disagreement")
