"""Online learning without a cluster: nobody would take the message that a slice of scoring leaves the rest to."""

import pytest

from tasks.services.online import scoring


@pytest.fixture(autouse=True)
def _whole_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one call score all that is new, however slow the machine is."""
    monkeypatch.setattr(scoring, "SLICE", 60.0)
