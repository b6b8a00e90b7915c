"""Segmentations of brain tumours beside the predictions they are, and the patients they are followed in."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "segmented_patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["account.id"], name="fk_segmented_patient_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_segmented_patient"),
        sa.UniqueConstraint("owner_id", "code", name="uq_segmented_patient_owner_id_code"),
    )
    op.create_table(
        "segmentation",
        sa.Column("prediction_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("examined_on", sa.String(), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("physician", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("processing_s", sa.Float(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], name="fk_segmentation_prediction_id"),
        sa.ForeignKeyConstraint(["patient_id"], ["segmented_patient.id"], name="fk_segmentation_patient_id"),
        sa.PrimaryKeyConstraint("prediction_id", name="pk_segmentation"),
        sa.UniqueConstraint(
            "patient_id", "idempotency_key", name="uq_segmentation_patient_id_idempotency_key"
        ),
    )
    op.create_index("ix_segmentation_patient_id", "segmentation", ["patient_id"])
    op.create_index("ix_segmentation_run", "segmentation", ["run"])


def downgrade() -> None:
    """Forget segmentations and what was thought of them; other predictions stay."""
    op.drop_table("segmentation")
    op.drop_table("segmented_patient")
    ours = "SELECT id FROM prediction WHERE family = 'segmentation'"
    op.execute(f"DELETE FROM feedback WHERE prediction_id IN ({ours})")  # noqa: S608 - no value of anybody's
    op.execute("DELETE FROM prediction WHERE family = 'segmentation'")
