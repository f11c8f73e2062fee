"""A brokerage whose actions our own sender carries out, in a HighLevel of our own, at a moment that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.highlevel import TOKEN, HighLevel
from tests.support.interventions import T
from tests.support.sender import START, Desk
from workers.delivery.sender.client import Client
from workers.delivery.sender.limits import SenderLimits
from workers.delivery.sender.tenant_sender import TenantSender
from workers.delivery.sender.tokens import Tokens


@pytest.fixture
def highlevel() -> Iterator[HighLevel]:
    server = HighLevel()
    yield server
    server.close()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens" / f"{T}.token"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def sender_at(highlevel: HighLevel, token_file: Path) -> Callable[..., TenantSender]:
    """Builds senders, each as a process of its own would be, with a clock that stands at the desk's moment."""

    def make(
        clock: Callable[[Any], datetime], holder: str = "one", patience: float = 10.0, **limits: Any
    ) -> TenantSender:
        return TenantSender(
            tenant_id=T,
            holder=holder,
            tokens=Tokens(folder=token_file.parent),
            client=Client(base_url=highlevel.url, loopback=True, read=patience, whole=patience + 2),
            limits=SenderLimits(**limits),
            clock=clock,
        )

    return make


@pytest.fixture
def desk(database: str, workspace_folder: Path, sender_at: Callable[..., TenantSender]) -> Desk:
    """A brokerage with the sender switched on, which has read what there was."""
    made = Desk(make=sender_at)
    made.configure()
    made.at(START)
    made.serve()
    made.at(START + timedelta(seconds=1))
    return made
