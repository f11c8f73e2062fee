"""The lease of one fold while a worker does it: renewed by a thread; short, so that what was killed waits little."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from db.errors import DatabaseUnavailable
from db.records import FoldRecord
from db.repositories.tuning import folds
from db.session import transaction
from tasks.contracts.tuning import FoldCall

log = structlog.get_logger(__name__)

#: seconds that a lease lasts unless it is renewed
LEASE = 8.0


@contextmanager
def held(request: FoldCall, holder: str) -> Iterator[FoldRecord | None]:
    """Hold the lease of a pending fold while the block runs; None where it is not pending or another works on it."""
    with transaction(request.tenant_id) as session:
        fold = folds.lease(
            session,
            request.tenant_id,
            study_id=request.study_id,
            trial=request.trial,
            fold=request.fold,
            holder=holder,
            seconds=LEASE,
        )
    if fold is None:
        yield None
        return
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(request, fold.attempts, ended), name="fold-lease", daemon=True)
    renewing.start()
    try:
        yield fold
    except BaseException:
        _end(renewing, ended)
        _release(request, fold.attempts)
        raise
    _end(renewing, ended)


def _end(renewing: threading.Thread, ended: threading.Event) -> None:
    ended.set()
    renewing.join()


def _renew(request: FoldCall, fence: int, ended: threading.Event) -> None:
    """Renew the lease until the work has ended; when another took it over, its fence stops our result."""
    while not ended.wait(LEASE / 4):
        try:
            with transaction(request.tenant_id) as session:
                folds.renew(
                    session,
                    request.tenant_id,
                    study_id=request.study_id,
                    trial=request.trial,
                    fold=request.fold,
                    fence=fence,
                    seconds=LEASE,
                )
        except DatabaseUnavailable:
            log.warning("fold_lease_not_renewed", study=request.study_id)


def _release(request: FoldCall, fence: int) -> None:
    """Give the lease back where no result was stored; while the database is away it runs out by itself."""
    try:
        with transaction(request.tenant_id) as session:
            folds.release(
                session,
                request.tenant_id,
                study_id=request.study_id,
                trial=request.trial,
                fold=request.fold,
                fence=fence,
            )
    except DatabaseUnavailable:
        log.warning("fold_lease_not_released", study=request.study_id)
