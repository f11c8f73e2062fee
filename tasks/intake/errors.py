"""The errors of reading files, mappings, events and cells.

IntakeError
├── FileRejected      the file as a whole cannot be read
├── MappingRejected   the mapping or the profile does not fit the file
├── EventRefused      one event of a webhook cannot be read
└── BadValue          one cell cannot be read (caught row by row, never seen outside)
"""

from __future__ import annotations


class IntakeError(Exception):
    """Some input cannot be read."""


class FileRejected(IntakeError):  # noqa: N818 - says the fact
    """The file cannot be read. `code` is of the contract (`file.*`); `message` names the place and what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class MappingRejected(IntakeError):  # noqa: N818 - says the fact
    """The mapping does not fit. `place` says where, such as `columns.[0]`; `message` says what to do next.

    A key that the mapping's author made up is named by its number in its table, from 0.
    """

    def __init__(self, place: str, message: str) -> None:
        super().__init__(place, message)
        self.place = place
        self.message = message

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class EventRefused(IntakeError):  # noqa: N818 - says the fact
    """An event cannot be read. `loc` is the place inside the event; `hint` says what to do next, if that helps.

    `code` is one of `InvalidPayload`, or `placeholder`: the field holds what a workflow should have filled in.
    """

    def __init__(self, code: str, loc: str, hint: str = "") -> None:
        super().__init__(code, loc, hint)
        self.code = code
        self.loc = loc
        self.hint = hint


class BadValue(IntakeError):  # noqa: N818 - says the fact
    """A cell cannot be read. `code` is of the contract (`value.*`, `time.*`); `hint` says what would be readable."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(code, hint)
        self.code = code
        self.hint = hint
