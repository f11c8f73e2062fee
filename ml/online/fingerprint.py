"""A digest of an online model's state: equal for equal states, whatever process or checkpoint they came from."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

_SCALARS = (type(None), bool, int, float, str, bytes)


def fingerprint(state: object) -> str:
    """Return the digest of everything that a state is made of, to the last bit of each figure.

    Bytes of a pickle do not serve: they differ with which of two equal texts is the same object.

    >>> fingerprint({"a": [1.0, 2]}) == fingerprint({"a": [1.0, 2]}), fingerprint([0.1 + 0.2]) == fingerprint([0.3])
    (True, False)
    """
    walk = _Walk()
    walk.take(state)
    return walk.digest.hexdigest()


class _Walk:
    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.places: dict[int, int] = {}
        #: what was walked, so that no number of an object is used twice
        self.alive: list[object] = []

    def take(self, value: Any) -> None:
        """Add a value and all that it holds."""
        if isinstance(value, _SCALARS):
            self._say(value.hex() if type(value) is float else repr(value))
        elif isinstance(value, tuple):
            self._each("tuple", value)
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            self._say(f"{value.__module__}.{value.__qualname__}")
        elif id(value) in self.places:
            self._say(f"again {self.places[id(value)]}")
        else:
            self.places[id(value)] = len(self.alive)
            self.alive.append(value)
            self._object(value)

    def _object(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self._each("array", (str(value.dtype), value.shape, value.tobytes()))
        elif type(value) is dict:
            self._each("dict", (part for item in value.items() for part in item))
        elif type(value) in (set, frozenset):
            self._each("set", sorted(value, key=repr))
        elif type(value) in (list, deque):
            self._each(type(value).__name__, value)
        else:
            parts = value.__reduce_ex__(4)
            self._each("object", (list(part) if hasattr(part, "__next__") else part for part in parts))

    def _each(self, kind: str, values: Iterable[object]) -> None:
        self._say(f"{kind}(")
        for value in values:
            self.take(value)
        self._say(")")

    def _say(self, text: str) -> None:
        self.digest.update(text.encode())
        self.digest.update(b"\x00")
