"""Which model answers, and what models are trained on."""
