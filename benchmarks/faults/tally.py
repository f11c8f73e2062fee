"""What became of accepted work, as one JSON object a fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import percentile, rounded

Json = dict[str, Any]
#: with no loss in n, the true share is below 3/n with 95 % confidence (the rule of three)
RULE_OF_THREE = 3.0


@dataclass(slots=True, kw_only=True)
class Count:
    """Jobs accepted by one side, the database or the broker."""

    accepted: int = 0
    done: int = 0
    failed: int = 0
    quarantined: int = 0
    lost: int = 0
    duplicate_effects: int = 0

    def add(self, other: Count) -> None:
        """Count another round's."""
        for name in Count.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def balanced(self) -> bool:
        """Whether every accepted job is accounted for."""
        return self.accepted == self.done + self.failed + self.quarantined + self.lost

    def shown(self) -> Json:
        """As JSON, with the share that may be lost or doubled at most (95 %)."""
        told: Json = {name: getattr(self, name) for name in Count.__slots__}
        return told | {"lost_at_most": at_most(self.lost, self.accepted)}


@dataclass(slots=True, kw_only=True)
class Tally:
    """One fault over its rounds."""

    rounds: int = 0
    #: how often the fault struck
    kills: int = 0
    #: accepted by the database: outbox rows, imports, assessments
    database: Count = field(default_factory=Count)
    #: accepted by the broker alone: messages sent straight to it
    broker: Count = field(default_factory=Count)
    #: seconds from the fault to the first new effect
    recoveries: list[float] = field(default_factory=list)
    #: chains that did not verify
    broken_chains: int = 0
    #: what else was found
    notes: Json = field(default_factory=dict)
    #: what must hold and did not
    broken: list[str] = field(default_factory=list)

    def must(self, what: str, *, hold: bool) -> None:
        """Note a promise that was not kept."""
        if not hold:
            self.broken.append(what)

    def shown(self) -> Json:
        """As JSON."""
        whole = Count()
        whole.add(self.database)
        whole.add(self.broker)
        told: Json = {"rounds": self.rounds, "kills": self.kills}
        told |= {name: getattr(whole, name) for name in Count.__slots__}
        told |= {f"recovery_p{share}_s": self._recovery(share) for share in (50, 95)}
        told |= {"database": self.database.shown(), "broker": self.broker.shown()}
        return told | {"broken_chains": self.broken_chains, "broken": self.broken, "notes": self.notes}

    def _recovery(self, share: int) -> float | None:
        return rounded(percentile(self.recoveries, share / 100)) if self.recoveries else None


def at_most(found: int, of: int) -> float | None:
    """The upper 95 % bound of a share, by the rule of three for none and by Wilson's interval else."""
    if of == 0:
        return None
    if found == 0:
        return rounded(min(1.0, RULE_OF_THREE / of))
    z, share = 1.645, found / of
    centre = share + z * z / (2 * of)
    reach: float = z * ((share * (1 - share) + z * z / (4 * of)) / of) ** 0.5
    return rounded((centre + reach) / (1 + z * z / of))
