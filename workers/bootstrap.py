"""The Celery app of workers: `celery -A workers.bootstrap worker`.

Every task and its models are imported here, in the parent, so that its children share their memory; beat and Flower
load `workers.app` and know tasks by name only.
"""

import gc
import os
from importlib import import_module

from ml.features import prohibited
from ml.interventions.wording import copy_check
from ml.language import analysis
from tasks.contracts.base import request
from tasks.runtime import registry
from workers.app import app
from workers.worker import hooks

# what is imported stays: looking for garbage among it takes a sixth of the start (measured), and would copy its pages
# in every child
gc.disable()
# numpy reads these when it is imported, below: a pool has a process per core already
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
registry.load()
request.build()
# imported where they are called, since commands that only read need none of them: a child would load its own copy
for _name in (
    "ml.online.checkpoint",
    *("scipy.optimize", "scipy.special", "scipy.stats"),
    *("sklearn.ensemble", "sklearn.linear_model", "sklearn.model_selection"),
):
    import_module(_name)
copy_check.catalogue()
prohibited.vocabulary()
analysis.load()
gc.freeze()
gc.enable()

__all__ = ["app", "hooks"]
