"""Encode a profile as JSON for its snapshot, so that later stages of an assessment need not read the lead again.

Whether the lead refused, ended or is restricted is no part of it: that is read when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ml.profiles import Interaction, LeadProfile

#: changes with what a profile holds: a worker of another version reads the lead again instead
FORMAT = 1
_TEXTS = (
    *("lead_type", "source", "campaign", "stage", "status", "timeline", "preapproval", "property_type", "state"),
    "timezone",
)


def encode(profile: LeadProfile) -> dict[str, Any]:
    """Return a profile as JSON; `decode` gives it back, every number and moment as it was."""
    return {
        "format": FORMAT,
        "lead_id": profile.lead_id,
        "as_of": profile.as_of.isoformat(),
        "created_at": None if profile.created_at is None else profile.created_at.isoformat(),
        "texts": {name: getattr(profile, name) for name in _TEXTS},
        "numbers": dict(profile.numbers),
        "times": {name: at.isoformat() for name, at in profile.times.items()},
        "tags": list(profile.tags),
        "custom": dict(profile.custom),
        "interactions": [
            [
                event.kind,
                event.occurred_at.isoformat(),
                event.recorded_at.isoformat(),
                event.direction,
                event.channel,
                event.value,
            ]
            for event in profile.interactions
        ],
    }


def decode(stored: Mapping[str, Any] | None) -> LeadProfile | None:
    """Return the profile that was encoded; None where nothing is stored, or another version of Hearth wrote it."""
    if stored is None or stored.get("format") != FORMAT:
        return None
    return LeadProfile(
        lead_id=stored["lead_id"],
        as_of=datetime.fromisoformat(stored["as_of"]),
        created_at=None if stored["created_at"] is None else datetime.fromisoformat(stored["created_at"]),
        numbers=stored["numbers"],
        times={name: datetime.fromisoformat(at) for name, at in stored["times"].items()},
        tags=tuple(stored["tags"]),
        custom=stored["custom"],
        interactions=tuple(
            Interaction(
                kind=kind,
                occurred_at=datetime.fromisoformat(occurred_at),
                recorded_at=datetime.fromisoformat(recorded_at),
                direction=direction,
                channel=channel,
                value=value,
            )
            for kind, occurred_at, recorded_at, direction, channel, value in stored["interactions"]
        ),
        **stored["texts"],
    )
