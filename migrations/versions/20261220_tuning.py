"""Studies, trials and folds of a search for settings.

Workers from before it neither read nor write the tables.

Revision: 20261220_tuning, after: 20261219_shadow_scores
"""

revision = "20261220_tuning"
down_revision = "20261219_shadow_scores"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
