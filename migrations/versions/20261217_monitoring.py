"""Performance and drift of models over time.

Workers from before it neither read nor write the tables.

Revision: 20261217_monitoring, after: 20261216_online_checkpoints
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261217_monitoring"
down_revision = "20261216_online_checkpoints"
branch_labels = None
depends_on = None

WINDOWS, FINDINGS = "monitoring_windows", "drift_findings"
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        WINDOWS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("begins_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("scored", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=True),
        sa.Column("body", JSON, nullable=False),
        sa.Column("computed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_monitoring_windows_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "day", name="pk_monitoring_windows"),
    )
    op.create_index("ix_monitoring_windows_tenant_id_kind_computed_at", WINDOWS, ["tenant_id", "kind", "computed_at"])
    op.create_table(
        FINDINGS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("finding_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("effect", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("found_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_drift_findings_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "finding_id", name="pk_drift_findings"),
        sa.UniqueConstraint("tenant_id", "kind", "version", "series", "level", "at", name="uq_drift_findings_moment"),
    )
    op.create_index("ix_drift_findings_tenant_id_kind_at", FINDINGS, ["tenant_id", "kind", "at"])
    for table in (WINDOWS, FINDINGS):
        row_security.lock(table)


def downgrade() -> None:
    for table in (FINDINGS, WINDOWS):
        row_security.unlock(table)
        op.drop_table(table)
