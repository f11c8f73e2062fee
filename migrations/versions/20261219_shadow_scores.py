"""Runs of retraining, and what a challenger would have said, beside what was served.

Workers from before it neither read nor write the tables.

Revision: 20261219_shadow_scores, after: 20261218_model_history
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261219_shadow_scores"
down_revision = "20261218_model_history"
branch_labels = None
depends_on = None

RUNS, SCORES = "retrainings", "shadow_scores"
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)
RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    _create_runs()
    op.create_table(
        SCORES,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("served_probability", sa.Double(), nullable=False),
        sa.Column("served_version", sa.String(), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("scored_at", TIME, nullable=False),
        _owner("leads", "lead_id"),
        _owner("snapshots", "snapshot_id"),
        sa.PrimaryKeyConstraint("tenant_id", "version", "snapshot_id", name="pk_shadow_scores"),
    )
    op.create_index("ix_shadow_scores_tenant_id_lead_id", SCORES, ["tenant_id", "lead_id"])
    op.create_index("ix_shadow_scores_newest", SCORES, ["tenant_id", "version", "as_of"])
    for table in (RUNS, SCORES):
        row_security.lock(table)


def downgrade() -> None:
    for table in (SCORES, RUNS):
        row_security.unlock(table)
        op.drop_table(table)


def _create_runs() -> None:
    op.create_table(
        RUNS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("retraining_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("promote", sa.String(), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("challengers", JSON, nullable=False),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_retrainings_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "retraining_id", name="pk_retrainings"),
    )
    op.create_index(
        "uq_retrainings_running",
        RUNS,
        ["tenant_id", "kind"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_retrainings_kind", RUNS, ["tenant_id", "kind", "created_at"])
    op.create_index("ix_retrainings_due", RUNS, ["due_at"], sqlite_where=RUNNING, postgresql_where=RUNNING)


def _owner(table: str, column: str) -> sa.ForeignKeyConstraint:
    """Return the key of the lead or snapshot that a row goes with."""
    key = ["tenant_id", column]
    return sa.ForeignKeyConstraint(
        key, [f"{table}.{name}" for name in key], name=f"fk_shadow_scores_{table}", ondelete="CASCADE"
    )
