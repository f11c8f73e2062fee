"""Types of the arrays that models pass to each other, and of what they store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: floats as matrices and trees keep them
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
#: positions, counts and codes
Ints = NDArray[np.intp]
Ints32 = NDArray[np.int32]

#: what a fitted model learnt, by name: arrays, figures, texts, and lists and mappings of these
ModelState: TypeAlias = Mapping[str, Any]
