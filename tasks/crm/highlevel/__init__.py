"""HighLevel: the events of its webhooks and of the webhook action of its workflows, and requests to its public API."""

from tasks.crm.highlevel.envelope import read
from tasks.crm.highlevel.workflow import read as read_workflow

__all__ = ["read", "read_workflow"]
