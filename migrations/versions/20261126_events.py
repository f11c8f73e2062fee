"""Live events: as they came, the last state of what they tell of, and which leads are due to be scored.

Revision: 20261126_events, after: 20261125_canaries
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261126_events"
down_revision = "20261125_canaries"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "raw_events",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("raw_id", sa.String(), nullable=False),
        sa.Column("event_key", sa.LargeBinary(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "raw_id", name="pk_raw_events"),
        sa.UniqueConstraint("tenant_id", "event_key", name="uq_raw_events_tenant_id_event_key"),
        _of_a_lead("raw_events"),
    )
    op.create_index("ix_raw_events_tenant_id_lead_id", "raw_events", ["tenant_id", "lead_id"])
    op.create_index("ix_raw_events_received_at", "raw_events", ["received_at"])
    op.create_table(
        "entity_states",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("marks", JSON, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source", "entity", "entity_id", name="pk_entity_states"),
        _of_a_lead("entity_states"),
    )
    op.create_index("ix_entity_states_tenant_id_lead_id", "entity_states", ["tenant_id", "lead_id"])
    op.create_table(
        "rescore_due",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("free_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "lead_id", name="pk_rescore_due"),
        _of_a_lead("rescore_due"),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_rescore_due_due", "rescore_due", ["tenant_id", "due_at"], sqlite_where=due, postgresql_where=due
    )


def downgrade() -> None:
    for table in ("rescore_due", "entity_states", "raw_events"):
        op.drop_table(table)


def _of_a_lead(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE", name=f"fk_{table}_leads"
    )
