"""Sums of a tenant's own columns that measure the same thing, such as charges by day, evening and night.

Trees and lines both need many steps to learn from the parts what their sum tells at once. Columns belong together when
they hold numbers and their headers end in the same word. Labels play no part in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from ml.ensemble.column_types import kind_of, numbers
from ml.features.catalogue import COLUMN, CUSTOM
from ml.features.prohibited import words
from ml.profiles import FeatureMatrix

#: fewer columns of one kind are no family: two often are a part and its whole
FEWEST = 3

#: name of a sum -> the columns it adds up
Sums = Mapping[str, tuple[str, ...]]


def find(matrix: FeatureMatrix) -> Sums:
    """Find the columns that belong together.

    >>> rows = [{f"custom:{part} minutes": 1.0 for part in ("day", "evening", "night")}]
    >>> find(FeatureMatrix.from_rows(rows))
    {'custom:sum of minutes': ('custom:day minutes', 'custom:evening minutes', 'custom:night minutes')}
    """
    families: dict[str, list[str]] = defaultdict(list)
    for name in sorted(matrix.columns):
        prefix = next((prefix for prefix in (COLUMN, CUSTOM) if name.startswith(prefix)), None)
        last = words(name.removeprefix(prefix))[-1:] if prefix else ()
        if last and kind_of(matrix, name) == "number":
            families[f"{prefix}sum of {last[0]}"].append(name)
    taken = set(matrix.columns)
    return {name: tuple(parts) for name, parts in families.items() if len(parts) >= FEWEST and name not in taken}


def add(matrix: FeatureMatrix, sums: Sums) -> FeatureMatrix:
    """Return the matrix with the sums beside it; a sum is missing where one of its parts is."""
    if not sums:
        return matrix
    totals = [np.sum([numbers(matrix, part) for part in parts], axis=0) for parts in sums.values()]
    return FeatureMatrix(
        columns=(*matrix.columns, *sums),
        values=np.column_stack([matrix.values, *totals]).astype(np.float32),
        levels=matrix.levels,
        refused=matrix.refused,
    )
