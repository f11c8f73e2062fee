"""Outcomes that joined the snapshot that was scored, in order, for online learning.

Workers from before it neither read nor write the tables.

Revision: 20261215_signals, after: 20261214_reply_clocks
"""

revision = "20261215_signals"
down_revision = "20261214_reply_clocks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
