"""F13 and F14: fan-ins with a child lost, failed or slow, and a file whose import is killed again and again."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.site import WORKERS, Site
from benchmarks.faults.tally import Count, Tally

#: a row in so many is bad
BAD = 100
#: rows of a file whose chunks are struck one by one
ROWS = 4_000
#: jobs beside an import that each add a link to its tenant's audit chain
PROVED = 20
ENDED = ("finished", "failed", "cancelled")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file with a bad row in every hundred."""

    path: Path
    rows: int
    bad: int


def make_file(folder: Path, rows: int, random: Random) -> File:
    """Leads, and among each hundred one without any identity, at a place that chance chooses."""
    path = folder / f"leads-{random.getrandbits(40):x}.csv"
    bad = {start + random.randrange(BAD) for start in range(0, rows - BAD + 1, BAD)}
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["external_id", "email", "source", "showings"])
        for number in range(rows):
            who = ("", "") if number in bad else (f"L{number}", f"l{number}@example.com")
            writer.writerow([*who, "web", number % 7])
    return File(path=path, rows=rows, bad=len(bad))


def begin(site: Site, tenant_id: str, file: File) -> str:
    """Start the import; gives its id, which the database has."""
    asked = {"tenant_id": tenant_id, "uri": str(file.path), "profile": "canonical"}
    sent = site.client.send_task("hearth.backfill.csv", kwargs=asked, queue="batch")
    answer: Json = sent.get(timeout=300)
    sent.backend = None
    return str(answer["data"]["job_id"])


def progress(site: Site, backfill_id: str) -> tuple[str, int, int]:
    """State of an import, chunks left, chunks in all."""
    query = "SELECT state, remaining, chunks FROM backfills WHERE backfill_id = :id"
    state, remaining, chunks = site.rows(query, id=backfill_id)[0]
    return str(state), int(remaining), int(chunks)


def f13(here: Round, tally: Tally) -> None:
    """A chunk whose message is lost, one that is slow beyond its lease, and one that kills its process every time."""
    cases: tuple[tuple[str, Callable[[Round], None]], ...] = (("lost", _lose), ("slow", _slow), ("failed", _poison))
    for name, strike in cases if here.whole else cases[:2]:
        load = Load(site=here.site, random=here.random)
        file = make_file(here.site.home.parent, min(here.rows, ROWS), here.random)
        if name != "lost":
            strike(here)
        backfill_id = begin(here.site, load.tenant, file)
        load.write(PROVED)
        if name == "lost":
            strike(here)
        struck = time.monotonic()
        tally.kills += 1
        state = _wait(here.site, backfill_id, here.patience)
        tally.recoveries.append(time.monotonic() - struck)
        for told in ("kill", "slow"):
            here.site.tell(told, None)
        tally.notes.setdefault(f"child_{name}", []).append([state, round(time.monotonic() - struck, 1)])
        _check_fan_in(here, tally, load, backfill_id, failed=name == "failed")


def _check_fan_in(here: Round, tally: Tally, load: Load, backfill_id: str, *, failed: bool) -> None:
    time.sleep(1 if here.whole else 0.5)
    state, _, _ = progress(here.site, backfill_id)
    query = "SELECT error FROM backfills WHERE backfill_id = :id"
    error = str(here.site.rows(query, id=backfill_id)[0][0])
    told = _finals(here.site, load.tenant)
    tally.must("the culprit is named", hold=not failed or (state == "failed" and "records 1001-2000" in error))
    tally.must("an import with a lost or slow child finishes", hold=failed or state == "finished")
    count = Count(accepted=1, done=int(state == "finished"), failed=int(state == "failed"))
    count.lost, count.duplicate_effects = int(state not in ENDED), max(0, told - 1)
    tally.database.add(count)
    load.settle(tally, here.patience)


def f14(here: Round, tally: Tally) -> None:
    """An import during which the workers are killed five times, with all their children."""
    site, load = here.site, Load(site=here.site, random=here.random)
    file = make_file(site.home.parent, here.rows, here.random)
    began = time.monotonic()
    backfill_id = begin(site, load.tenant, file)
    started = time.monotonic()
    load.write(PROVED)
    _, _, chunks = progress(site, backfill_id)
    kills = 5 if here.whole else 2
    for kill in range(1, kills + 1):
        _pass(site, backfill_id, round(chunks * (1 - kill / (kills + 1))))
        site.processes.kill(*WORKERS)
        struck = time.monotonic()
        tally.kills += 1
        site.processes.start(*WORKERS)
        tally.recoveries.append(site.recovered(load.tenant, struck, queue="batch" if here.whole else "ingest"))
    state = _wait(site, backfill_id, here.patience + file.rows / 200)
    ended = time.monotonic()
    tally.must("the import finishes", hold=state == "finished")
    tally.notes |= {"rows": file.rows, "rows_per_s": round(file.rows / (ended - started))}
    tally.notes["rows_per_s_with_reading"] = round(file.rows / (ended - began))
    _check_rows(here, tally, load, file, backfill_id)


def _check_rows(here: Round, tally: Tally, load: Load, file: File, backfill_id: str) -> None:
    """Every good row is one lead; every bad one stands in the error file."""
    site = here.site
    leads = int(site.rows("SELECT count(*) FROM leads WHERE tenant_id = :t", t=load.tenant)[0][0])
    (found,) = site.rows("SELECT error_file, summary FROM backfills WHERE backfill_id = :id", id=backfill_id)
    summary = found[1] if isinstance(found[1], dict) else json.loads(found[1] or "{}")
    rejected = _rejected(found[0])
    good = file.rows - file.bad
    tally.notes |= {"leads": leads, "error_rows": rejected, "summary": summary.get("rows")}
    tally.must("every bad row is in the error file", hold=rejected == file.bad)
    tally.must("one finaliser", hold=_finals(site, load.tenant) == 1)
    created = int((summary.get("rows") or {}).get("created", 0))
    tally.must("the counts are those of one pass", hold=created == good)
    count = Count(accepted=file.rows, done=min(leads, good), failed=rejected)
    count.lost = file.rows - count.done - count.failed
    count.duplicate_effects = max(0, leads - good)
    tally.database.add(count)
    load.settle(tally, here.patience)


def _rejected(path: str | None) -> int:
    if not path:
        return 0
    with Path(path).open(newline="") as file:
        return Counter(row["_code"] for row in csv.DictReader(file))["row.no_identity"]


def _finals(site: Site, tenant_id: str) -> int:
    """How often the end of an import was told."""
    query = "SELECT count(*) FROM outbound_events WHERE tenant_id = :t AND type = 'backfill.finished'"
    return int(site.rows(query, t=tenant_id)[0][0])


def _wait(site: Site, backfill_id: str, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while (state := progress(site, backfill_id)[0]) not in ENDED and time.monotonic() < deadline:
        site.sweep()
        time.sleep(0.5)
    return state


def _pass(site: Site, backfill_id: str, remaining: int) -> None:
    """Return when only so many chunks are left."""
    deadline = time.monotonic() + 1800
    while progress(site, backfill_id)[1] > remaining and time.monotonic() < deadline:
        time.sleep(0.05)


def _lose(here: Round) -> None:
    """Take the message of one chunk from its queue, as a worker does that dies before it knows of it."""
    client = here.site.redis()
    with suppress(TypeError):
        client.rpop("batch")


def _slow(here: Round) -> None:
    here.site.tell("slow_seconds", "5" if here.whole else "3")
    here.site.tell("slow", "1")


def _poison(here: Round) -> None:
    here.site.tell("kill", "1")
