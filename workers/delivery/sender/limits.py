"""The numbers by which the sender works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLimits:
    """Time-outs, back-off and batch sizes of the sender."""

    #: tenants served at once
    threads: int = 8
    #: seconds for which one process sends for a tenant; another one goes on after it has died
    lease: float = 60.0
    #: seconds after which a request that is on its way has lost its sender; above the client's longest
    hold: float = 45.0
    #: seconds after which others have their turn
    patience: float = 15.0
    #: entries that are looked at together
    batch: int = 20
    #: failures that count until an entry is dead
    attempts: int = 12
    #: seconds of the first wait between two tries, doubled each time, and the most
    backoff: float = 5.0
    backoff_limit: float = 3600.0
    #: failures in a row after which a CRM is left alone, for so many seconds
    failures: int = 5
    open_for: float = 60.0
    #: seconds until a token that is missing, or that the CRM refused, is tried again
    token_wait: float = 60.0
    refused_wait: float = 300.0
