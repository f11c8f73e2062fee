"""Whether explanations are true, and what they cost.

Reasons: the named features are taken away (a lead is given those of other leads) and the score has to move by what the
reason says it adds; beside it the same reasons dealt out to the wrong features. What would change a score: the named
steps are done to the lead itself, as interactions of its profile, which is then read and scored anew; beside it as many
steps drawn by chance. Similar leads: the share of the nearest that was won, as a score of leads that were held back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import harness, simulated_journeys, tables
from benchmarks.figures import Figures, Outcome, Ratio, rounded, spread
from benchmarks.lever_steps import Asked, calmer, of_steps, warmer
from ml.arrays import Bools, Floats
from ml.churn.scorer import ChurnScorer
from ml.ensemble.stacking import GB, LR, RF
from ml.explain.faithfulness import Agreement, agreement, without
from ml.explain.importance import importance
from ml.explain.neighbours import by_meaning, nearest
from ml.explain.row_scorer import by_rows
from ml.features import extract
from ml.features.meanings import meanings_of
from ml.leads import LeadScorer
from ml.leads.results import assemble
from ml.online import OnlineModel
from ml.profiles import FeatureMatrix, LeadProfile
from ml.training.evaluation import auc

SEED = 0
#: day of a simulated lead's life that it is scored on, days after it within which it has to come far, and that stage
DAY, WITHIN, FAR = 60, 45, 3
#: days without a sign after which a simulated lead counts as cold: within the 30 of a real risk nearly all give one
QUIET = 7
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Journeys:
    """Leads on a day of their lives, and what they do after it."""

    profiles: Sequence[LeadProfile]
    #: whether each comes far within some weeks
    far: Bools
    #: whether nothing is heard of it for some days
    cold: Bools


class AllMembers(LeadScorer):
    """A lead scorer that keeps all three members, so that its cost is the largest there is."""

    keeps_all_members = True


def measure(quick: bool) -> Outcome:
    """Simulated leads with all that they do, and real tables where there are any."""
    journeys = _journeys(1200 if quick else 3000)
    rows = len(journeys.profiles)
    with threadpool_limits(1):
        kept = _kept(extract(journeys.profiles), journeys.far, rows // 2)
        figures: Figures = {
            "score_with_reasons_ms": spread(_scored_ms(kept, 1000)),
            "what_if": _of_models(kept, journeys, quick),
            "journeys": _of_table(kept, quick),
        }
        for name, known in tables.SETS.items():
            loaded = tables.load(known)
            if loaded is not None:
                matrix, truth = tables.first(*loaded, 1500 if quick else 6000)
                figures[name] = _of_table(_kept(matrix, truth, len(truth) // 2, mixed=True), quick)
    return Outcome(
        data="simulated journeys and real tables",
        rows=rows,
        seed=SEED,
        figures=figures,
        ratios=_ratios(figures),
    )


def _journeys(count: int) -> Journeys:
    found = list(simulated_journeys.leads(SEED, count))
    profiles = [lead.at(DAY) for lead in found]
    return Journeys(
        # the days after `as_of` are the benchmark's secret: what is done is added to what is known
        profiles=[_seen(profile) for profile in profiles],
        far=np.array([max(lead.stages[DAY + 1 : DAY + 1 + WITHIN]) >= FAR for lead in found]),
        cold=np.array([not _heard_of(profile) for profile in profiles]),
    )


def _heard_of(profile: LeadProfile) -> bool:
    """Whether the lead does anything in the days after."""
    horizon = profile.as_of + timedelta(days=QUIET)
    return any(
        event.direction == "inbound" and profile.as_of < event.occurred_at <= horizon for event in profile.interactions
    )


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


def _of_models(kept: Kept, journeys: Journeys, quick: bool) -> Figures:
    """Do what is said to change a lead's score, its risk, and its score by the blend of online learners."""
    half = len(kept.known)
    held, profiles = kept.held, journeys.profiles[half:]
    risk = ChurnScorer().fit(kept.known, journeys.cold[:half], seed=SEED)
    blend = _blend(kept.known, kept.known_labels)
    most, few = (150, 10) if quick else (1000, 60)
    asked = {
        "lead_score": (Asked(log_odds=kept.scorer.log_odds, goal=warmer), most),
        "three_members": (Asked(log_odds=_weighted(kept.scorer).log_odds, goal=warmer), most),
        "churn": (Asked(log_odds=risk.log_odds, goal=calmer, rises=False), most),
        "online": (Asked(log_odds=by_rows(lambda row: blend.score(row).probability), goal=warmer), few),
    }
    return {name: of_steps(each, held, profiles[:count], seed=SEED) for name, (each, count) in asked.items()}


def _blend(matrix: FeatureMatrix, labels: Bools) -> OnlineModel:
    model = OnlineModel(seed=SEED)
    for row, label in zip(matrix.to_rows(), labels.tolist(), strict=True):
        model.learn(row, label)
    return model


def _scored_ms(kept: Kept, rows: int) -> list[float]:
    """Milliseconds of one score with its reasons, of each lead."""
    taken = []
    for row in range(min(rows, len(kept.held))):
        lead = kept.held.take([row])
        started = time.perf_counter()
        kept.scorer.score(lead)
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def _weighted(scorer: LeadScorer) -> LeadScorer:
    """The same scorer with a weight for each member, for the time that it takes alone."""
    heavy = LeadScorer()
    heavy.coverage_ = scorer.coverage_
    blend = replace(scorer.ensemble_.blend, weights={LR: 0.3, GB: 0.5, RF: 0.2})
    heavy.ensemble_ = replace(scorer.ensemble_, blend=blend)
    return heavy


def _ratios(figures: Figures) -> dict[str, Ratio]:
    told: Any = figures["journeys"]["reasons"]["named"]
    steps: Any = figures["what_if"]["lead_score"]
    cost = steps["ms"]["p50"] / figures["score_with_reasons_ms"]["p50"]
    return {
        "reasons_direction": Ratio(
            value=told["direction"], goal=DIRECTION_GOAL, better="higher", of="reasons that move the score as they say"
        ),
        **{
            f"steps_cross.{name}": Ratio(
                value=figures["what_if"][name]["cross_when_done"],
                goal=CROSS_GOAL,
                better="higher",
                of="named steps that cross when done",
            )
            for name in ("lead_score", "churn", "online")
            if "cross_when_done" in figures["what_if"][name]
        },
        "cost": Ratio(value=cost, goal=20.0, better="lower", of="time of what would change over that of a score"),
    }


if __name__ == "__main__":
    harness.run("explanations", measure)
