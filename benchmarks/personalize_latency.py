"""`hearth.leads.personalize` of one lead through the broker, beside a task that commits one row.

Each lead has eight messages, which were read when they came, as in a running installation. It is asked about once,
which computes and stores how to speak to it, and once more unchanged. The ways alternate lead by lead, so that whatever
else the machine does meets all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, percentile, spread
from benchmarks.harness import SEED, Site
from db.records import EventDraft
from db.repositories.events import events
from db.session import transaction

GOAL = 1.5
TENANT = "bench"
#: questions before those that count: children open their connections and load the readers
WARM_UP = 20
#: what leads write; invented
TEXTS = (
    "Hi, we are looking for a 3 bedroom house, budget around 450k.",
    "Could we see the blue one on Saturday at 10am?",
    "Thanks, that was very helpful!",
    "To be honest this is getting frustrating, nobody called me back.",
    "We are preapproved now and would love to make an offer.",
    "It is a bit too expensive for us, is there room on the price?",
    "What are the HOA fees?",
    "Sorry, I do not understand the inspection part at all.",
)

Times = dict[str, list[float]]


def measure(quick: bool) -> Outcome:
    """Ask on both databases; `quick`: on PostgreSQL."""
    number = 60 if quick else 400
    figures: Figures = {"unit": "ms from sending to having the answer", "messages_a_lead": len(TEXTS)}
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind) as site:
            times = _times(site, number)
        figures[kind] = {name: spread(values) for name, values in times.items()}
        against = percentile(times["one_row"], 0.95)
        ratios |= {
            f"{name}_p95_over_one_row.{kind}": Ratio(
                value=percentile(times[name], 0.95) / against,
                goal=GOAL,
                better="lower",
                of=f"p95 on {kind} over that of a task that commits one row",
            )
            for name in ("first_time", "unchanged")
        }
    return Outcome(data="simulated leads with messages", rows=number, seed=SEED, figures=figures, ratios=ratios)


def _times(site: Site, number: int) -> Times:
    lead_ids = _leads(site, number + WARM_UP)
    ask = [{"tenant_id": TENANT, "lead_id": lead_id} for lead_id in lead_ids]
    times: Times = {"first_time": [], "unchanged": [], "one_row": []}
    for asked in ask:
        for name in ("first_time", "unchanged"):
            times[name].append(_milliseconds(partial(site.call, "hearth.leads.personalize", **asked)))
        times["one_row"].append(_milliseconds(lambda: harness.answer_of(site.send("bench.row", kwargs={"run": "row"}))))
    return {name: taken[WARM_UP:] for name, taken in times.items()}


def _leads(site: Site, number: int) -> Sequence[str]:
    """Store leads with their messages, and score them once, which reads the messages."""
    site.call("hearth.tenants.configure", tenant_id=TENANT, settings={})
    told = [{"external_id": f"L{each}", "lead_type": "buyer", "showings": each % 5} for each in range(number)]
    lead_ids: list[str] = []
    for first in range(0, number, 100):
        part = told[first : first + 100]
        lead_ids += site.call("hearth.leads.upsert", tenant_id=TENANT, leads=part)["lead_ids"]
    now = datetime.now(UTC)
    said = [_said(now, day, text) for day, text in enumerate(TEXTS)]
    with transaction(TENANT) as session:
        events.add_many(session, TENANT, drafts=dict.fromkeys(lead_ids, said))
    for lead_id in lead_ids:
        site.call("hearth.leads.score", tenant_id=TENANT, lead_id=lead_id)
    return lead_ids


def _said(now: datetime, day: int, text: str) -> EventDraft:
    at = now - timedelta(days=day + 1)
    return EventDraft(
        kind="sms", occurred_at=at, recorded_at=at, direction="inbound", channel="sms", text=text, source_id=f"m{day}"
    )


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    harness.run("personalize_latency", measure)
