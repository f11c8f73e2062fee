"""What was computed of a lead, kept for a short while: in this process, in Redis, and where it was stored anyway."""
