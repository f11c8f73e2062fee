"""How well the journey stage is told on simulated leads whose true stage is known, and how often it wavers.

Flips per true move: how often the told stage changed for each time that the true one did; 1 is ideal, and a rule that
follows every wobble has many. See `benchmarks.simulated_journeys` for how the leads are made. `learnt` is boosted
trees that saw the true stages of other simulated leads: about the most that these features can tell, which no rule
reaches and no brokerage could train, since nobody notes the true stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from benchmarks.simulated_journeys import DAYS, NOTED, SimulatedLead, leads
from domain.journey import JOURNEY_STAGES, JourneyStage
from ml.arrays import Floats
from ml.features import extract
from ml.features.catalogue import FEATURES
from ml.personalization.journey import read_journey

SEED = 11
#: of the leads on which the cuts of the rule were set, and from which the trees learn
OTHER_SEED = 5
#: days between two looks at a lead
EVERY = 3
LOOKS = range(EVERY - 1, DAYS, EVERY)

Places = list[int]


def measure(quick: bool) -> Outcome:
    """Every lead, every third day: told with hysteresis, without, and two answers that need no rule."""
    simulated = list(leads(SEED, 50 if quick else 200))
    true = [_true(lead) for lead in simulated]
    rows = [extract([lead.at(day) for day in LOOKS]).to_rows() for lead in simulated]
    held, loose = [_told(each, hold=True) for each in rows], [_told(each, hold=False) for each in rows]
    figures: Figures = {
        "looks": len(true) * len(LOOKS),
        "true_moves": _moves(true),
        "with_hysteresis": _judged(true, held),
        "without_hysteresis": _judged(true, loose),
        "stage_of_the_crm": _judged(true, [_noted(lead) for lead in simulated]),
        "learnt": _judged(true, _learnt(simulated, 30 if quick else 100)),
        "always_the_commonest": _judged(true, _commonest(true)),
        "per_stage": _per_stage(_flat(true), _flat(held)),
    }
    ratios = {
        "flips": Ratio(
            value=figures["with_hysteresis"]["flips_per_true_move"]
            / figures["without_hysteresis"]["flips_per_true_move"],
            goal=1.0,
            better="lower",
            of="flips with hysteresis over flips without",
        )
    }
    return Outcome(data="simulated journeys", rows=len(simulated), seed=SEED, figures=figures, ratios=ratios)


def _told(rows: Sequence[dict[str, float | str | None]], *, hold: bool) -> Places:
    places: Places = []
    before: JourneyStage | None = None
    for row in rows:
        journey = read_journey(row, before if hold else None)
        before = journey.stage
        places.append(JOURNEY_STAGES.index(journey.stage))
    return places


def _noted(lead: SimulatedLead) -> Places:
    stages = [lead.at(day).stage for day in LOOKS]
    return [NOTED.index(stage) if stage in NOTED else 0 for stage in stages]


def _learnt(simulated: Sequence[SimulatedLead], others: int) -> list[Places]:
    from sklearn.ensemble import HistGradientBoostingClassifier  # heavy, and of use here alone

    known = list(leads(OTHER_SEED, others))
    rows, right = np.vstack([_numbers(lead) for lead in known]), _flat([_true(lead) for lead in known])
    # a column without two values cannot be cut
    telling = np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in rows.T])
    trees = HistGradientBoostingClassifier(max_depth=3, max_iter=80, random_state=SEED).fit(rows[:, telling], right)
    return [[int(place) for place in trees.predict(_numbers(lead)[:, telling])] for lead in simulated]


def _numbers(lead: SimulatedLead) -> Floats:
    matrix = extract([lead.at(day) for day in LOOKS])
    names = [name for name in FEATURES if name in matrix.positions() and FEATURES[name].kind != "category"]
    stages = [NOTED.index(stage) if (stage := lead.at(day).stage) in NOTED else -1 for day in LOOKS]
    approved = [lead.at(day).preapproval is not None for day in LOOKS]
    return np.column_stack([matrix.select(names).values.astype(np.float64), stages, approved])


def _true(lead: SimulatedLead) -> Places:
    return [lead.stages[day] for day in LOOKS]


def _commonest(true: Sequence[Places]) -> list[Places]:
    flat = _flat(true)
    place = max(set(flat), key=flat.count)
    return [[place] * len(each) for each in true]


def _judged(true: Sequence[Places], told: Sequence[Places]) -> Figures:
    right, said = _flat(true), _flat(told)
    f1 = [stage["f1"] for stage in _per_stage(right, said).values()]
    return {
        "macro_f1": rounded(sum(f1) / len(f1)),
        "accuracy": rounded(_share(one == other for one, other in zip(right, said, strict=True))),
        "within_one": rounded(_share(abs(one - other) <= 1 for one, other in zip(right, said, strict=True))),
        "flips_per_true_move": rounded(_moves(told) / _moves(true)),
    }


def _per_stage(right: Places, said: Places) -> dict[str, Figures]:
    pairs = list(zip(right, said, strict=True))
    found: dict[str, Figures] = {}
    for place, stage in enumerate(JOURNEY_STAGES):
        hits = pairs.count((place, place))
        told, there = said.count(place), right.count(place)
        f1 = 2 * hits / (told + there) if told + there else 0.0
        found[stage] = {
            "rows": there,
            "precision": rounded(hits / max(told, 1)),
            "recall": rounded(hits / max(there, 1)),
            "f1": rounded(f1),
        }
    return found


def _moves(courses: Sequence[Places]) -> int:
    return sum(one != other for course in courses for one, other in pairwise(course))


def _flat(courses: Sequence[Places]) -> Places:
    return [place for course in courses for place in course]


def _share(facts: Iterable[bool]) -> float:
    marked = list(facts)
    return sum(marked) / len(marked)


if __name__ == "__main__":
    harness.run("journey", measure)
