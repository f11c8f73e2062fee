"""`hearth.models.*`: train models on what became of leads."""

from tasks.models.train import train_model
from tasks.models.tune import tune
from tasks.models.tune_end import tune_end
from tasks.models.tune_fold import tune_fold
from tasks.models.tune_sweep import tune_sweep
from tasks.models.tuning import tuning

__all__ = ["train_model", "tune", "tune_end", "tune_fold", "tune_sweep", "tuning"]
