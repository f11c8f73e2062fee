"""Messages that the gateway accepted: their arguments are sealed in the outbox.

A relay from before it does not read the new column: stop the older relays before the gateway starts. All other rows
leave it empty.

Revision: 20261211_sealed_outbox, after: 20261210_api_keys
"""

import sqlalchemy as sa
from alembic import op

revision = "20261211_sealed_outbox"
down_revision = "20261210_api_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("sealed_kwargs", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    # without their arguments they could not be sent
    op.execute("DELETE FROM outbox WHERE sealed_kwargs IS NOT NULL")
    op.drop_column("outbox", "sealed_kwargs")
