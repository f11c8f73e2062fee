"""The history of the schema; `migrations.commands` applies it (importing Alembic, so only where it is needed)."""
