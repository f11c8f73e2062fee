"""Messages that the gateway accepted: their arguments are sealed in the outbox.

Revision: 20261211_sealed_outbox, after: 20261210_api_keys
"""

revision = "20261211_sealed_outbox"
down_revision = "20261210_api_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
