"""A process that runs a cluster until a signal, as `hearth up` does: `python -m tests.support.runner`.

With `lean` it has neither Flower nor beat.
"""

import sys

from tests.support import toys
from workers.base.settings import settings
from workers.cluster.embedded import start


def main():
    whole = sys.argv[1:] != ["lean"]
    # what it says besides is not for who waits for the word below
    chosen = {"tasks": toys.__name__, "fold": True, "flower": whole, "beat": whole, "notice": sys.stderr.write}
    with start(settings(), **chosen) as cluster:
        cluster.wait_ready()
        print("ready", flush=True)
        cluster.wait()


if __name__ == "__main__":
    main()
