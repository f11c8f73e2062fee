"""When a tenant's leads answer, by hour, and on which channels.

Workers from before it neither read nor write the table.

Revision: 20261214_reply_clocks, after: 20261213_message_analyses
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261214_reply_clocks"
down_revision = "20261213_message_analyses"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "reply_clocks",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("strength", sa.Double(), nullable=False),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("replies", sa.Integer(), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_reply_clocks"),
    )
    row_security.lock("reply_clocks")


def downgrade() -> None:
    row_security.unlock("reply_clocks")
    op.drop_table("reply_clocks")
