"""Models from what became of leads."""

from tasks.training.train import train_model

__all__ = ["train_model"]
