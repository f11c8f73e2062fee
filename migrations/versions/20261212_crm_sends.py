"""What was sent to a tenant's CRM, once each.

Revision: 20261212_crm_sends, after: 20261211_sealed_outbox
"""

import sqlalchemy as sa
from alembic import op

from migrations import row_security

revision = "20261212_crm_sends"
down_revision = "20261211_sealed_outbox"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
TABLES = ("crm_sends", "crm_messages", "crm_senders")


def upgrade() -> None:
    _crm_sends()
    _crm_messages()
    _crm_senders()
    for table in TABLES:
        row_security.lock(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        row_security.unlock(table)
        op.drop_table(table)


def _crm_sends() -> None:
    op.create_table(
        "crm_sends",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("written", sa.String(), nullable=True),
        sa.Column("changed_at", TIME, nullable=False),
        _lead("fk_crm_sends_leads"),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="pk_crm_sends"),
    )
    op.create_index("ix_crm_sends_tenant_id_lead_id", "crm_sends", ["tenant_id", "lead_id"])
    for name, column, condition in (
        ("ix_crm_sends_actions", "next_at", "state = 'pending' AND action_id IS NOT NULL"),
        ("ix_crm_sends_fields", "next_at", "state = 'pending' AND action_id IS NULL"),
        ("ix_crm_sends_open", "state", "state IN ('dead', 'sending', 'unsure')"),
    ):
        where = sa.text(condition)
        op.create_index(name, "crm_sends", ["tenant_id", column], sqlite_where=where, postgresql_where=where)


def _crm_messages() -> None:
    op.create_table(
        "crm_messages",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("sent_at", TIME, nullable=False),
        _lead("fk_crm_messages_leads"),
        sa.PrimaryKeyConstraint("tenant_id", "message_id", name="pk_crm_messages"),
    )
    op.create_index("ix_crm_messages_tenant_id_lead_id", "crm_messages", ["tenant_id", "lead_id"])


def _crm_senders() -> None:
    op.create_table(
        "crm_senders",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("fill_after", sa.String(), nullable=True),
        sa.Column("fill_mark", sa.String(), nullable=True),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("held_until", TIME, nullable=True),
        sa.Column("closed_until", TIME, nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("day", sa.String(), nullable=True),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_crm_senders"),
    )


def _lead(name: str) -> sa.ForeignKeyConstraint:
    key = ["tenant_id", "lead_id"]
    return sa.ForeignKeyConstraint(key, [f"leads.{column}" for column in key], name=name, ondelete="CASCADE")
