"""Who answered when: promotions, rollbacks and refusals.

Workers from before it neither read nor write the table; what they promote meanwhile is missing from the history until
the next promotion. Champions from before it are recorded with the time at which they were promoted last.

Revision: 20261218_model_history, after: 20261217_monitoring
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import row_security

revision = "20261218_model_history"
down_revision = "20261217_monitoring"
branch_labels = None
depends_on = None

TABLE = "model_changes"
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
# the id of a change sorts by time, and that of the model is the oldest that there can be
BEFORE = """
    INSERT INTO model_changes
        (tenant_id, change_id, kind, change, version, from_version, to_version, actor, reason, look, detail, at)
    SELECT tenant_id, model_id, kind, 'promotion', version, NULL, version, 'unknown',
        'promoted before a history was kept', NULL, '{}', promoted_at
    FROM model_versions WHERE promoted_at IS NOT NULL
"""


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("from_version", sa.String(), nullable=True),
        sa.Column("to_version", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("look", sa.Integer(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_model_changes_tenants"),
        sa.PrimaryKeyConstraint("tenant_id", "change_id", name="pk_model_changes"),
    )
    op.create_index("ix_model_changes_tenant_id_kind_at", TABLE, ["tenant_id", "kind", "at"])
    op.execute(BEFORE)
    row_security.lock(TABLE)


def downgrade() -> None:
    row_security.unlock(TABLE)
    op.drop_table(TABLE)
