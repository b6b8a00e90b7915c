"""Clinical models and their deployments, what they said of recordings, and what people think of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _models()
    _deployments()
    _predictions()
    _feedback()


def downgrade() -> None:
    """Forget models, predictions and feedback; the trail still says who was answered."""
    for table in ("feedback", "prediction", "deployment", "model_version", "model"):
        op.drop_table(table)


def _models() -> None:
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("looked_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
        sa.UniqueConstraint("family", name="uq_model_family"),
    )
    op.create_table(
        "model_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("architecture", sa.String(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("data_hash", sa.String(), nullable=False),
        sa.Column("code_version", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("registered_at", INSTANT, nullable=True),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="fk_model_version_model_id"),
        sa.PrimaryKeyConstraint("id", name="pk_model_version"),
    )
    op.create_index("ix_model_version_model_id", "model_version", ["model_id"])


def _deployments() -> None:
    versions = ("version_id", "previous_id", "mirrored_id")
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("previous_id", sa.Integer(), nullable=True),
        sa.Column("mirrored_id", sa.Integer(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("changed_by", sa.Integer(), nullable=True),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="fk_deployment_model_id"),
        *(
            sa.ForeignKeyConstraint([each], ["model_version.id"], name=f"fk_deployment_{each}")
            for each in versions
        ),
        sa.ForeignKeyConstraint(["changed_by"], ["account.id"], name="fk_deployment_changed_by"),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.UniqueConstraint("model_id", "alias", name="uq_deployment_model_id_alias"),
    )


def _predictions() -> None:
    op.create_table(
        "prediction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("input_sha256", sa.String(), nullable=False),
        sa.Column("ml_available", sa.Boolean(), nullable=False),
        sa.Column("ml_error", sa.String(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("quality", sa.String(), nullable=True),
        sa.Column("quality_reasons", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_prediction_case_id"),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name="fk_prediction_asked_by"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="fk_prediction_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_prediction_case_id", "prediction", ["case_id"])
    op.create_index("ix_prediction_version_id", "prediction", ["version_id"])
    op.create_index("ix_prediction_created_at", "prediction", ["created_at"])
    op.create_index("ix_prediction_recording", "prediction", ["recording_id", "input_sha256"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.Integer(), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("corrected_class", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("missed_findings", sa.JSON(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], name="fk_feedback_prediction_id"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_feedback_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint(
            "prediction_id",
            "reader",
            "target",
            "number",
            name="uq_feedback_prediction_id_reader_target_number",
        ),
        sa.UniqueConstraint("reader", "idempotency_key", name="uq_feedback_reader_idempotency_key"),
    )
    op.create_index("ix_feedback_account_id", "feedback", ["account_id"])
    op.create_index(
        "uq_feedback_current",
        "feedback",
        ["prediction_id", "reader", "target"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )
