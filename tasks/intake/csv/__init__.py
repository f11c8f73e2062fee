"""CSV files: what they look like inside, what their columns mean, and one record after another."""
