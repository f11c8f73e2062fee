"""Process bootstrap: the only place that reads the environment and joins real things."""
