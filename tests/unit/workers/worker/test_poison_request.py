"""A request as the pool gets it: its limits are those that the message asked for."""

from types import SimpleNamespace

import pytest
from celery import Celery

from workers.worker.poison_request import GuardedRequest


@pytest.fixture(scope="module")
def app():
    with Celery("test", set_as_current=False) as made:
        made.conf.update(task_soft_time_limit=540, task_time_limit=600)

        @made.task(name="t")
        def t():
            """Does nothing."""

        made.finalize()
        yield made


def limits(app, timelimit):
    headers = {"id": "1", "task": "t", "timelimit": timelimit}
    message = SimpleNamespace(
        headers=headers, properties={}, delivery_info={}, body=b"", content_type=None, content_encoding=None
    )
    payload = ([], {}, {})
    request = GuardedRequest(message, app=app, task=app.tasks["t"], body=payload, decoded=True)
    return tuple(request.time_limits)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([10, None], (10, 9.0)),
        ([700, None], (700, 540)),
        ([10, 4], (10, 4)),
        ([None, 4], (None, 4)),
        ([None, None], (None, None)),
    ],
)
def test_a_hard_limit_without_a_soft_one_is_kept(app, given, kept):
    assert limits(app, given) == kept
