"""What a queue or task of the CRM's own may be called: whoever names one chooses a key of the broker.

Hearth, Celery and kombu keep their bookkeeping beside the queues. A message that is put on such a key gives it another
type, and from then on nobody can take or acknowledge anything, whichever tenant it is for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

#: letters, digits and `_ . : @ / -`; what the transport puts behind names is none of them
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.:@/\-]{0,127}$"
#: the queues of Hearth's workers
OWN_QUEUES = frozenset({"celery", "inference", "ingest", "batch", "learning", "training", "media"})
#: the mark that kombu puts between a queue and a priority, or the parts of a binding
MARK = "\x06\x16"

_NAME = re.compile(NAME)
# … whatever stands before `:`, `/` or `@` may be a prefix that another application of the same broker has
_BOOKKEEPING = re.compile(r"unacked|_kombu|pidbox|celeryev|(?:^|[:/@])(?:hearth(?:[.:/@]|$)|celery-task)")
_RESERVED = re.compile(r"(?:^|[:/@])(?:celery|reply\.)|\.reply\.")
_OUR_TASKS = re.compile(r"(?:^|[:/@])(?:hearth|celery)(?:[.:/@]|$)")
# where remote control answers: kombu makes a list for each that asks
_REPLIES = re.compile(r"[^.]+\.reply\.celery\.pidbox")


def is_bookkeeping(key: str | None) -> bool:
    """Whether a key belongs to what Hearth, Celery and kombu note, so that no message may lie there."""
    # what a foreign message names may be anything
    told = str(key or "").casefold()
    return MARK in told or (_BOOKKEEPING.search(told) is not None and _REPLIES.fullmatch(told) is None)


def queue_allowed(name: str, ours: Collection[str] = OWN_QUEUES) -> bool:
    """Whether messages for somebody else may be put on a queue of this name; `ours` are the queues of our workers."""
    told = name.casefold()
    reserved = MARK in told or _BOOKKEEPING.search(told) or _RESERVED.search(told)
    return _NAME.fullmatch(name) is not None and not reserved and told not in {own.casefold() for own in ours}


def task_allowed(name: str) -> bool:
    """Whether a task of this name may be somebody else's: else a tenant could start ours, in another's name."""
    return _NAME.fullmatch(name) is not None and _OUR_TASKS.search(name.casefold()) is None


def _free_queue(name: str) -> str:
    if not queue_allowed(name):
        message = "belongs to Hearth or its broker; name a queue of your own, such as crm"
        raise PydanticCustomError("unknown_value", message)
    return name


def _free_task(name: str) -> str:
    if not task_allowed(name):
        message = "belongs to Hearth or Celery; name a task of your own, such as crm.told"
        raise PydanticCustomError("unknown_value", message)
    return name


_Name = Annotated[str, StringConstraints(pattern=NAME, strip_whitespace=True)]
QueueName = Annotated[_Name, AfterValidator(_free_queue)]
TaskName = Annotated[_Name, AfterValidator(_free_task)]
