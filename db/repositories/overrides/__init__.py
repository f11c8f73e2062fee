"""Overrides of scores, feedback on scores, and the thresholds that scores have crossed."""
