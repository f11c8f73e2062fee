"""Online learning: its signals, how far the learners are, and what they know."""
