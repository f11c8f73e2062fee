"""What workers load: `celery -A workers.bootstrap worker`. Tasks and models are imported here, in the parent, so that
its children share their memory; beat and Flower load `workers.app` and know tasks by name only.
"""

import gc
import os
from importlib import import_module

from workers.app import app
from workers.worker import hooks

TASK_MODULES = (
    "tasks.system",
    "tasks.tenants",
    "tasks.leads",
    "tasks.churn",
    "tasks.interventions",
    "tasks.events",
    "tasks.outcomes",
    "tasks.models",
    "tasks.backfill",
    "tasks.pipelines",
    "tasks.jobs",
    "tasks.outbound",
    "tasks.privacy",
    "tasks.reports",
)

# what is imported stays: looking for garbage among it takes a sixth of the start (measured), and would copy its pages
# in every child
gc.disable()
# numpy reads these when it is imported, below: a pool has a process per core already
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
for _module in TASK_MODULES:
    import_module(_module)
gc.freeze()
gc.enable()

__all__ = ["TASK_MODULES", "app", "hooks"]
