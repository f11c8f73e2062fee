"""Persistence: tables, sealing and repositories that take and give plain records."""
