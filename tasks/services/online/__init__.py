"""Online learning: signals, the learners that learn them in order, and their scores beside those of the models."""
