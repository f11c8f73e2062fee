"""Closed leads to train on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime.now(UTC)


def lead(number: int, **fields: object) -> dict[str, object]:
    seen = (NOW - timedelta(days=number % 30)).isoformat()
    return {
        "external_id": f"L{number}",
        "lead_type": "buyer",
        "created_at": seen,
        "email": f"l{number}@example.com",
        "opt_in_call": True,
    } | fields


def closed(number: int) -> dict[str, object]:
    """Leads whose showings tell the outcome, but not always."""
    won = (number * 7919) % 10 < (6 if number % 2 else 2)
    ended = (NOW - timedelta(days=1)).isoformat()
    seen = (NOW - timedelta(days=2)).isoformat()
    return lead(
        number,
        created_at=(NOW - timedelta(days=40)).isoformat(),
        as_of=seen,
        showings=3 if number % 2 else 0,
        listing_views=number % 11,
        label=won,
        label_at=ended,
    )
