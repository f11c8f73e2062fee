"""What was read in each message, once.

Revision: 20261213_message_analyses, after: 20261212_crm_sends
"""

revision = "20261213_message_analyses"
down_revision = "20261212_crm_sends"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
