"""The least that an import could do: read the CSV, predict with the same model, COPY. The measure of `backfill`.

It stores what it read as one JSON column and the probability: nothing is checked, sealed, merged, or known twice.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TextIO

import psycopg
from sqlalchemy import make_url

from benchmarks.simulated import Row, Table
from ml.features import extract
from ml.leads import LeadScorer

BATCH = 1000
TABLE = "CREATE TABLE bare_leads (id text, fields jsonb, probability double precision)"
COPY = "COPY bare_leads (id, fields, probability) FROM STDIN"


def run(table: Table, scorer: LeadScorer | None, url: str) -> float:
    """Seconds from the file to the commit; without a scorer nothing is predicted."""
    with psycopg.connect(_conninfo(url)) as connection:
        connection.execute("DROP TABLE IF EXISTS bare_leads")
        connection.execute(TABLE)
        connection.commit()
        started = time.monotonic()
        with connection.cursor().copy(COPY) as copy:
            for batch in batches(table):
                for row, probability in zip(batch, _predicted(table, scorer, batch), strict=True):
                    copy.write_row((next(iter(row.values())), json.dumps(row), probability))
        connection.commit()
        return time.monotonic() - started


def batches(table: Table) -> Iterator[Sequence[Row]]:
    """The file's rows, a thousand at a time."""
    with opened(table) as lines:
        rows = csv.DictReader(lines, delimiter=table.delimiter)
        while batch := list(islice(rows, BATCH)):
            yield batch


def opened(table: Table) -> TextIO:
    """The file as text, unpacked when it is packed."""
    if table.path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(table.path), "utf-8", newline="")
    return table.path.open(encoding="utf-8", newline="")


def _predicted(table: Table, scorer: LeadScorer | None, batch: Sequence[Row]) -> Sequence[float | None]:
    if scorer is None:
        return [None] * len(batch)
    predicted: list[float | None] = scorer.probabilities(extract([table.profile(row) for row in batch])).tolist()
    return predicted


def _conninfo(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
