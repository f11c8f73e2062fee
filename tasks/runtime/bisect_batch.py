"""One bad item does not hold up the rest of its batch: what fails together is tried in halves, down to the one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded

from db.errors import DatabaseUnavailable
from tasks.errors import TaskError

Item = TypeVar("Item")

#: what says nothing of the items
_PASSING = (DatabaseUnavailable, SoftTimeLimitExceeded, TaskError, Retry, Ignore, Reject)


def bisect(items: Sequence[Item], run: Callable[[Sequence[Item]], None], failed: Callable[[Item, str], None]) -> None:
    """Run over all at once, or over ever smaller parts where that fails; what fails alone is named with its error.

    `run` has no effect where it raises, as in a transaction of its own.
    """
    try:
        run(items)
    except _PASSING:
        raise
    except Exception as error:  # noqa: BLE001  # whatever one item does, the others are not to suffer for it
        if len(items) == 1:
            failed(items[0], type(error).__name__)
            return
        middle = len(items) // 2
        bisect(items[:middle], run, failed)
        bisect(items[middle:], run, failed)
