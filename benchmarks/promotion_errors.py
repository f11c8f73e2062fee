"""How often an equal challenger is promoted within a year of weekly looks, how soon a better one, how rollback errs.

Leads have a true chance to be won. A scorer sees it with an error of its own; equal ones err as much, in other places.
Each week brings labels and a challenger trained anew; it is compared with the champion on all labels since the champion
was trained, as `hearth.models.train` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded
from ml.arrays import Bools, Floats, expit, logit
from ml.training.evidence import most_evidence
from ml.training.looks import FIRST_LOOK, Look
from ml.training.promotion import BASE_RATE, decide
from ml.training.rollback import RollbackRule, Watched, should_roll_back
from ml.training.score_profile import ScoreProfile

YEARS, QUICK_YEARS = 1_000, 100
WEEKS = 52
#: the level of the plain weekly test that is shown beside
PLAIN = 0.05
#: labels that a promotion is watched by: ten a day until the rule ends
WATCHED = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How leads and the errors of scorers are drawn."""

    labels_a_week: int
    #: mean and spread of the true log-odds
    mean: float = -1.0
    spread: float = 1.5
    #: spread of the errors in log-odds: of the champion, and of a challenger
    champion: float = 0.6
    challenger: float = 0.6
    #: instead: the champion says too much by this part of the rarer chance, the challenger too little by as much
    lean: float = 0.0
    #: whether every week's challenger errs where the last one did
    same: bool = False


EQUAL = {
    "new_errors_each_week": World(labels_a_week=25),
    "the_same_challenger": World(labels_a_week=25, same=True),
    "many_labels": World(labels_a_week=100),
    "one_in_thirty_won": World(labels_a_week=100, mean=-4.5),
    # gains are small for all who were lost, and the losses are large for the few who were won
    "rare_and_skew": World(labels_a_week=100, mean=-4.5, lean=0.3),
}
#: challengers that are better by about 2, 5, 10 and 30 % of the champion's Brier score
BETTER = {
    "a_little": World(labels_a_week=25, challenger=0.45),
    "clearly": World(labels_a_week=25, challenger=0.1),
    "much": World(labels_a_week=25, champion=1.0, challenger=0.5),
    "after_a_drift": World(labels_a_week=25, champion=2.0, challenger=0.6),
}


def measure(years: int) -> Outcome:
    """Play the years of every world."""
    rng = np.random.default_rng(harness.SEED)
    equal = {name: _errors(world, years, rng) for name, world in EQUAL.items()}
    better = {name: _power(world, max(years // 4, 50), rng) for name, world in BETTER.items()}
    back = _rollbacks(max(years // 4, 50), rng)
    worst = max(found["promoted"] for found in equal.values())
    return Outcome(
        data="simulated leads and scorers",
        rows=years * WEEKS * sum(world.labels_a_week for world in EQUAL.values()),
        seed=harness.SEED,
        figures={"years": years, "equal": equal, "better": better, "rollback": back},
        ratios={
            "equal_promoted": Ratio(
                value=worst, goal=0.05, better="lower", of="years in which an equal challenger is promoted, worst world"
            ),
            "equal_taken_back": Ratio(
                value=back["equal"]["taken_back"], goal=0.05, better="lower", of="equal promotions that are taken back"
            ),
        },
    )


def _errors(world: World, years: int, rng: np.random.Generator) -> Figures:
    """Return the share of years in which an equal challenger is promoted, and by simpler rules."""
    promoted = by_evidence_alone = plain = single = 0
    for _ in range(years):
        found = _year(world, rng)
        promoted += any(found.promoted)
        by_evidence_alone += any(chance <= level for chance, level in zip(found.chances, found.levels, strict=True))
        plain += any(chance <= PLAIN for chance in found.chances)
        single += found.chances[0] <= FIRST_LOOK.level
    return {
        "promoted": rounded(promoted / years),
        "without_minimum_effect": rounded(by_evidence_alone / years),
        "plain_weekly_test": rounded(plain / years),
        "at_the_first_look": rounded(single / years),
    }


def _power(world: World, years: int, rng: np.random.Generator) -> Figures:
    """Return the share of years in which a better challenger is promoted by some weeks, and how much better it is."""
    weeks = [_year(world, rng).first() for _ in range(years)]
    chances, ours, theirs = _drawn(world, 200_000, rng)
    labels = rng.random(len(chances)) < chances
    brier = [float(((said - labels) ** 2).mean()) for said in (ours, theirs)]
    by = {f"by_week_{week}": rounded(sum(at <= week for at in weeks) / years) for week in (4, 8, 13, 26, 52)}
    return {"brier_lower_by": rounded(1 - brier[0] / brier[1]), "labels_a_week": world.labels_a_week, **by}


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """The looks of one year."""

    weeks: list[int]
    promoted: list[bool]
    chances: list[float]
    levels: list[float]

    def first(self) -> float:
        """The week of the first promotion; infinite without one."""
        return next((week for week, yes in zip(self.weeks, self.promoted, strict=True) if yes), np.inf)


def _year(world: World, rng: np.random.Generator) -> Year:
    """Play a year: a look each week from the hundredth label on, with ten of the rarer outcome."""
    chances, ours, theirs = _drawn(world, WEEKS * world.labels_a_week, rng)
    labels = rng.random(len(chances)) < chances
    year = Year(weeks=[], promoted=[], chances=[], levels=[])
    for week in range(1, WEEKS + 1):
        rows = slice(0, week * world.labels_a_week)
        if not world.same and not world.lean:
            ours = _seen(chances, world.challenger, rng)
        if rows.stop < 100 or min(labels[rows].sum(), (~labels[rows]).sum()) < 10:
            continue
        _look(year, week, labels[rows], ours[rows], theirs[rows])
    return year


def _look(year: Year, week: int, labels: Bools, ours: Floats, theirs: Floats) -> None:
    look = Look(number=len(year.weeks) + 1)
    year.weeks.append(week)
    year.levels.append(look.level)
    decision = decide(labels, ours, theirs, look=look)
    year.promoted.append(decision.promoted)
    # who does not beat the base rate is refused before any comparison
    year.chances.append(1.0 if decision.p_value is None or decision.against == BASE_RATE else decision.p_value)


def _drawn(world: World, rows: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return the true chances of leads, and what the challenger and the champion say of them."""
    chances: Floats = expit(rng.normal(world.mean, world.spread, rows))
    if world.lean:
        error = world.lean * np.minimum(chances, 1 - chances)
        return chances, chances - error, chances + error
    return chances, _seen(chances, world.challenger, rng), _seen(chances, world.champion, rng)


def _seen(chances: Floats, error: float, rng: np.random.Generator) -> Floats:
    seen: Floats = expit(logit(chances) + rng.normal(0, error, len(chances)))
    return seen


def _rollbacks(promotions: int, rng: np.random.Generator) -> Figures:
    """Return how often promotions are taken back, looked at after every thirty labels, and after how many."""
    worlds: dict[str, Callable[[], World]] = {
        "equal": lambda: World(labels_a_week=0),
        "worse": lambda: World(labels_a_week=0, champion=0.3, challenger=1.0),
        "much_worse": lambda: World(labels_a_week=0, champion=0.3, challenger=2.0),
    }
    return {name: _taken_back(made(), promotions, rng) for name, made in worlds.items()}


def _taken_back(world: World, promotions: int, rng: np.random.Generator) -> Figures:
    after: list[float] = []
    for _ in range(promotions):
        chances, ours, former = _drawn(world, WATCHED, rng)
        labels = rng.random(WATCHED) < chances
        rule = RollbackRule(promoted=ScoreProfile.of(ours[:300]), former=ScoreProfile.of(former[:300]))
        after.append(_labels_until(rule, labels, ours, former))
    found = [count for count in after if np.isfinite(count)]
    return {
        "taken_back": rounded(len(found) / promotions),
        "labels_until_p50": median(found) if found else None,
    }


def _labels_until(rule: RollbackRule, labels: Bools, ours: Floats, former: Floats) -> float:
    """Return after how many labels the rule takes a promotion back; infinite where it stands.

    Evidence is the most that there ever was, so one reading at the end tells whether it stands.
    """
    if most_evidence(labels, former, ours) < rule.max_evidence:
        return np.inf
    for known in range(rule.min_labels, len(labels) + 1, 30):
        watched = Watched(
            scores=ours[:known],
            former_scores=former[:known],
            labels=labels[:known],
            labelled=ours[:known],
            labelled_former=former[:known],
        )
        if should_roll_back(rule, watched, days=known / 10):
            return known
    return np.inf


def main() -> None:
    """Read the command line."""
    parser = harness.parser("Measures promotion_errors.")
    parser.add_argument("--years", type=int, help="years of each world")
    asked = parser.parse_args()
    years = asked.years or (QUICK_YEARS if asked.quick else YEARS)
    harness.show("promotion_errors", asked.quick, lambda: measure(years))


if __name__ == "__main__":
    main()
