"""Online learning: eight River learners and a blend that learn from each outcome as it comes."""
