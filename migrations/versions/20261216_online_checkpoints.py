"""What online learners know, up to a cursor.

Workers from before it neither read nor write the tables.

Revision: 20261216_online_checkpoints, after: 20261215_signals
"""

revision = "20261216_online_checkpoints"
down_revision = "20261215_signals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
