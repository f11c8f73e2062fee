"""What was sent to a tenant's CRM, once each.

Revision: 20261212_crm_sends, after: 20261211_sealed_outbox
"""

revision = "20261212_crm_sends"
down_revision = "20261211_sealed_outbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
