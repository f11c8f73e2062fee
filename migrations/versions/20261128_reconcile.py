"""Leads as a file and the store have them, while the two are compared.

Revision: 20261128_reconcile, after: 20261127_privacy
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261128_reconcile"
down_revision = "20261127_privacy"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "compared_rows",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("backfill_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("source_system", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("columns", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "backfill_id"],
            ["backfills.tenant_id", "backfills.backfill_id"],
            name="fk_compared_rows_backfills",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "backfill_id", "key", name="pk_compared_rows"),
    )


def downgrade() -> None:
    op.drop_table("compared_rows")
