"""Outcomes that joined the snapshot that was scored, in order, for online learning.

Workers from before it neither read nor write the tables. Snapshots get an index by moment, for those whose horizon has
passed.

Revision: 20261215_signals, after: 20261214_reply_clocks
"""

import sqlalchemy as sa
from alembic import op

from migrations import row_security

revision = "20261215_signals"
down_revision = "20261214_reply_clocks"
branch_labels = None
depends_on = None

SIGNALS, COUNTERS = "online_signals", "signal_counters"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        SIGNALS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String(), nullable=False),
        sa.Column("label", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("served_probability", sa.Double(), nullable=True),
        sa.Column("served_version", sa.String(), nullable=True),
        _owner("leads", "lead_id"),
        _owner("snapshots", "snapshot_id"),
        sa.PrimaryKeyConstraint("tenant_id", "signal_id", name="pk_online_signals"),
        sa.UniqueConstraint("tenant_id", "target", "seq", name="uq_online_signals_tenant_id_target_seq"),
        sa.UniqueConstraint("tenant_id", "snapshot_id", "target", "revision", name="uq_online_signals_snapshot"),
    )
    op.create_index("ix_online_signals_tenant_id_lead_id", SIGNALS, ["tenant_id", "lead_id"])
    op.create_table(
        COUNTERS,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("matured_at", TIME, nullable=True),
        sa.Column("matured_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "target", name="pk_signal_counters"),
    )
    for table in (SIGNALS, COUNTERS):
        row_security.lock(table)
    op.create_index("ix_snapshots_tenant_id_as_of", "snapshots", ["tenant_id", "as_of"])


def downgrade() -> None:
    op.drop_index("ix_snapshots_tenant_id_as_of", "snapshots")
    for table in (COUNTERS, SIGNALS):
        row_security.unlock(table)
        op.drop_table(table)


def _owner(table: str, column: str) -> sa.ForeignKeyConstraint:
    """Return the key of the lead or snapshot that a row goes with."""
    key = ["tenant_id", column]
    return sa.ForeignKeyConstraint(
        key, [f"{table}.{name}" for name in key], name=f"fk_online_signals_{table}", ondelete="CASCADE"
    )
