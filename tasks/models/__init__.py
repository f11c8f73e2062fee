"""`hearth.models.*`: train models on what became of leads."""

from tasks.models.train import train_model

__all__ = ["train_model"]
