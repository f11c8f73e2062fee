"""A cluster whose workers can be told to die: `python -m tests.support.faults.runner`, until a signal."""

from workers.base.settings import settings
from workers.cluster.embedded import start

with start(settings(), tasks="tests.support.faults.killer", flower=False) as cluster:
    cluster.wait_ready()
    print("ready", flush=True)
    cluster.wait()
