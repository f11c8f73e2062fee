"""A long CSV through one batch worker: how fast, how much memory at most, whether every row got where it belongs."""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.figures import Figures, Ratio, rounded
from benchmarks.harness import BACKGROUND, Site
from benchmarks.imports import import_file
from benchmarks.simulated import MOMENT
from db.session import EVERY_TENANT, reading

#: one row in so many cannot be taken: half of them tell nobody's identity, half lack cells
BAD = 100
#: megabytes that a process may take up at its largest
MEMORY_GOAL = 300
#: seconds that a thousand rows may take before a run is given up
PATIENCE = 10.0
HEADER = (
    "external_id", "email", "phone", "first_name", "last_name", "lead_type", "stage", "source", "created_at",
    "listing_views", "budget_max", "Pool wanted",
)  # fmt: skip
TYPES, STAGES = ("buyer", "seller", "both", "investor"), ("new", "contacted", "engaged", "qualified", "showing")
SOURCES = ("website", "referral", "open house", "portal")


def measure(site: Site, tenant_id: str, rows: int) -> tuple[Figures, dict[str, Ratio]]:
    """Import `rows` generated rows; raises RuntimeError when a row was lost or taken twice."""
    path = write(site.files / f"stream-{rows}.csv", rows)
    seconds = import_file(site, tenant_id, path, patience=PATIENCE * rows / 1000, profile="canonical")
    bad = rows // BAD
    found = _stored(tenant_id)
    if found != {"leads": rows - bad, "events": rows - bad, "rejected": bad}:
        raise RuntimeError(f"of {rows} rows, {bad} of them bad, there are {found}")
    peaks = _peaks(site)
    figures: Figures = {
        "rows": rows,
        "bad_rows": bad,
        "bytes": path.stat().st_size,
        "seconds": rounded(seconds),
        "rows_per_s": rounded(rows / seconds),
        "stored": found,
        "peak_mb": peaks,
    }
    memory = Ratio(
        value=max(peaks.values(), default=0.0),
        goal=MEMORY_GOAL,
        better="lower",
        of="MB: the largest resident size that any process of the batch worker ever had",
    )
    return figures, {"memory.stream": memory} if peaks else {}


def write(path: Path, rows: int) -> Path:
    """A file of made-up leads, each row another one."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        writer.writerows(map(_row, range(1, rows + 1)))
    return path


def _row(number: int) -> Sequence[str]:
    row = (
        f"S-{number}",
        f"lead.{number}@example.com",
        f"(305) {200 + number // 10_000 % 800}-{number % 10_000:04d}",
        f"First{number % 997}",
        f"Last{number}",
        TYPES[number % len(TYPES)],
        STAGES[number % len(STAGES)],
        SOURCES[number % len(SOURCES)],
        (MOMENT - timedelta(seconds=number)).isoformat(),
        str(number % 60),
        str(100_000 + number % 900 * 1000),
        "yes" if number % 3 else "no",
    )
    if number % BAD:
        return row
    return ("", "", *row[2:4], "", *row[5:]) if number % (2 * BAD) else row[:5]


def _stored(tenant_id: str) -> dict[str, int]:
    tables = {"leads": "leads", "events": "events", "rejected": "rejected_rows"}
    with reading(EVERY_TENANT) as session:
        return {
            name: session.scalar(text(f"SELECT count(*) FROM {table} WHERE tenant_id = :own"), {"own": tenant_id}) or 0
            for name, table in tables.items()
        }


def _peaks(site: Site) -> Mapping[str, float]:
    """Megabytes by process of the batch worker; empty where the system does not tell."""
    name = f"{BACKGROUND}@{socket.gethostname()}"
    told = (site.client.control.inspect(destination=[name], timeout=5.0).stats() or {}).get(name)
    if not told:
        raise RuntimeError("the batch worker does not answer")
    processes = [("main", told["pid"]), *((f"child {n}", pid) for n, pid in enumerate(told["pool"]["processes"], 1))]
    return {who: rounded(peak) for who, pid in processes for peak in _peak(pid)}


def _peak(pid: int) -> Iterator[float]:
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        yield from (int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
