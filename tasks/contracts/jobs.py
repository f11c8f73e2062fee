"""Requests of `hearth.jobs.*`."""

from __future__ import annotations

from tasks.contracts.base.request import Identifier, Request


class JobStatus(Request):
    """How far an accepted job is."""

    job_id: Identifier
