"""When a tenant's leads answer, by hour.

Revision: 20261214_reply_clocks, after: 20261213_message_analyses
"""

revision = "20261214_reply_clocks"
down_revision = "20261213_message_analyses"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
