"""Requests of `hearth.jobs.*`."""

from __future__ import annotations

from tasks.contracts.base.request import Identifier, Request


class JobStatus(Request):
    """Read the progress of an accepted job."""

    job_id: Identifier
