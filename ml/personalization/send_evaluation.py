"""Measure how well the hour of the next reply is predicted: by the tenant's clock, by own counts, by both blended.

Who wrote to whom and when is all it needs. The people are split in halves: one fits the strength of the prior, the
other is judged. Both learn from all earlier days of everybody, as a tenant's clock does, and never from the same day,
whose replies follow each other within minutes. The blend is the code of the product's send window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats
from ml.errors import LabelsError
from ml.personalization.replies import SLOT_HOURS, WITHIN
from ml.personalization.send_window import Histories, SlotReply, before_each_day, blended, fit_strength, habit, log_loss

SEED = 17
#: own replies on earlier days: from, to (None: no end)
HISTORY_LENGTHS: tuple[tuple[int, int | None], ...] = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, None))
_EPOCH_DAY = 719_163
_DAY = 86_400

#: who wrote, to whom, when (unix seconds)
Message = tuple[str, str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLoss:
    """The mean log-loss of each way to predict, in nats; a slot at random costs 2.485."""

    tenant: float
    own: float
    blended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLogLoss(LogLoss):
    """The log-loss of the replies of people with so many replies on earlier days."""

    history_from: int
    #: None: no end
    history_to: int | None
    replies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTimeReport:
    """How well the slot of the next reply was predicted."""

    #: all that were found, and those of the half that was judged
    replies: int
    judged: int
    people: int
    prior_strength: float
    log_loss: LogLoss
    by_history: tuple[HistoryLogLoss, ...]


def evaluate(messages: Sequence[Message], seed: int = SEED) -> SendTimeReport:
    """Predict the two-hour slot (UTC) of each reply from earlier days, and judge one half of the people.

    Raises:
        LabelsError: fewer than two people replied.

    >>> pairs = [(f"p{who}", f"agent {day}", day, who) for day in range(40) for who in range(6)]
    >>> asked = [(agent, lead, day * 86400.0) for lead, agent, day, _ in pairs]
    >>> back = [(lead, agent, (day * 24 + 9 + who) * 3600.0) for lead, agent, day, who in pairs]
    >>> report = evaluate([*asked, *back])
    >>> report.replies, report.judged, report.log_loss.blended < report.log_loss.tenant
    (240, 120, True)

    """
    replies = find_replies(messages)
    people = sorted({person for person, _, _ in replies})
    if len(people) < 2:  # one to fit, one to judge
        raise LabelsError("at least two people must have replied within 72 hours; check --source, --target and --at")
    histories = before_each_day(replies)
    fitting = set(np.random.default_rng(seed).permutation(people)[: len(people) // 2].tolist())
    is_fitting: Bools = np.array([person in fitting for person in histories.person])
    strength = fit_strength(_rows(histories, is_fitting))
    judged = _rows(histories, ~is_fitting)
    losses = _losses(judged, strength)
    known = judged.own.sum(axis=1)
    by_history = []
    for least, most in HISTORY_LENGTHS:
        chosen = (known >= least) & (known <= (np.inf if most is None else most))
        if chosen.any():
            bucket = HistoryLogLoss(
                history_from=least, history_to=most, replies=int(chosen.sum()), **_mean(losses, chosen)
            )
            by_history.append(bucket)
    return SendTimeReport(
        replies=len(replies),
        judged=len(judged.slot),
        people=len(people),
        prior_strength=strength,
        log_loss=LogLoss(**_mean(losses, np.ones(len(judged.slot), dtype=np.bool_))),
        by_history=tuple(by_history),
    )


def find_replies(messages: Sequence[Message]) -> list[SlotReply]:
    """Return the replies, the first message back within 72 hours each: who, the day in UTC (ordinal) and the slot.

    Notes to oneself are none.

    >>> find_replies([("a", "b", 0.0), ("b", "a", 7200.0), ("b", "a", 7300.0)])
    [('b', 719163, 1)]
    """
    waiting: dict[tuple[str, str], float] = {}
    replies: list[SlotReply] = []
    for source, target, at in sorted(messages, key=lambda message: message[2]):
        if source == target:
            continue
        asked = waiting.pop((target, source), None)
        if asked is not None and at - asked <= WITHIN.total_seconds():
            replies.append((source, _EPOCH_DAY + int(at // _DAY), int(at % _DAY // (SLOT_HOURS * 3600))))
        waiting[source, target] = at
    return replies


def _rows(histories: Histories, chosen: Bools) -> Histories:
    return Histories(
        person=tuple(person for person, is_chosen in zip(histories.person, chosen, strict=True) if is_chosen),
        tenant=histories.tenant[chosen],
        own=histories.own[chosen],
        slot=histories.slot[chosen],
    )


def _losses(judged: Histories, strength: float) -> dict[str, Floats]:
    """Return the log-loss of each reply by the tenant's clock, by own counts alone, by both."""
    counts = judged.own
    shares = {
        "tenant": habit(judged.tenant),
        "own": (counts + 1) / (counts.sum(axis=1, keepdims=True) + counts.shape[1]),
        "blended": blended(judged.tenant, counts, strength),
    }
    return {way: log_loss(of_way, judged.slot) for way, of_way in shares.items()}


def _mean(losses: Mapping[str, Floats], chosen: Bools) -> dict[str, float]:
    return {way: round(float(of_way[chosen].mean()), 4) for way, of_way in losses.items()}
