"""The names of online scores: their kind, and the version that says which state gave them."""

from __future__ import annotations

PREFIX = "online_"


def kind_of(target: str) -> str:
    """Return the kind of the predictions of a target's online learner."""
    return f"{PREFIX}{target}"


def target_of(kind: str) -> str | None:
    """Return the target of a kind of predictions; None where no online learner gave them."""
    return kind.removeprefix(PREFIX) if kind.startswith(PREFIX) else None


def version_of(generation: int, cursor: int) -> str:
    """Return the version of a learner's state: its generation, and the newest signal that it knows."""
    return f"online-{generation}.{cursor}"
