"""Keys with which a tenant's programs come through the gateway.

Revision: 20261210_api_keys, after: 20261209_corrections
"""

revision = "20261210_api_keys"
down_revision = "20261209_corrections"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
