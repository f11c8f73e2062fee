"""Payloads made from a contract's JSON schema, and what a careless or hostile caller makes of them; all from a seed."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

Json = dict[str, Any]

#: stands in values and keys, and must never come back in a refusal, a warning or a log line
CANARY = "zyxcanary"
#: texts that a pattern of the contracts takes, the first that fits
_TEXTS = (
    "a1",
    "USD",
    "crm.told",
    "2021-07-28",
    "canary@example.com",
    "+1 305 555 0147",
    "https://example.com/told",
    "0" * 64,
)


class Payloads:
    """Makes payloads of one contract. `known` are values that mean something, by the name of their field."""

    def __init__(self, schema: Json, rng: Random, known: Mapping[str, Sequence[Any]]) -> None:
        self._schema = schema
        self._defs: Json = schema.get("$defs", {})
        self._rng = rng
        self._known = known

    def make(self) -> Json:
        """A payload that the schema allows, with some of the fields that may be left out."""
        made: Json = self._object(self._schema)
        return made

    def _value(self, schema: Json, name: str = "") -> Any:
        if name in self._known and self._rng.random() < 0.9:
            return copy.deepcopy(self._rng.choice(self._known[name]))
        if "$ref" in schema:
            return self._value(self._defs[schema["$ref"].rpartition("/")[2]], name)
        for alternatives in ("anyOf", "oneOf"):
            if alternatives in schema:
                return self._value(self._rng.choice(schema[alternatives]), name)
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        return schema["const"] if "const" in schema else self._of_type(schema)

    def _of_type(self, schema: Json) -> Any:
        makers: dict[str | None, Callable[[Json], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._text,
            "integer": lambda told: int(self._number(told)),
            "number": self._number,
            "boolean": lambda _: self._rng.random() < 0.5,
            "null": lambda _: None,
        }
        make = makers.get(schema.get("type"))
        return make(schema) if make else {CANARY: [CANARY, 1.5]}

    def _object(self, schema: Json) -> Json:
        fields = schema.get("properties", {})
        needed = set(schema.get("required", ()))
        rate = 0.3 if len(fields) > 8 else 0.6
        made = {
            name: self._value(told, name)
            for name, told in fields.items()
            if name in needed or self._rng.random() < rate or name in self._known
        }
        if not fields and isinstance(schema.get("additionalProperties"), dict):
            names = schema.get("propertyNames", {}).get("enum")
            for number in range(self._rng.randint(1, 3)):
                key = self._rng.choice(names) if names else f"{CANARY} {number}"
                made[key] = self._value(schema["additionalProperties"])
        return made

    def _array(self, schema: Json) -> list[Any]:
        count = self._rng.randint(max(1, schema.get("minItems", 0)), max(1, min(3, schema.get("maxItems", 3))))
        return [self._value(schema.get("items", {})) for _ in range(count)]

    def _text(self, schema: Json) -> str:
        if schema.get("format") == "date-time":
            return (datetime.now(UTC) - timedelta(days=self._rng.randint(0, 900))).isoformat()
        if "pattern" in schema:
            return self._rng.choice(_TEXTS)
        return f"{CANARY} value"[: schema.get("maxLength", 99)].ljust(schema.get("minLength", 0), "x")

    def _number(self, schema: Json) -> float:
        low = max(schema.get("minimum", -5), schema.get("exclusiveMinimum", -math.inf))
        high = min(schema.get("maximum", 1000), schema.get("exclusiveMaximum", math.inf), low + 1000)
        return float(self._rng.choice([low, high, (low + high) / 2]))


def nested(levels: int) -> Any:
    """Lists and objects in each other, so many."""
    made: Any = 1
    for level in range(levels):
        made = [made] if level % 2 else {CANARY: made}
    return made


#: values that no field wants, some of which no client should be able to send
STRANGE: tuple[Callable[[Random], Any], ...] = (
    lambda _: None,
    lambda _: CANARY,
    lambda _: [],
    lambda _: {},
    lambda _: {CANARY: CANARY},
    lambda _: [CANARY, [CANARY]],
    lambda _: True,
    lambda _: -1,
    lambda _: 0.5,
    lambda rng: rng.choice([2**31, 2**53 + 1, 2**63, 2**70, -(2**63) - 1]),
    lambda rng: rng.choice([1e308, -1e308, 5e-324]),
    lambda rng: rng.choice(["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]),
    lambda rng: rng.choice(["1969-12-31T23:59:59Z", "2026-01-01T00:00:00", "1e400", "nan", "9" * 5000, "-1"]),
    lambda _: 10**400,
    lambda _: "x" * 70_000,
    lambda _: [CANARY] * 3000,
    lambda _: f"{CANARY}\x00{CANARY}",
    lambda _: f"\ud800{CANARY}",
    lambda _: {f"{CANARY}\udfff": 1},
    lambda rng: rng.choice([math.nan, math.inf, -math.inf]),
    lambda rng: {CANARY: [rng.choice([math.nan, math.inf])]},
    lambda rng: nested(rng.choice([50, 99, 101, 300, 3000])),
    lambda rng: {"__type__": rng.choice(["uuid", "datetime", "decimal", "bytes", CANARY]), "__value__": CANARY},
    lambda _: datetime.now(UTC),
    lambda _: UUID(int=7),
    lambda _: Decimal("1e999999"),
    lambda _: CANARY.encode(),
    lambda _: f"2026-01-01{CANARY}",
    lambda _: f"../../{CANARY}",
    lambda _: f"/{'n' * 300}/{CANARY}",
    lambda _: f"{CANARY}'; DROP TABLE leads; --",
)


def spoilt(payload: Json, rng: Random) -> Json:
    """The payload with one to three things wrong with it."""
    spoiled = copy.deepcopy(payload)
    for _ in range(rng.randint(1, 3)):
        _spoil(rng.choice(_containers(spoiled)), rng)
    return spoiled


def _spoil(container: Any, rng: Random) -> None:
    strange = rng.choice(STRANGE)(rng)
    if isinstance(container, list):
        if container:
            container[rng.randrange(len(container))] = strange
        else:
            container.append(strange)
        return
    act, keys = rng.random(), list(container)
    if keys and act < 0.15:
        del container[rng.choice(keys)]
    elif keys and act < 0.7:
        container[rng.choice(keys)] = strange
    elif keys and act < 0.8:
        container[f"{rng.choice(keys)}_{CANARY}"] = strange
    else:
        container[rng.choice([CANARY, "self", "args", "\ud800", "", f"{CANARY}\x00", "x" * 5000])] = strange


def _containers(value: Any) -> list[Any]:
    """Every object and list of a payload that is not nested beyond all measure."""
    found: list[Any] = []
    level = [value]
    for _ in range(8):
        level = [each for each in level if isinstance(each, dict | list)]
        found += level
        level = [below for each in level for below in (each.values() if isinstance(each, dict) else each)]
    return found
