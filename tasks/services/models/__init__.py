"""The kinds of model, the registry that finds who answers, and what models are trained on."""
