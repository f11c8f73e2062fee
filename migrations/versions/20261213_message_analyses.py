"""What was read in each message, once.

Revision: 20261213_message_analyses, after: 20261212_crm_sends
"""

import sqlalchemy as sa
from alembic import op

from migrations import row_security

revision = "20261213_message_analyses"
down_revision = "20261212_crm_sends"
branch_labels = None
depends_on = None

TABLE = "message_analyses"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=False),
        sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=False),
        _owner("leads", "lead_id"),
        _owner("events", "event_id"),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name="pk_message_analyses"),
    )
    op.create_index("ix_message_analyses_tenant_id_lead_id", TABLE, ["tenant_id", "lead_id"])
    row_security.lock(TABLE)


def downgrade() -> None:
    row_security.unlock(TABLE)
    op.drop_table(TABLE)


def _owner(table: str, column: str) -> sa.ForeignKeyConstraint:
    """Return the key of the lead or event that a row goes with."""
    key = ["tenant_id", column]
    return sa.ForeignKeyConstraint(
        key, [f"{table}.{name}" for name in key], name=f"fk_message_analyses_{table}", ondelete="CASCADE"
    )
