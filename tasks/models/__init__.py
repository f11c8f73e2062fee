"""`hearth.models.*`: train models on what became of leads."""

from tasks.models.answering import decide, model_history, rollback
from tasks.models.retrain import retrain
from tasks.models.retrain import start as retrain_start
from tasks.models.retrain_stages import challenger_stage, compare_stage, data_stage, promote_stage
from tasks.models.retrain_sweep import retrain_sweep
from tasks.models.train import train_model
from tasks.models.tune import tune
from tasks.models.tune_end import tune_end
from tasks.models.tune_fold import tune_fold
from tasks.models.tune_sweep import tune_sweep
from tasks.models.tuning import tuning
from tasks.models.watch import shadow, watch

__all__ = [
    "challenger_stage",
    "compare_stage",
    "data_stage",
    "decide",
    "model_history",
    "promote_stage",
    "retrain",
    "retrain_start",
    "retrain_sweep",
    "rollback",
    "shadow",
    "train_model",
    "tune",
    "tune_end",
    "tune_fold",
    "tune_sweep",
    "tuning",
    "watch",
]
