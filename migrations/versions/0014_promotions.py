"""How challengers are held against champions, and predictions as part of that."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AUTOINCREMENT = {"sqlite_autoincrement": True}


def upgrade() -> None:
    """Make the tables; no model promotes itself unless somebody says so."""
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("champion_id", sa.Integer(), nullable=False),
        sa.Column("challenger_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="fk_comparison_model_id"),
        sa.ForeignKeyConstraint(["champion_id"], ["model_version.id"], name="fk_comparison_champion_id"),
        sa.ForeignKeyConstraint(["challenger_id"], ["model_version.id"], name="fk_comparison_challenger_id"),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name="fk_comparison_asked_by"),
        sa.PrimaryKeyConstraint("id", name="pk_comparison"),
    )
    op.create_index("ix_comparison_model_id", "comparison", ["model_id"])
    op.create_index("ix_comparison_challenger_id", "comparison", ["challenger_id"])
    pending = sa.text("finished_at IS NULL")
    op.create_index(
        "uq_comparison_pending",
        "comparison",
        ["champion_id", "challenger_id"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "trial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("champion_id", sa.Integer(), nullable=False),
        sa.Column("challenger_id", sa.Integer(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_by", sa.Integer(), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="fk_trial_model_id"),
        sa.ForeignKeyConstraint(["champion_id"], ["model_version.id"], name="fk_trial_champion_id"),
        sa.ForeignKeyConstraint(["challenger_id"], ["model_version.id"], name="fk_trial_challenger_id"),
        sa.ForeignKeyConstraint(["started_by"], ["account.id"], name="fk_trial_started_by"),
        sa.ForeignKeyConstraint(["stopped_by"], ["account.id"], name="fk_trial_stopped_by"),
        sa.PrimaryKeyConstraint("id", name="pk_trial"),
    )
    op.create_index("ix_trial_model_id", "trial", ["model_id"])
    op.create_index("ix_trial_challenger_id", "trial", ["challenger_id"])
    running = sa.text("stopped_at IS NULL")
    op.create_index(
        "uq_trial_running",
        "trial",
        ["model_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    # Not in a batch, here and below: SQLite would make the table anew, under the rows that point to it.
    op.add_column(
        "model", sa.Column("promotes_itself", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    with _feedback_aside(), op.batch_alter_table("prediction", table_kwargs=AUTOINCREMENT) as table:
        table.add_column(sa.Column("trial_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("trial_subject", sa.String(), nullable=True))
        table.add_column(sa.Column("shadow_of", sa.Integer(), nullable=True))
        table.add_column(sa.Column("agreement", sa.Float(), nullable=True))
        table.create_foreign_key("fk_prediction_trial_id", "trial", ["trial_id"], ["id"])
        table.create_unique_constraint("uq_prediction_shadow_of_version_id", ["shadow_of", "version_id"])
    op.create_index("ix_prediction_trial_id", "prediction", ["trial_id"])


def downgrade() -> None:
    """Forget what was compared, and what was answered in the shadow; what people were answered stays."""
    op.execute("DELETE FROM prediction WHERE shadow_of IS NOT NULL")
    op.drop_index("ix_prediction_trial_id", table_name="prediction")
    with _feedback_aside(), op.batch_alter_table("prediction", table_kwargs=AUTOINCREMENT) as table:
        table.drop_constraint("uq_prediction_shadow_of_version_id", type_="unique")
        table.drop_constraint("fk_prediction_trial_id", type_="foreignkey")
        table.drop_column("agreement")
        table.drop_column("shadow_of")
        table.drop_column("trial_subject")
        table.drop_column("trial_id")
    op.drop_column("model", "promotes_itself")
    op.drop_table("trial")
    op.drop_table("comparison")


@contextmanager
def _feedback_aside() -> Iterator[None]:
    """Let nothing point to predictions while SQLite makes their table anew, which it does to alter it."""
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    op.execute("CREATE TABLE feedback_aside AS SELECT * FROM feedback")
    op.execute("DELETE FROM feedback")
    yield
    op.execute("INSERT INTO feedback SELECT * FROM feedback_aside")
    op.execute("DROP TABLE feedback_aside")
