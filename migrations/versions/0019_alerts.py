"""Alerts on models: rules, alerts, and letters about them."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("comparison", sa.String(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Integer(), nullable=False),
        sa.Column("readers", sa.JSON(), nullable=False),
        sa.Column("webhooks", sa.Boolean(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("looked_at", INSTANT, nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rule"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="fk_alert_rule_version_id"),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name="fk_alert_rule_created_by"),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("alias", sa.String(), nullable=True),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=True),
        sa.Column("comparison", sa.String(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("latest", sa.Float(), nullable=True),
        sa.Column("webhooks", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("calm", sa.Integer(), nullable=False),
        sa.Column("normal_since", INSTANT, nullable=True),
        sa.Column("acknowledged_by", sa.Integer(), nullable=True),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("ending", sa.String(), nullable=True),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="fk_alert_version_id"),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rule.id"], name="fk_alert_rule_id"),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["account.id"], name="fk_alert_acknowledged_by"),
        sa.ForeignKeyConstraint(["closed_by"], ["account.id"], name="fk_alert_closed_by"),
    )
    op.create_index("ix_alert_state", "alert", ["state"])
    op.create_index("ix_alert_rule_id", "alert", ["rule_id"])
    op.create_index(
        "uq_alert_under_way",
        "alert",
        ["key"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "alert_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert_mail"),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name="fk_alert_mail_alert_id"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_alert_mail_account_id"),
        sa.UniqueConstraint("alert_id", "account_id", name="uq_alert_mail_alert_id_account_id"),
    )
    op.create_index("ix_alert_mail_due", "alert_mail", ["state", "due_at"])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("alert_mail")
    op.drop_table("alert")
    op.drop_table("alert_rule")
