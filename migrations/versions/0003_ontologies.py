"""The platform's ontologies: their versions, the concepts each changed, and the faults of imported files."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TABLES = ("ontology", "ontology_version", "concept_change", "ontology_fault")


def upgrade() -> None:
    """Make the tables; the ontology shipped is stored as the server starts."""
    op.create_table(
        "ontology",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ontology"),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name="fk_ontology_author_id"),
        sa.UniqueConstraint("name", name="uq_ontology_name"),
    )
    op.create_index("ix_ontology_active", "ontology", ["active"])
    op.create_table(
        "ontology_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ontology_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=True),
        sa.Column("concept_count", sa.Integer(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ontology_version"),
        sa.ForeignKeyConstraint(["ontology_id"], ["ontology.id"], name="fk_ontology_version_ontology_id"),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name="fk_ontology_version_author_id"),
        sa.UniqueConstraint("ontology_id", "version", name="uq_ontology_version_ontology_id_version"),
    )
    op.create_index("ix_ontology_version_ontology_id", "ontology_version", ["ontology_id"])
    op.create_table(
        "concept_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("concept_id", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_concept_change"),
        sa.ForeignKeyConstraint(["version_id"], ["ontology_version.id"], name="fk_concept_change_version_id"),
        sa.UniqueConstraint("version_id", "concept_id", name="uq_concept_change_version_id_concept_id"),
    )
    op.create_index("ix_concept_change_concept_id", "concept_change", ["concept_id"])
    op.create_table(
        "ontology_fault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ontology_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ontology_fault"),
        sa.ForeignKeyConstraint(["ontology_id"], ["ontology.id"], name="fk_ontology_fault_ontology_id"),
        sa.ForeignKeyConstraint(["settled_by"], ["account.id"], name="fk_ontology_fault_settled_by"),
    )
    op.create_index("ix_ontology_fault_ontology_id", "ontology_fault", ["ontology_id"])


def downgrade() -> None:
    """Forget every ontology but the one shipped."""
    for table in reversed(TABLES):
        op.drop_table(table)
