"""Which token a token was made through, so that revoking one ends those made with it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of tokens made before, nobody knows."""
    with op.batch_alter_table("api_token") as table:
        table.add_column(sa.Column("made_through", sa.Integer(), nullable=True))
        table.create_foreign_key("fk_api_token_made_through", "api_token", ["made_through"], ["id"])
        table.create_index("ix_api_token_made_through", ["made_through"])


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("api_token") as table:
        table.drop_index("ix_api_token_made_through")
        table.drop_constraint("fk_api_token_made_through", type_="foreignkey")
        table.drop_column("made_through")
