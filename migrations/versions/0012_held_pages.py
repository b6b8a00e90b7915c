"""Pages held until text in them that may identify somebody is masked or called harmless."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "held_page",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("timing", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("picture_key", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["account.id"], name="fk_held_page_owner_id"),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_held_page_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_held_page"),
    )
    for column in ("owner_id", "case_id", "expires_at"):
        op.create_index(f"ix_held_page_{column}", "held_page", [column])


def downgrade() -> None:
    """Forget the pages; their blobs stay unnamed, so settle or discard them first."""
    op.drop_table("held_page")
