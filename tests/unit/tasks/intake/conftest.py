"""Writing small files and taking them through the whole intake."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.intake.csv import error_file, event_rows, rows, source
from tasks.intake.csv.columns import column_plan, evidence, planning
from tasks.intake.csv.columns import mapping as mapping_file

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Intake:
    source: source.Source
    spooled: source.SpooledFile
    plan: column_plan.ColumnPlan
    defaults: mapping_file.FileDefaults
    records: list[source.CsvRecord]
    rows: list[Any]

    @property
    def drafts(self):
        return [row.draft for row in self.rows if row.draft]

    @property
    def codes(self):
        return [(problem.severity, problem.code) for row in self.rows for problem in row.issues]


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

    def file(
        self, path: Path, mapping: Mapping[str, Any] | None = None, *, profile="auto", timezone="UTC", subject="leads"
    ) -> Intake:
        found = source.inspect(path, mapping_file.parse_mapping(mapping).defaults.get("encoding"))
        plan = planning.plan_columns(found.header, profile, mapping, subject=subject, sample=found.sample)
        spool = self.folder / "spool"
        collected = evidence.collectors(plan)
        spooled = source.spool(path, spool, found, evidence=collected)
        defaults = mapping_file.file_defaults(mapping, profile=plan.profile, timezone=timezone, sha256=spooled.sha256)
        plan = evidence.complete(plan, collected, defaults)
        planned, plan = plan, column_plan.ColumnPlan.load(json.loads(json.dumps(plan.dump())))
        assert plan == planned, "a worker reads what the task has planned"
        assert source.Source.load(json.loads(json.dumps(found.dump()))) == found
        assert mapping_file.FileDefaults.load(json.loads(json.dumps(defaults.dump()))) == defaults
        records = [record for chunk in spooled.chunks for record in source.read_records(spool, chunk, found)]
        convert = rows.convert if subject == "leads" else event_rows.convert
        return Intake(
            source=found,
            spooled=spooled,
            plan=plan,
            defaults=defaults,
            records=records,
            rows=[convert(record, plan, defaults, NOW) for record in records],
        )

    def errors(self, intake: Intake, name: str = "errors.csv") -> Path:
        """Write the error file of an import."""
        aside = [
            row
            for record, converted in zip(intake.records, intake.rows, strict=True)
            for row in rows.rejected_rows(record, converted.issues)
        ]
        file = intake.defaults.file if intake.plan.row_number else ""
        error_file.write(self.folder / name, intake.source.header, aside, file=file)
        return self.folder / name


@pytest.fixture
def importer(tmp_path: Path) -> Importer:
    return Importer(tmp_path)


@pytest.fixture
def now() -> datetime:
    return NOW
