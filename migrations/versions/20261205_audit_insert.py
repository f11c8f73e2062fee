"""SQLite: a row of the audit chain is not replaced either.

`INSERT OR REPLACE` takes the row that is in its way out without asking the triggers that refuse a deletion.

Revision: 20261205_audit_insert, after: 20261204_row_level_security
"""

from alembic import op

revision = "20261205_audit_insert"
down_revision = "20261204_row_level_security"
branch_labels = None
depends_on = None

#: a row may be in the way by its key, or by SQLite's own number of it
GUARD = """
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE tenant_id = NEW.tenant_id AND sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM audit WHERE rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit chain are never changed or deleted');
END
"""


def upgrade() -> None:
    # PostgreSQL's ON CONFLICT DO UPDATE is an update, which is refused already
    if op.get_bind().dialect.name == "sqlite":
        op.execute(GUARD)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_no_replace")
