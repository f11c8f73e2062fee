"""Row-level security of PostgreSQL, for revisions: enable it for each table with a tenant, where the table is created.

A transaction reaches a row when it named the row's tenant, or every tenant (`db.tenancy`). FORCE binds the owner of the
tables too; superusers and roles with BYPASSRLS are never bound. On SQLite nothing is done.
"""

from __future__ import annotations

from alembic import op

from db.tenancy import MARK, SETTING

#: the policy of every table that has a tenant
POLICY = "of_tenant"
#: the policy that lets every transaction read rows of reserved owners
SHARED = "of_nobody"

# Subqueries, which run once per statement and not once per row.
_TOLD = f"(SELECT current_setting('{SETTING}', true))"
# A connection without the setting belongs to a worker older than the policies, and reaches every row.
_EVERY = f"(SELECT coalesce(current_setting('{SETTING}', true), '{MARK}') = '{MARK}')"
_CONDITION = f"tenant_id = {_TOLD} OR {_EVERY}"


def lock(table: str) -> None:
    """Restrict each transaction to the rows of its tenant, for reading and writing."""
    _run(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_CONDITION}) WITH CHECK ({_CONDITION})',
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
    )


def share(table: str) -> None:
    """Let every transaction also read the rows of reserved owners, whose ids begin with `_` or `*`."""
    _run(f"CREATE POLICY {SHARED} ON \"{table}\" FOR SELECT USING (left(tenant_id, 1) IN ('_', '*'))")


def unlock(table: str) -> None:
    """Undo `lock` and `share`."""
    _run(
        f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
        f'DROP POLICY IF EXISTS {SHARED} ON "{table}"',
        f'DROP POLICY IF EXISTS {POLICY} ON "{table}"',
    )


def _run(*statements: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(statement)
