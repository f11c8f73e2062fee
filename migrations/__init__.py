"""The revisions of the schema. Import `migrations.commands` only where needed, since it imports Alembic."""
