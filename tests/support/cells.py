"""Read a cell that must be refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.intake.errors import BadValue


def refusal_code(read: Callable[..., object], *arguments: object) -> str:
    """Return the code of the `BadValue` that a reader raises."""
    with pytest.raises(BadValue) as caught:
        read(*arguments)
    return caught.value.code
