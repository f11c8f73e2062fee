"""How many leads are planned a second: by the policy alone, and with all gates, from needs as they are stored.

Seconds are those of the processor: one thread computes and waits for nothing, and other work of the machine is no part
of it.
"""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded
from benchmarks.harness import SEED
from ml.churn.risk import ChurnRisk, assess
from ml.features import extract
from ml.interventions.compliance.gates import ActionCandidate, GateDecision, GateFacts, GateRules, judge
from ml.interventions.policy import Need, Proposal, options, propose, within_budget
from ml.profiles import LeadProfile

#: leads of one sweep, and what may be spent on them: a fifth of what calling all of them would cost
BATCH = 1000
BUDGET = 2000.0
NAME = "Harbor Homes"
RULES = GateRules()
CONSENT = ("opt_in_email", "opt_in_sms", "dnd_email", "dnd_sms", "dnd_call")
#: leads planned a second with all gates: an event re-scores 50 leads a second, a sweep has to be ten times as fast
GOAL = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What came of one lead."""

    chosen: Proposal | None
    #: of each option that was tried
    decisions: tuple[GateDecision, ...]


def measure(quick: bool) -> Outcome:
    """Policy alone and with all gates, in turn, over the same stored needs."""
    rows, rounds = (2000, 3) if quick else (10_000, 5)
    lines = stored(rows)
    works: dict[str, Callable[[Sequence[str]], Any]] = {"policy_only": proposed, "with_all_gates": planned}
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            started = time.process_time()
            work(lines)
            taken[name].append(time.process_time() - started)
    # the first round, which fills caches, is not counted
    per_s = {name: len(lines) / median(seconds[1:]) for name, seconds in taken.items()}
    figures: Figures = {"leads_per_s": {name: rounded(rate) for name, rate in per_s.items()}, **told(planned(lines))}
    ratio = Ratio(
        value=per_s["with_all_gates"],
        goal=GOAL,
        better="higher",
        of="leads planned a second of one core, with budget and all gates, from needs as stored",
    )
    return Outcome(data="simulated leads", rows=len(lines), seed=SEED, figures=figures, ratios={"planning": ratio})


def proposed(lines: Sequence[str]) -> int:
    """Read needs and propose; what is counted are the options."""
    found = 0
    for line in lines:
        need, _ = read(json.loads(line))
        found += len(options(propose(need, name=NAME)))
    return found


def planned(lines: Sequence[str]) -> list[Planned]:
    """Read needs, propose, keep the budget, and judge until an action may be carried out."""
    found: list[Planned] = []
    for start in range(0, len(lines), BATCH):
        known = [read(json.loads(line)) for line in lines[start : start + BATCH]]
        needs = {need.lead_id: need for need, _ in known}
        ranked = {lead: propose(need, name=NAME) for lead, need in needs.items()}
        kept = within_budget(ranked, needs, BUDGET)
        found += [_judged(kept[need.lead_id], facts) for need, facts in known]
    return found


def _judged(proposals: Sequence[Proposal], facts: GateFacts) -> Planned:
    decisions: list[GateDecision] = []
    for option in options(proposals):
        copy = "\n".join(part for part in (option.title, option.text) if part) or None
        candidate = ActionCandidate(action=option.action, channel=option.channel, text=copy, cost=option.cost)
        decisions.append(judge(candidate, facts, RULES))
        if decisions[-1].decision != "block":
            return Planned(chosen=option, decisions=tuple(decisions))
    return Planned(chosen=None, decisions=tuple(decisions))


def told(found: Sequence[Planned]) -> Figures:
    """What was decided, so that a fast benchmark that plans nothing is seen."""
    last = Counter(one.decisions[-1].decision if one.decisions else "nothing_proposed" for one in found)
    channels = Counter(one.chosen.channel for one in found if one.chosen is not None)
    return {
        "decisions_per_lead": rounded(sum(len(one.decisions) for one in found) / len(found)),
        "share_of_leads": {name: rounded(count / len(found)) for name, count in sorted(last.items())},
        "channels": {name: rounded(count / len(found)) for name, count in sorted(channels.items())},
    }


def stored(rows: int) -> list[str]:
    """What is stored of simulated leads that have not ended: risk, and what the gates ask, as JSON."""
    with TemporaryDirectory(prefix="hearth-bench-") as folder:
        table = simulated.write(Path(folder), rows)
        with table.path.open(encoding="utf-8", newline="") as file:
            told = list(csv.DictReader(file))
    profiles = [simulated.profile_of(row) for row in told]
    risks = assess(profiles, extract(profiles))
    found = zip(told, profiles, risks, strict=True)
    return [
        json.dumps(_row(place, row, profile, risk))
        for place, (row, profile, risk) in enumerate(found)
        if risk is not None
    ]


def _row(place: int, row: simulated.Row, profile: LeadProfile, risk: ChurnRisk) -> dict[str, Any]:
    need = {
        "lead_id": str(place),
        "probability": risk.probability,
        "level": risk.level,
        "indicators": {one.name: one.value for one in risk.indicators if one.known},
        "neglected": risk.neglected,
        "stage": profile.stage,
        "timeline": profile.timeline,
        "lead_type": profile.lead_type,
        "days_silent": risk.days_silent,
        "threshold": risk.threshold,
        "terminal": bool(row["unsubscribed_at"]),
        "assigned_to": row["assigned_to"] or None,
    }
    facts = {
        "consent": {name: row[name] == "true" for name in CONSENT if row[name]},
        "refused": "unsubscribed" if row["unsubscribed_at"] else None,
        "timezone": row["timezone"] or None,
        "state": row["state"] or None,
        "phone": row["phone"] or None,
        "inquiry_at": row["last_replied_at"] or row["created_at"],
        "contacts": [row["last_contacted_at"]] if row["last_contacted_at"] else [],
    }
    return {"now": risk.as_of.isoformat(), "need": need, "facts": facts}


def read(told: dict[str, Any]) -> tuple[Need, GateFacts]:
    """What is stored, as the policy and the gates take it."""
    now, facts = datetime.fromisoformat(told["now"]), told["facts"]
    contacts = (datetime.fromisoformat(at) for at in facts["contacts"])
    return Need(as_of=now, **told["need"]), GateFacts(
        now=now,
        kill_switch=False,
        contactable=facts["refused"] is None,
        consent=facts["consent"],
        refused=facts["refused"],
        timezone=facts["timezone"],
        state=facts["state"],
        phone=facts["phone"],
        inquiry_at=datetime.fromisoformat(facts["inquiry_at"]),
        contacts=tuple(at for at in contacts if now - timedelta(days=7) <= at <= now),
    )


if __name__ == "__main__":
    harness.run("planning", measure)
