"""Logs, metrics and audit checkpoints."""
