"""Who answered when: promotions, rollbacks and refusals.

Workers from before it neither read nor write the tables.

Revision: 20261218_model_history, after: 20261217_monitoring
"""

revision = "20261218_model_history"
down_revision = "20261217_monitoring"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
