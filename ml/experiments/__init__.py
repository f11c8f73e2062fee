"""Experiments: who is held out, what sending changed, how sure that is, and what a hold-out of its size can see."""
