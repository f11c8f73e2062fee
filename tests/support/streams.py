"""Streams with a known truth, for tests of what learns online."""

import math
import random

Rows = list[dict[str, float | str | None]]


def leads(rows: int, seed: int = 0, *, turn: int | None = None) -> tuple[Rows, list[bool]]:
    """Return leads with numbers, a source and holes; from row `turn` on, the outcome is the other one."""
    source = random.Random(seed)
    features: Rows = []
    labels = []
    for row in range(rows):
        views, portal = source.random(), source.choice(["web", "fair", "friend"])
        odds = 5 * (views - 0.5) + (1.0 if portal == "friend" else -0.5)
        if turn is not None and row >= turn:
            odds = -odds
        features.append({"views": None if source.random() < 0.1 else views, "noise": source.random(), "source": portal})
        labels.append(source.random() < 1 / (1 + math.exp(-odds)))
    return features, labels


def wide(rows: int, columns: int, seed: int = 0) -> tuple[Rows, list[bool]]:
    """Return rows of so many numbers, of which the last one alone tells the outcome."""
    source = random.Random(seed)
    features: Rows = []
    labels = []
    for _ in range(rows):
        features.append({f"f{column:03}": source.random() for column in range(columns)})
        labels.append(features[-1][f"f{columns - 1:03}"] > 0.5)
    return features, labels
