"""Find the bad item of a batch by halves, so that it does not hold up the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded

from db.errors import DatabaseUnavailable
from tasks.errors import TaskError

Item = TypeVar("Item")

#: errors that are not caused by an item
_NO_FAULT_OF_ITEMS = (DatabaseUnavailable, SoftTimeLimitExceeded, TaskError, Retry, Ignore, Reject)


def bisect(items: Sequence[Item], run: Callable[[Sequence[Item]], None], failed: Callable[[Item, str], None]) -> None:
    """Run over all items at once; where that fails, over each half. An item that fails alone goes to `failed`.

    `run` must have no effect where it raises, as in a transaction of its own. `failed` gets the item and the name of
    the error's type.
    """
    try:
        run(items)
    except _NO_FAULT_OF_ITEMS:
        raise
    except Exception as error:  # noqa: BLE001  # whatever one item does, the others are not to suffer for it
        if len(items) == 1:
            failed(items[0], type(error).__name__)
            return
        middle = len(items) // 2
        bisect(items[:middle], run, failed)
        bisect(items[middle:], run, failed)
