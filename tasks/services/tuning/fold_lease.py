"""The lease of one fold while a worker does it: renewed by a thread; short, so that what was killed waits little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from db.errors import DatabaseUnavailable
from db.records import FoldKey, FoldRecord
from db.repositories.tuning import folds
from db.session import transaction
from tasks.contracts.tuning import FoldCall
from tasks.runtime.leases import renewing

log = structlog.get_logger(__name__)

#: seconds that a lease lasts unless it is renewed
LEASE = 8.0


def key_of(request: FoldCall) -> FoldKey:
    """Return which fold a request is about."""
    return FoldKey(study_id=request.study_id, trial=request.trial, fold=request.fold)


@contextmanager
def held(request: FoldCall, holder: str) -> Iterator[FoldRecord | None]:
    """Hold the lease of a pending fold while the block runs; None where it is not pending or another works on it."""
    key = key_of(request)
    with transaction(request.tenant_id) as session:
        fold = folds.lease(session, request.tenant_id, key, holder=holder, seconds=LEASE)
    if fold is None:
        yield None
        return
    fence = fold.attempts

    def renew() -> None:
        # when another took it over, its fence stops our result
        with transaction(request.tenant_id) as session:
            folds.renew(session, request.tenant_id, key, fence=fence, seconds=LEASE)

    try:
        with renewing(renew, every=LEASE / 4, name=f"fold of {request.study_id}"):
            yield fold
    except BaseException:
        _release(request, fence)
        raise


def _release(request: FoldCall, fence: int) -> None:
    """Give the lease back where no result was stored; while the database is away it runs out by itself."""
    try:
        with transaction(request.tenant_id) as session:
            folds.release(session, request.tenant_id, key_of(request), fence=fence)
    except DatabaseUnavailable:
        log.warning("fold_lease_not_released", study=request.study_id)
