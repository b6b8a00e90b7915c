"""Documents an account registers, and tokens confined to them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; tokens made before stay free."""
    op.create_table(
        "trusted_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("operations", sa.JSON(), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_trusted_document_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_trusted_document"),
        sa.UniqueConstraint("account_id", "sha256", name="uq_trusted_document_account_id_sha256"),
    )
    op.create_index("ix_trusted_document_account_id", "trusted_document", ["account_id"])
    with op.batch_alter_table("api_token") as table:
        table.add_column(sa.Column("confined", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("api_token") as table:
        table.alter_column("confined", server_default=None)


def downgrade() -> None:
    """End confined tokens, which nothing would hold any more, and forget the documents."""
    op.execute("UPDATE api_token SET revoked_at = CURRENT_TIMESTAMP WHERE confined AND revoked_at IS NULL")
    with op.batch_alter_table("api_token") as table:
        table.drop_column("confined")
    op.drop_index("ix_trusted_document_account_id", table_name="trusted_document")
    op.drop_table("trusted_document")
