"""What predictions had said beside what people think of it, feedback from elsewhere, and retrainings."""

import json
import zlib

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns and tables; what was given so far is told what it was about."""
    with op.batch_alter_table("feedback") as table:
        table.alter_column("account_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("original", sa.String(), nullable=True))
        table.add_column(sa.Column("missed_symptoms", sa.JSON(), nullable=False, server_default="[]"))
        table.create_index("ix_feedback_current_created_at", ["current", "created_at"])
    with op.batch_alter_table("feedback") as table:
        table.alter_column("missed_symptoms", existing_type=sa.JSON(), server_default=None)
    with op.batch_alter_table("model") as table:
        table.add_column(sa.Column("due", sa.String(), nullable=True))
        table.add_column(sa.Column("due_since", INSTANT, nullable=True))
    _say_what_it_was_about()
    _imported_feedback()
    _retrainings()


def downgrade() -> None:
    """Forget what was imported, retrainings and alerts."""
    op.drop_table("retraining")
    op.drop_table("imported_feedback")
    with op.batch_alter_table("model") as table:
        table.drop_column("due_since")
        table.drop_column("due")
    op.execute("DELETE FROM feedback WHERE account_id IS NULL")
    with op.batch_alter_table("feedback") as table:
        table.drop_index("ix_feedback_current_created_at")
        table.drop_column("missed_symptoms")
        table.drop_column("original")
        table.alter_column("account_id", existing_type=sa.Integer(), nullable=False)


def _imported_feedback() -> None:
    op.create_table(
        "imported_feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("imported_by", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("original", sa.String(), nullable=False),
        sa.Column("corrected_level", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("missed_symptoms", sa.JSON(), nullable=False),
        sa.Column("visit", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["imported_by"], ["account.id"], name="fk_imported_feedback_imported_by"),
        sa.PrimaryKeyConstraint("id", name="pk_imported_feedback"),
        sa.UniqueConstraint(
            "reference", "reader", "digest", name="uq_imported_feedback_reference_reader_digest"
        ),
    )
    op.create_index("ix_imported_feedback_imported_by", "imported_feedback", ["imported_by"])


def _retrainings() -> None:
    op.create_table(
        "retraining",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("include_feedback", sa.Boolean(), nullable=False),
        sa.Column("min_feedback", sa.Integer(), nullable=False),
        sa.Column("opinions", sa.Integer(), nullable=True),
        sa.Column("feedback_hash", sa.String(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name="fk_retraining_asked_by"),
        sa.PrimaryKeyConstraint("id", name="pk_retraining"),
    )
    op.create_index(
        "uq_retraining_under_way",
        "retraining",
        ["family"],
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def _say_what_it_was_about() -> None:
    op.execute(
        "UPDATE feedback SET original = (SELECT level FROM prediction WHERE prediction.id = prediction_id)"
        " WHERE target = 0"
    )
    connection = op.get_bind()
    beats = connection.execute(
        sa.text(
            "SELECT feedback.id, feedback.target, prediction.answer FROM feedback"
            " JOIN prediction ON prediction.id = feedback.prediction_id"
            " WHERE feedback.target > 0 AND prediction.answer IS NOT NULL"
        )
    )
    for feedback_id, target, answer in beats.all():
        connection.execute(
            sa.text("UPDATE feedback SET original = :original WHERE id = :id"),
            {"id": feedback_id, "original": _class_of(bytes(answer), target)},
        )


def _class_of(answer: bytes, beat: int) -> str:
    """Return the class of a beat as answers were kept on that day: a head, the positions, then the labels."""
    first, _, body = zlib.decompress(answer).partition(b"\n")
    head = json.loads(first)
    return str(head["classes"][body[8 * head["beats"] + beat - 1]])
