"""Performance and drift of models over time.

Workers from before it neither read nor write the tables.

Revision: 20261217_monitoring, after: 20261216_online_checkpoints
"""

revision = "20261217_monitoring"
down_revision = "20261216_online_checkpoints"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
