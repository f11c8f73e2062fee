"""How long messages wait in each queue.

Revision: 20261125_canaries, after: 20261124_ledger
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_canaries"
down_revision = "20261124_ledger"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("sent_at", TIME, nullable=False),
        sa.Column("ran_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "queue", name="pk_canaries"),
    )


def downgrade() -> None:
    op.drop_table("canaries")
