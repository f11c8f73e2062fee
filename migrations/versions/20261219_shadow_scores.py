"""What a challenger would have said, beside what was served.

Workers from before it neither read nor write the tables.

Revision: 20261219_shadow_scores, after: 20261218_model_history
"""

revision = "20261219_shadow_scores"
down_revision = "20261218_model_history"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
