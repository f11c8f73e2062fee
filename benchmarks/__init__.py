"""Measurements of speed: each module prints one JSON object, `benchmarks.report` gathers them all."""
