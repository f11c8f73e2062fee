"""Failures of a task: errors are translated, transient ones retried, deadly messages counted and quarantined."""
