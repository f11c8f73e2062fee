# ruff: noqa: N818  # names say the fact
"""The errors that a task answers with instead of a result. Their arguments are JSON, so that every client reads them.

TaskError
├── InvalidPayload   the caller's mistake: never retried, nothing stored
├── Unavailable      a transient error lasted for longer than the task may wait
├── Overloaded       more was asked than can be done soon: wait, then send it again
├── TimedOut         the task's own time limit
├── Poisonous        it took its worker down too often: held in quarantine
└── Unexpected       a fault of ours: its type and place, never a value
"""

from __future__ import annotations

from collections.abc import Sequence

FieldError = dict[str, str]


class TaskError(Exception):
    """Any error that a task answers with."""


class InvalidPayload(TaskError):
    """The message cannot be taken: correct the places named and send it again.

    `code` is one of missing, type, range, too_long, too_many, unknown_tenant, unknown_lead, unknown_value, conflict,
    not_finite, future; `errors` holds `{"loc", "msg"}` for each place, without the values found there.
    """

    def __init__(self, code: str, errors: Sequence[FieldError]) -> None:
        super().__init__(code, list(errors))
        self.code = code
        self.errors = list(errors)

    @classmethod
    def at(cls, code: str, loc: str, msg: str) -> InvalidPayload:
        """Return the error for one wrong place."""
        return cls(code, [{"loc": loc, "msg": msg}])


class Unavailable(TaskError):
    """A part Hearth needs was away for as long as the task may wait: send it again later."""


class Overloaded(TaskError):
    """More is waiting than can be done soon, for this tenant or for all: send the task again later."""


class Poisonous(TaskError):
    """The task took its worker down too often: look at it in quarantine before it is sent again."""


class TimedOut(TaskError):
    """The task ran into its time limit: send less at once."""


class Unexpected(TaskError):
    """A fault inside Hearth: look the task id up in the log."""
