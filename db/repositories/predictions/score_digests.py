"""Scores that are told to the CRM as one event: each transaction adds its counts, and whoever tells them takes all.

A row is added and never changed, so that workers that score leads of one tenant do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import ScoreDigest
from db.records import ScoreTally
from db.repositories.sql import BATCH, insert_many
from db.session import database_time, lock_name

_BY = (ScoreDigest.cause, ScoreDigest.kind, ScoreDigest.band)
_DRAFT = tuple(column.name for column in fields(ScoreTally) if column.name != "since")


def add(session: Session, tenant_id: str, *, tallies: Sequence[ScoreTally]) -> None:
    """Add counts, in the transaction of the scores that they count."""
    now = database_time(session)
    rows = [
        {
            "tenant_id": tenant_id,
            "digest_id": new_id(),
            "added_at": now,
            **{name: getattr(each, name) for name in _DRAFT},
        }
        for each in tallies
    ]
    insert_many(session, ScoreDigest, rows)


def ripe(session: Session, *, quiet: timedelta, longest: timedelta) -> list[str]:
    """Return the tenants to whose counts nothing was added for `quiet`, or whose first has waited for `longest`."""
    now = database_time(session)
    first, last = func.min(ScoreDigest.added_at), func.max(ScoreDigest.added_at)
    due = select(ScoreDigest.tenant_id).group_by(ScoreDigest.tenant_id)
    due = due.having((last <= now - quiet) | (first <= now - longest))
    return list(session.scalars(due.order_by(ScoreDigest.tenant_id)))


def take(session: Session, tenant_id: str, *, quiet: timedelta, longest: timedelta) -> list[ScoreTally]:
    """Delete the counts of a tenant and return their sums, by cause, kind and band; nothing while they are not ripe.

    Each count is taken once.
    """
    # else another that takes at once would count the same rows
    lock_name(session, f"score_digests:{tenant_id}")
    if tenant_id not in ripe(session, quiet=quiet, longest=longest):
        return []
    oldest = select(ScoreDigest.digest_id).where(ScoreDigest.tenant_id == tenant_id).order_by(ScoreDigest.digest_id)
    digest_ids = list(session.scalars(oldest.limit(BATCH)))
    these = (ScoreDigest.tenant_id == tenant_id, ScoreDigest.digest_id.in_(digest_ids))
    sums = (func.sum(ScoreDigest.leads), func.sum(ScoreDigest.up), func.sum(ScoreDigest.down))
    times = (func.max(ScoreDigest.as_of), func.min(ScoreDigest.added_at))
    rows = session.execute(select(*_BY, *sums, *times).where(*these).group_by(*_BY).order_by(*_BY)).all()
    session.execute(delete(ScoreDigest).where(*these), execution_options={"synchronize_session": False})
    return [
        ScoreTally(
            cause=cause,
            kind=kind,
            band=band,
            leads=int(leads),
            up=int(up),
            down=int(down),
            as_of=as_of,
            since=since,
        )
        for cause, kind, band, leads, up, down, as_of, since in rows
    ]
