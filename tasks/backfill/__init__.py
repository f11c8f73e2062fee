"""CSV files in: spooled, cut into chunks whose rows in the database are the truth, imported in a chord, summed up."""

from tasks.backfill.chunks import import_chunk
from tasks.backfill.finish import finish
from tasks.backfill.start import start
from tasks.backfill.sweep import sweep

__all__ = ["finish", "import_chunk", "start", "sweep"]
