"""Events of CRMs in: each one once, as a change of its lead and a reason to score it again."""

from tasks.events.ingest import ingest
from tasks.events.replay import replay

__all__ = ["ingest", "replay"]
