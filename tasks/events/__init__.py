"""Tasks about events of CRMs: each is applied once, changes its lead, and makes the lead due for scoring."""

from tasks.events.ingest import ingest
from tasks.events.replay import replay

__all__ = ["ingest", "replay"]
