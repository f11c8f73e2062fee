"""The ledger: leases, slots, attempts, a relay's bookkeeping, chunk leases, quarantine, outbound stream, audit chain.

Revision: 20261124_ledger, after: 20261123_skeleton
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124_ledger"
down_revision = "20261123_skeleton"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)

REFUSAL = "rows of the audit chain are never changed or deleted"
SQLITE_GUARDS = [
    f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for verb in ("UPDATE", "DELETE")
]
POSTGRESQL_GUARDS = [
    f"""
    CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    # The owner keeps the right to change triggers; a role that is not the owner gets no more than it is granted.
    "REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM PUBLIC",
]


def upgrade() -> None:
    _extend_outbox()
    _extend_chunks()
    for create in TABLES.values():
        create()
    for statement in POSTGRESQL_GUARDS if _on_postgresql() else SQLITE_GUARDS:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if _on_postgresql():
        op.execute("DROP FUNCTION audit_refuse()")
    op.drop_index("ix_backfill_chunks_pending", "backfill_chunks")
    op.drop_index("ix_backfills_running", "backfills")
    for column in ("leased_until", "enqueued_at", "attempts"):
        op.drop_column("backfill_chunks", column)
    for index in ("ix_outbox_done", "ix_outbox_undone", "ix_outbox_waiting"):
        op.drop_index(index, "outbox")
    for column in ("done_at", "taken_until", "last_error", "attempts"):
        op.drop_column("outbox", column)


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _extend_outbox() -> None:
    op.add_column("outbox", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("last_error", sa.String(), nullable=True))
    op.add_column("outbox", sa.Column("taken_until", TIME, nullable=True))
    op.add_column("outbox", sa.Column("done_at", TIME, nullable=True))
    # What was published before anybody noted the end of tasks counts as done: it must not all run again.
    op.execute("UPDATE outbox SET done_at = published_at WHERE published_at IS NOT NULL")
    _partial_index("ix_outbox_waiting", "outbox", ["tenant_id", "created_at", "outbox_id"], "published_at IS NULL")
    _partial_index(
        "ix_outbox_undone", "outbox", ["tenant_id", "published_at"], "done_at IS NULL AND published_at IS NOT NULL"
    )
    _partial_index("ix_outbox_done", "outbox", ["done_at"], "done_at IS NOT NULL")


def _extend_chunks() -> None:
    op.add_column("backfill_chunks", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("backfill_chunks", sa.Column("enqueued_at", TIME, nullable=True))
    op.add_column("backfill_chunks", sa.Column("leased_until", TIME, nullable=True))
    _partial_index("ix_backfill_chunks_pending", "backfill_chunks", ["enqueued_at"], "state = 'pending'")
    _partial_index("ix_backfills_running", "backfills", ["created_at"], "state = 'running'")


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_leases"),
    )


def _schedule_slots() -> None:
    op.create_table(
        "schedule_slots",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("slot", TIME, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "schedule", "slot", name="pk_schedule_slots"),
    )
    op.create_index("ix_schedule_slots_claimed_at", "schedule_slots", ["claimed_at"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "task", "task_id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_updated_at", "attempts", ["updated_at"])


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("quarantine_id", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=True),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "quarantine_id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_state_tenant_id_created_at", "quarantine", ["state", "tenant_id", "created_at"])


def _quarantine_tallies() -> None:
    op.create_table(
        "quarantine_tallies",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("overflowed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_quarantine_tallies"),
    )


def _outbound_events() -> None:
    op.create_table(
        "outbound_events",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", name="pk_outbound_events"),
        sa.UniqueConstraint("tenant_id", "event_id", name="uq_outbound_events_tenant_id_event_id"),
    )
    op.create_index("ix_outbound_events_tenant_id_lead_id", "outbound_events", ["tenant_id", "lead_id"])


def _outbound_counters() -> None:
    op.create_table(
        "outbound_counters",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_outbound_counters"),
    )


def _outbound_deliveries() -> None:
    op.create_table(
        "outbound_deliveries",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name="pk_outbound_deliveries"),
    )
    pending = "state = 'pending'"
    _partial_index("ix_outbound_deliveries_order", "outbound_deliveries", ["tenant_id", "lead_id", "sequence"], pending)
    _partial_index("ix_outbound_deliveries_due", "outbound_deliveries", ["tenant_id", "sequence"], pending)
    op.create_index(
        "ix_outbound_deliveries_state_tenant_id_delivered_at",
        "outbound_deliveries",
        ["state", "tenant_id", "delivered_at"],
    )


def _outbound_targets() -> None:
    op.create_table(
        "outbound_targets",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_outbound_targets"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", name="pk_audit"),
    )


def _audit_heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_audit_heads"),
    )


TABLES = {
    "leases": _leases,
    "schedule_slots": _schedule_slots,
    "attempts": _attempts,
    "quarantine": _quarantine,
    "quarantine_tallies": _quarantine_tallies,
    "outbound_events": _outbound_events,
    "outbound_counters": _outbound_counters,
    "outbound_deliveries": _outbound_deliveries,
    "outbound_targets": _outbound_targets,
    "audit": _audit,
    "audit_heads": _audit_heads,
}
