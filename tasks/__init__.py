"""Entry points: validate, load, call ml, save, publish."""
