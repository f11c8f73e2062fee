"""Check the names that a tenant gives to its own queue and task, since such a name becomes a key of the broker.

Hearth, Celery and kombu keep their bookkeeping beside the queues. A message on one of their keys would change the key's
type, and then no worker could receive or acknowledge messages, of any tenant.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

#: letters, digits and `_ . : @ / -`; the transport's own suffixes use none of them
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.:@/\-]{0,127}$"
#: the queues of Hearth's workers
OWN_QUEUES = frozenset({"celery", "inference", "ingest", "batch", "learning", "training", "media"})
#: what kombu puts between a queue and a priority, or between the parts of a binding
KOMBU_SEPARATORS = "\x06\x16"

_NAME = re.compile(NAME)
# the part before `:`, `/` or `@` may be the prefix of another application on the same broker
_BOOKKEEPING = re.compile(r"unacked|_kombu|pidbox|celeryev|(?:^|[:/@])(?:hearth(?:[.:/@]|$)|celery-task)")
_RESERVED = re.compile(r"(?:^|[:/@])(?:celery|reply\.)|\.reply\.")
_OUR_TASKS = re.compile(r"(?:^|[:/@])(?:hearth|celery)(?:[.:/@]|$)")
# lists on which remote control replies: kombu makes one for each caller
_REPLIES = re.compile(r"[^.]+\.reply\.celery\.pidbox")


def is_bookkeeping(key: str | None) -> bool:
    """Return whether a key belongs to the bookkeeping of Hearth, Celery or kombu, so that no message may go there."""
    # the key comes from a foreign message and may be of any type
    folded = str(key or "").casefold()
    return KOMBU_SEPARATORS in folded or (
        _BOOKKEEPING.search(folded) is not None and _REPLIES.fullmatch(folded) is None
    )


def queue_allowed(name: str, ours: Collection[str] = OWN_QUEUES) -> bool:
    """Return whether a tenant may name its queue so; `ours` are the queues of our workers, which it may not."""
    folded = name.casefold()
    reserved = KOMBU_SEPARATORS in folded or _BOOKKEEPING.search(folded) or _RESERVED.search(folded)
    return _NAME.fullmatch(name) is not None and not reserved and folded not in {queue.casefold() for queue in ours}


def task_allowed(name: str) -> bool:
    """Return whether a tenant may name its task so; with one of ours it could start our tasks for another tenant."""
    return _NAME.fullmatch(name) is not None and _OUR_TASKS.search(name.casefold()) is None


def _allowed_queue(name: str) -> str:
    if not queue_allowed(name):
        message = "belongs to Hearth or its broker; name a queue of your own, such as crm"
        raise PydanticCustomError("unknown_value", message)
    return name


def _allowed_task(name: str) -> str:
    if not task_allowed(name):
        message = "belongs to Hearth or Celery; name a task of your own, such as crm.told"
        raise PydanticCustomError("unknown_value", message)
    return name


_Name = Annotated[str, StringConstraints(pattern=NAME, strip_whitespace=True)]
QueueName = Annotated[_Name, AfterValidator(_allowed_queue)]
TaskName = Annotated[_Name, AfterValidator(_allowed_task)]
