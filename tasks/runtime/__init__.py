"""The task machinery: one concern a file. It knows no domain."""
