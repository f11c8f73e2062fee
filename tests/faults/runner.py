"""A cluster whose workers can be told to die: `python -m tests.faults.runner`, until a signal."""

from workers.cluster import start
from workers.settings import settings

with start(settings(), tasks="tests.faults.killer", flower=False) as cluster:
    cluster.wait_ready()
    print("ready", flush=True)
    cluster.wait()
