"""The registry of trained models."""
