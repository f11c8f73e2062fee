"""What online learners know, up to a cursor.

Workers from before it neither read nor write the tables.

Revision: 20261216_online_checkpoints, after: 20261215_signals
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261216_online_checkpoints"
down_revision = "20261215_signals"
branch_labels = None
depends_on = None

HEADS, CHECKPOINTS, SCORES = "online_heads", "online_checkpoints", "signal_scores"
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)
MARKED = sa.text("rebuild_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        HEADS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("rebuild_at", TIME, nullable=True),
        sa.Column("scored_through", sa.String(), nullable=True),
        sa.Column("checkpoint_cursor", sa.BigInteger(), nullable=True),
        sa.Column("checkpointed_at", TIME, nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_online_heads_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "target", name="pk_online_heads"),
    )
    op.create_index("ix_online_heads_rebuild", HEADS, ["tenant_id"], sqlite_where=MARKED, postgresql_where=MARKED)
    op.create_table(
        CHECKPOINTS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("report", JSON, nullable=False),
        sa.Column("taken_at", TIME, nullable=False),
        _owner(CHECKPOINTS, HEADS, "target"),
        sa.PrimaryKeyConstraint("tenant_id", "target", "generation", "cursor", name="pk_online_checkpoints"),
    )
    op.create_table(
        SCORES,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String(), nullable=False),
        sa.Column("label", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("served_probability", sa.Double(), nullable=True),
        sa.Column("served", JSON, nullable=True),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("learnt_at", TIME, nullable=False),
        _owner(SCORES, "leads", "lead_id"),
        sa.PrimaryKeyConstraint("tenant_id", "target", "seq", name="pk_signal_scores"),
    )
    op.create_index("ix_signal_scores_tenant_id_lead_id", SCORES, ["tenant_id", "lead_id"])
    for table in (HEADS, CHECKPOINTS, SCORES):
        row_security.lock(table)


def downgrade() -> None:
    for table in (SCORES, CHECKPOINTS, HEADS):
        row_security.unlock(table)
        op.drop_table(table)


def _owner(table: str, owner: str, column: str) -> sa.ForeignKeyConstraint:
    """Return the key of the head or lead that a row goes with."""
    key = ["tenant_id", column]
    return sa.ForeignKeyConstraint(
        key, [f"{owner}.{name}" for name in key], name=f"fk_{table}_{owner}", ondelete="CASCADE"
    )
