"""What people say of scores, and which thresholds scores have crossed."""
