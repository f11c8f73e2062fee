"""Writing small files and taking them through the whole intake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.intake import columns, rows, source

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Intake:
    source: source.Source
    spooled: source.Spooled
    plan: columns.ColumnPlan
    records: list[source.Record]
    rows: list[rows.Converted]

    @property
    def drafts(self):
        return [row.draft for row in self.rows if row.draft]

    @property
    def codes(self):
        return [(problem.severity, problem.code) for row in self.rows for problem in row.problems]


class Importer:
    """The steps of an import, on text or bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: str | bytes, name: str = "leads.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def take(self, content: str | bytes, mapping: Mapping[str, Any] | None = None, **options: str) -> Intake:
        return self.file(self.write(content), mapping, **options)

    def file(self, path: Path, mapping: Mapping[str, Any] | None = None, *, profile="auto", timezone="UTC") -> Intake:
        found = source.inspect(path)
        spool = self.folder / "spool"
        spooled = source.spool(path, spool, found)
        plan = columns.plan(found.header, profile, mapping)
        defaults = columns.defaults(mapping, timezone=timezone, sha256=spooled.sha256)
        records = [record for chunk in spooled.offsets for record in source.read(spool, chunk, found)]
        return Intake(
            source=found,
            spooled=spooled,
            plan=plan,
            records=records,
            rows=[rows.convert(record, plan, defaults, NOW) for record in records],
        )


@pytest.fixture
def importer(tmp_path: Path) -> Importer:
    return Importer(tmp_path)


@pytest.fixture
def now() -> datetime:
    return NOW
