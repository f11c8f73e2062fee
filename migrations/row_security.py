"""Row-level security of PostgreSQL, for revisions: a table that has a tenant is locked where it is made.

A row is reached where its tenant is the one that the transaction named, or where it named every tenant (`db.tenancy`).
FORCE binds the owner of the tables too; superusers and roles with BYPASSRLS are never bound. On SQLite nothing is done.
"""

from __future__ import annotations

from alembic import op

from db.tenancy import MARK, SETTING

#: the policy of every table that has a tenant
POLICY = "of_tenant"
#: lets every transaction read rows of owners that are no tenant
SHARED = "of_nobody"

# Subqueries, since they are run once a statement and not once a row.
_TOLD = f"(SELECT current_setting('{SETTING}', true))"
# A connection that never heard of the setting is one of a worker from before there were policies, and sees every row.
_EVERY = f"(SELECT coalesce(current_setting('{SETTING}', true), '{MARK}') = '{MARK}')"
_CONDITION = f"tenant_id = {_TOLD} OR {_EVERY}"


def lock(table: str) -> None:
    """Let each transaction reach only the rows of its tenant, for reading and for writing."""
    _run(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_CONDITION}) WITH CHECK ({_CONDITION})',
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
    )


def share(table: str) -> None:
    """Let every transaction also read the rows of owners that are no tenant: no tenant's id begins with `_` or `*`."""
    _run(f"CREATE POLICY {SHARED} ON \"{table}\" FOR SELECT USING (left(tenant_id, 1) IN ('_', '*'))")


def unlock(table: str) -> None:
    """Take back what `lock` and `share` did."""
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
