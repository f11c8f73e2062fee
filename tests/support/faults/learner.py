"""A process that learns and scores, over and over, until it is killed: `python -m tests.support.faults.learner URL T`.

It is what the child of a worker does with messages that come without end, and answers none of them.
"""

import sys
from pathlib import Path

from db import session as sessions
from db.encryption import KeyRing
from tasks.errors import TaskError
from tasks.online.learn import learn, score
from tasks.services.online import saving
from tests.support.databases import TEST_KEYRING


def main(url: str, tenant_id: str, ready: str) -> None:
    sessions.configure(url, KeyRing.parse(TEST_KEYRING))
    # so small that processes are killed around checkpoints too
    saving.SIGNALS = 15
    # what more there is to score is scored in the next round: there is no broker
    score.apply_async = lambda **_: None
    while True:
        for task, asked in ((learn, {"target": "reply"}), (score, {})):
            try:
                task(tenant_id=tenant_id, **asked)
            except TaskError:
                continue  # the other one was at it, or the database was busy
            Path(ready).touch()


if __name__ == "__main__":
    main(*sys.argv[1:])
