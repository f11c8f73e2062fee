"""Is the cluster there, and what is it?"""

from __future__ import annotations

from importlib.metadata import version

from celery import current_app

from db.repositories import models
from db.session import Session
from ml.features import SCHEMA_VERSION
from tasks.base import Answer, Work, query
from tasks.contracts.base import CONTRACT
from tasks.contracts.system import Ping


@query("hearth.system.ping", Ping)
def ping(session: Session, request: Ping, work: Work) -> Answer:
    """Versions, queues, the tenant's champions and the time."""
    known = models.versions(session, request.tenant_id) if request.tenant_id else []
    return Answer(
        data={
            "versions": {"hearth": version("hearth"), "celery": version("celery"), "features": SCHEMA_VERSION},
            "contract": CONTRACT,
            "queues": sorted(queue.name for queue in current_app.conf.task_queues),
            "models": {model.kind: model.version for model in known if model.state == "champion"},
            "time": work.now,
            "echo": request.echo,
        }
    )
