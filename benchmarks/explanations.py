"""Whether explanations are true, and what they cost.

Reasons: the named features are taken away (a lead is given those of other leads) and the score has to move by what the
reason says it adds; beside it the same reasons dealt out to the wrong features. What would change a score: the named
steps are done to the lead itself, as interactions of its profile, which is then read and scored anew; beside it as many
steps drawn by chance. Similar leads: the share of the nearest that was won, as a score of leads that were held back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import harness, simulated_journeys, tables
from benchmarks.figures import Figures, Outcome, Ratio, rounded, spread
from domain.scores import HOT, WARM
from ml.arrays import Bools, Floats
from ml.ensemble.scorer import EnsembleScorer
from ml.ensemble.stacking import GB, LR, RF
from ml.explain.counterfactual import Goal, what_if
from ml.explain.faithfulness import Agreement, agreement, without
from ml.explain.importance import importance
from ml.explain.levers import Lever, builtin
from ml.explain.neighbours import by_meaning, nearest
from ml.features import extract
from ml.features.meanings import meanings_of
from ml.leads import LeadScorer, band
from ml.leads.results import assemble
from ml.profiles import FeatureMatrix, Interaction, LeadProfile
from ml.training.evaluation import auc

SEED = 0
#: day of a simulated lead's life that it is scored on, days after it within which it has to come far, and that stage
DAY, WITHIN, FAR = 60, 45, 3
#: the border of each band, by the band below
GOALS = {"cold": Goal(name="warm", border=WARM, rises=True), "warm": Goal(name="hot", border=HOT, rises=True)}
#: goals: reasons that move the score the way they say, steps that cross the border when they are done
DIRECTION_GOAL, CROSS_GOAL = 0.9, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A scorer, and the rows that it has not seen."""

    scorer: LeadScorer
    known: FeatureMatrix
    known_labels: Bools
    held: FeatureMatrix
    held_labels: Bools


class AllMembers(LeadScorer):
    """A lead scorer that keeps all three members, so that its cost is the largest there is."""

    keeps_all_members = True


def measure(quick: bool) -> Outcome:
    """Simulated leads with all that they do, and real tables where there are any."""
    profiles, labels = _journeys(1200 if quick else 3000)
    half = len(profiles) // 2
    kept = _kept(extract(profiles), labels, half)
    with threadpool_limits(1):
        figures: Figures = {"journeys": _of_table(kept, quick), **_of_steps(kept, profiles[half:], quick)}
        for name, known in tables.SETS.items():
            loaded = tables.load(known)
            if loaded is not None:
                matrix, truth = tables.first(*loaded, 1500 if quick else 6000)
                figures[name] = _of_table(_kept(matrix, truth, len(truth) // 2, mixed=True), quick)
    return Outcome(
        data="simulated journeys and real tables",
        rows=len(profiles),
        seed=SEED,
        figures=figures,
        ratios=_ratios(figures),
    )


def _journeys(count: int) -> tuple[list[LeadProfile], Bools]:
    """Leads on a day of their lives, and whether each comes far within some weeks."""
    found = list(simulated_journeys.leads(SEED, count))
    labels = [max(lead.stages[DAY + 1 : DAY + 1 + WITHIN]) >= FAR for lead in found]
    # the days after `as_of` are the benchmark's secret: what is done is added to what is known
    return [_seen(lead.at(DAY)) for lead in found], np.array(labels)


def _seen(profile: LeadProfile) -> LeadProfile:
    known = tuple(event for event in profile.interactions if event.occurred_at <= profile.as_of)
    return replace(profile, interactions=known)


def _kept(matrix: FeatureMatrix, labels: Bools, known: int, *, mixed: bool = False) -> Kept:
    """Fit on some rows and keep the others; `mixed` ones are drawn, of a table whose order may mean something."""
    order = np.random.default_rng(SEED).permutation(len(labels)) if mixed else np.arange(len(labels))
    first, last = order[:known], order[known:]
    scorer = AllMembers().fit(matrix.take(first), labels[first], seed=SEED)
    return Kept(
        scorer=scorer,
        known=matrix.take(first),
        known_labels=labels[first],
        held=matrix.take(last),
        held_labels=labels[last],
    )


def _of_table(kept: Kept, quick: bool) -> Figures:
    """Faithful reasons, telling neighbours, and what counts over all leads."""
    rows = min(len(kept.held), 40 if quick else 200)
    score = auc(kept.held_labels, kept.scorer.log_odds(kept.held))
    found = importance(kept.scorer.log_odds, kept.held, kept.held_labels, seed=SEED, shuffles=2)
    return {
        "rows": {"known": len(kept.known), "held": len(kept.held)},
        "auc": rounded(score),
        "reasons": _reasons(kept, rows),
        "similar": _similar(kept),
        "importance": [
            {"meaning": each.meaning, "loss": [rounded(value) for value in (each.low, each.loss, each.high)]}
            for each in found[:5]
        ],
    }


def _reasons(kept: Kept, rows: int) -> Figures:
    """Take away what each reason names, and compare with what it says that it adds."""
    meanings = meanings_of(kept.known.columns)
    columns = dict(zip(meanings.words, meanings.members, strict=True))
    said, happened, others = [], [], []
    for row in range(rows):
        lead = kept.held.take([row])
        whole = float(kept.scorer.log_odds(lead)[0])
        scored = assemble(kept.scorer.explained(lead), explain=3)[0]
        away = partial(without, lead, score=kept.scorer.log_odds, others=kept.known, seed=row)
        for reason in (*scored.up, *scored.down):
            names = [kept.known.columns[place] for place in columns[reason.meaning]]
            said.append(reason.contribution)
            happened.append(whole - away(names))
        drawn = meanings.members[int(np.random.default_rng(row).integers(len(meanings.members)))]
        others.append(abs(whole - away([kept.known.columns[place] for place in drawn])))
    claims, moves = np.array(said), np.array(happened)
    wrong = np.random.default_rng(SEED).permutation(claims)
    return {
        "named": _told(agreement(claims, moves)),
        "dealt_out_wrongly": _told(agreement(wrong, moves)),
        "moves": {"named": rounded(float(np.abs(moves).mean())), "any_meaning": rounded(float(np.mean(others)))},
    }


def _told(found: Agreement) -> Figures:
    names = ("claims", "direction", "correlation", "slope", "apart")
    return {name: rounded(float(getattr(found, name))) for name in names}


def _similar(kept: Kept) -> Figures:
    """Order held leads by the share of their nearest known leads that was won."""

    def places(matrix: FeatureMatrix) -> Floats:
        explained = kept.scorer.explained(matrix)
        return by_meaning(explained.features, explained.contributions)

    known, taken = places(kept.known), []
    shares, unlike = [], 0
    for place in places(kept.held)[:500]:
        started = time.perf_counter()
        found = nearest(place, known)
        taken.append(1000 * (time.perf_counter() - started))
        shares.append(kept.known_labels[[each.row for each in found.neighbours]].mean())
        unlike += found.unlike_all
    return {
        "auc_of_share_won": rounded(auc(kept.held_labels[: len(shares)], np.array(shares))),
        "unlike_all": rounded(unlike / len(shares)),
        "ms": spread(taken),
    }


def _of_steps(kept: Kept, profiles: Sequence[LeadProfile], quick: bool) -> Figures:
    """Do what is said to change a score, read the lead again, and see whether it crosses."""
    rng = np.random.default_rng(SEED)
    taken: dict[str, list[float]] = {"what_if": [], "what_if_of_three_members": [], "score_with_reasons": []}
    heavy = _weighted(kept.scorer)
    crossed, by_chance, apart, effort, asked = [], [], [], [], 0
    for row, profile in enumerate(profiles[: 150 if quick else 1000]):
        lead = kept.held.take([row])
        started = time.perf_counter()
        (scored,) = kept.scorer.score(lead)
        taken["score_with_reasons"].append(1000 * (time.perf_counter() - started))
        goal = GOALS.get(band(scored.probability))
        if goal is None:
            continue
        asked += 1
        started = time.perf_counter()
        found = what_if(lead, kept.scorer.log_odds, goal=goal, levers=builtin())
        taken["what_if"].append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        what_if(lead, heavy.log_odds, goal=goal, levers=builtin())
        taken["what_if_of_three_members"].append(1000 * (time.perf_counter() - started))
        if found.steps:
            after = _done(kept.scorer, profile, {step.lever: step.times for step in found.steps})
            crossed.append(after >= goal.border)
            apart.append(abs(after - found.reached))
            effort.append(sum(step.times for step in found.steps))
            by_chance.append(_done(kept.scorer, profile, _drawn(rng, effort[-1])) >= goal.border)
    return {
        "steps": {
            "leads_below_a_band": asked,
            "found": len(crossed),
            "found_share": rounded(len(crossed) / max(asked, 1)),
            "cross_when_done": rounded(float(np.mean(crossed))),
            "cross_by_chance": rounded(float(np.mean(by_chance))),
            "probability_apart": spread(apart),
            "steps_named": rounded(float(np.mean(effort))),
        },
        "ms": {name: spread(values) for name, values in taken.items()},
    }


def _weighted(scorer: LeadScorer) -> LeadScorer:
    """The same scorer with a weight for each member, for the time that it takes alone."""
    heavy = LeadScorer()
    heavy.coverage_ = scorer.coverage_
    blend = replace(scorer.ensemble_.blend, weights={LR: 0.3, GB: 0.5, RF: 0.2})
    heavy.ensemble_ = replace(scorer.ensemble_, blend=blend)
    return heavy


def _done(scorer: EnsembleScorer, profile: LeadProfile, times: Mapping[str, int]) -> float:
    """The probability of a lead after levers were used as interactions of its profile."""
    levers = [lever for lever in builtin().levers for _ in range(times.get(lever.name, 0))]
    done = tuple(_event(lever, profile) for lever in levers if lever.event)
    approved = "preapproved" if "preapproval" in times else profile.preapproval
    after = replace(profile, interactions=(*profile.interactions, *done), preapproval=approved)
    return float(scorer.probabilities(extract([after]))[0])


def _event(lever: Lever, profile: LeadProfile) -> Interaction:
    kind, direction = lever.event or ("", "")
    return Interaction(kind=kind, occurred_at=profile.as_of, recorded_at=profile.as_of, direction=direction)


def _drawn(rng: np.random.Generator, steps: int) -> dict[str, int]:
    names = [lever.name for lever in builtin().levers if lever.event]
    drawn = rng.choice(names, size=steps).tolist()
    return {name: drawn.count(name) for name in set(drawn)}


def _ratios(figures: Figures) -> dict[str, Ratio]:
    told: Any = figures["journeys"]["reasons"]["named"]
    steps, ms = figures["steps"], figures["ms"]
    cost = ms["what_if"]["p50"] / ms["score_with_reasons"]["p50"]
    return {
        "reasons_direction": Ratio(
            value=told["direction"], goal=DIRECTION_GOAL, better="higher", of="reasons that move the score as they say"
        ),
        "steps_cross": Ratio(
            value=steps["cross_when_done"], goal=CROSS_GOAL, better="higher", of="named steps that cross when done"
        ),
        "cost": Ratio(value=cost, goal=20.0, better="lower", of="time of what would change over that of a score"),
    }


if __name__ == "__main__":
    harness.run("explanations", measure)
