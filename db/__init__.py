"""Persistence: tables, encryption, and repositories that take and return plain records."""
