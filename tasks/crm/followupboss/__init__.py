"""Follow Up Boss: the events of its webhooks with what they tell of, and requests to its public API."""

from tasks.crm.followupboss.reader import read
from tasks.crm.followupboss.webhook_signature import verify_followupboss

__all__ = ["read", "verify_followupboss"]
