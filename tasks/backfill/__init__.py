"""The tasks `hearth.backfill.*`: import a CSV file. It is spooled, cut into chunks, imported in a chord and summed up.

The chunks' rows in the database decide what is done and what is left; the messages only make it fast.
"""

from tasks.backfill.chunks import import_chunk
from tasks.backfill.finish import finish
from tasks.backfill.start import start
from tasks.backfill.sweep import sweep

__all__ = ["finish", "import_chunk", "start", "sweep"]
