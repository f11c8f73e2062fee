"""Steps of an import that register no task."""
