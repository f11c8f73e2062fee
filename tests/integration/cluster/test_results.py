"""Results that outlive the broker they came from."""

import pytest
from celery import Celery
from celery.exceptions import TimeoutError as NoAnswer

from tests.support.broker import running
from workers.cluster.result_cleanup import release

pytestmark = pytest.mark.cluster("cluster")


def test_a_result_that_outlives_its_broker_looks_for_it_no_more(tmp_path, caplog):
    app = Celery("caller", set_as_current=False)
    with running(tmp_path) as url:
        app.conf.update(broker_url=url, result_backend=url)
        sent = app.send_task("toys.echo")
        with pytest.raises(NoAnswer):
            sent.get(timeout=0.01)
        release(app)
    del sent
    app.close()
    assert not caplog.records


def test_an_app_that_asked_for_nothing_has_nothing_to_let_go():
    release(Celery("caller", set_as_current=False))
