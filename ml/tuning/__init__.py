"""Search for the settings of a model: what to try next, and what won."""
