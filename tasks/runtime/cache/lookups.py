"""Count what was asked of each tier of the cache, and what it answered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: error: the tier did not answer, or rests since it did not answer a moment ago
Found = Literal["hit", "miss", "error"]
#: (kind of value, tier, what was found)
Lookup = tuple[str, str, Found]


@dataclass(slots=True)
class Lookups:
    """The lookups of this process since they were last taken. Thread-safe."""

    _counts: Counter[Lookup] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, kind: str, tier: str, found: Found) -> None:
        """Count one lookup."""
        with self._lock:
            self._counts[kind, tier, found] += 1

    def drain(self) -> dict[Lookup, int]:
        """Return the counts, and begin at zero."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return dict(taken)

    def put_back(self, counts: Mapping[Lookup, int]) -> None:
        """Add what could not be reported: the next report has it."""
        with self._lock:
            self._counts.update(counts)


#: the lookups of this process
lookups = Lookups()
