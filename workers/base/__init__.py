"""Foundations of every process: settings, errors, messages, the quarantine, the database."""
