"""What a check of a model reads and stores; `ml.monitoring` judges it."""
