"""Simulated leads, a settings file, callers and a receiver to begin with."""
