"""The online learners that this process holds open: at most some, the others are closed to their checkpoint."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.online import OnlineModel

#: learners that a process holds open unless the setting HEARTH_ONLINE_STATES says otherwise
LIMIT = 32


@dataclass(slots=True, kw_only=True)
class OpenLearner:
    """The learner of a tenant and target, and how far it is.

    What it knows follows from the signals up to `cursor` alone: it may be dropped at any moment.
    """

    tenant_id: str
    target: str
    #: that of the head when it was opened; a learner of an earlier one knows what must be forgotten
    generation: int
    #: number of the newest signal that it has learnt
    cursor: int
    model: OnlineModel
    #: the newest checkpoint could not be read: one of this learner replaces it, also where it is not as far
    replaces: bool = False
    #: cursor of the newest checkpoint that was read or written here; 0: none was
    saved_cursor: int = 0
    #: when it was read or written
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def unsaved(self) -> int:
        """Return how many numbers of signals it is ahead of its checkpoint."""
        return self.cursor - self.saved_cursor

    def mark_saved(self) -> None:
        """Note that a checkpoint holds all that it knows."""
        self.saved_cursor, self.saved_at = self.cursor, time.monotonic()


class OpenLearners:
    """Learners by tenant and target; the one that was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: OrderedDict[tuple[str, str], OpenLearner] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, tenant_id: str, target: str) -> OpenLearner | None:
        """Return an open learner, which is then the one that was used last; None where it is not open."""
        learner = self._open.get((tenant_id, target))
        if learner is not None:
            self._open.move_to_end((tenant_id, target))
        return learner

    def keep(self, learner: OpenLearner) -> list[OpenLearner]:
        """Hold a learner open; return those that are to be closed for it."""
        self._open[learner.tenant_id, learner.target] = learner
        self._open.move_to_end((learner.tenant_id, learner.target))
        return [self._open.popitem(last=False)[1] for _ in range(len(self._open) - self.limit)]

    def drop(self, tenant_id: str, target: str) -> None:
        """Forget a learner, and what it learnt since its checkpoint: the signals are there to be learnt again."""
        self._open.pop((tenant_id, target), None)


@dataclass(slots=True)
class _Binding:
    learners: OpenLearners


#: the learners of this process. One object for all tasks: a state that had to be opened for each signal would cost more
#: than the signal
_bound = _Binding(OpenLearners(LIMIT))


def bind(*, limit: int) -> None:
    """Hold at most `limit` learners open in this process from now on; none is open yet."""
    _bound.learners = OpenLearners(limit)


def bound() -> OpenLearners:
    """Return the learners of this process."""
    return _bound.learners
