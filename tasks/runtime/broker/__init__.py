"""The broker seen from a task: sending to it, what waits on it, and what is admitted."""
