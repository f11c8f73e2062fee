"""Erasure and what stays of it, restriction and objection, the leads that a model was trained on.

Revision: 20261127_privacy, after: 20261126_events
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_privacy"
down_revision = "20261126_events"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("leads", sa.Column("restricted_at", TIME, nullable=True))
    op.add_column("leads", sa.Column("objected_at", TIME, nullable=True))
    op.add_column("model_versions", sa.Column("retrain_at", TIME, nullable=True))
    op.create_table(
        "erasures",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("erasure_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("erased_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "erasure_id", name="pk_erasures"),
    )
    op.create_table(
        "tombstones",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("erasure_id", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "hash", name="pk_tombstones"),
    )
    op.create_index("ix_tombstones_tenant_id_erasure_id", "tombstones", ["tenant_id", "erasure_id"])
    op.create_table(
        "model_lineages",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("leads", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_id"],
            ["model_versions.tenant_id", "model_versions.model_id"],
            name="fk_model_lineages_model_versions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "model_id", name="pk_model_lineages"),
    )


def downgrade() -> None:
    for table in ("model_lineages", "tombstones", "erasures"):
        op.drop_table(table)
    op.drop_column("model_versions", "retrain_at")
    op.drop_column("leads", "objected_at")
    op.drop_column("leads", "restricted_at")
