"""Evaluation, calibration and promotion of models."""
