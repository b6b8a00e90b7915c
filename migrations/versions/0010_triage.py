"""Predictions of visits beside those of recordings, and what students answer in the training of triage."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AUTOINCREMENT = {"sqlite_autoincrement": True}


def upgrade() -> None:
    """Let a prediction be of a visit; make the table of answers."""
    with _feedback_aside(), op.batch_alter_table("prediction", table_kwargs=AUTOINCREMENT) as table:
        table.alter_column("case_id", existing_type=sa.Integer(), nullable=True)
        table.alter_column("recording_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("visit", sa.JSON(), nullable=True))
        table.add_column(sa.Column("level", sa.String(), nullable=True))
    op.create_index("ix_prediction_asked_by", "prediction", ["asked_by"])
    with op.batch_alter_table("feedback") as table:
        table.add_column(sa.Column("corrected_level", sa.String(), nullable=True))
    op.create_table(
        "triage_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_triage_answer_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_triage_answer"),
        sa.UniqueConstraint(
            "account_id", "patient", "number", name="uq_triage_answer_account_id_patient_number"
        ),
        sa.UniqueConstraint(
            "account_id", "idempotency_key", name="uq_triage_answer_account_id_idempotency_key"
        ),
    )
    op.create_index("ix_triage_answer_account_id", "triage_answer", ["account_id"])


def downgrade() -> None:
    """Forget answers, predictions of visits and what was thought of them; those of recordings stay."""
    op.drop_table("triage_answer")
    of_visits = "SELECT id FROM prediction WHERE case_id IS NULL"
    op.execute(f"DELETE FROM feedback WHERE prediction_id IN ({of_visits})")  # noqa: S608 - no value of anybody's
    op.execute("DELETE FROM prediction WHERE case_id IS NULL")
    with op.batch_alter_table("feedback") as table:
        table.drop_column("corrected_level")
    op.drop_index("ix_prediction_asked_by", table_name="prediction")
    with _feedback_aside(), op.batch_alter_table("prediction", table_kwargs=AUTOINCREMENT) as table:
        table.drop_column("level")
        table.drop_column("visit")
        table.alter_column("recording_id", existing_type=sa.Integer(), nullable=False)
        table.alter_column("case_id", existing_type=sa.Integer(), nullable=False)


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
