"""Call Hearth as a CRM's back end does: wait for a result, read a refusal, ask for a callback on its own queue.

REDIS_URL=redis://… python call.py TENANT
"""

from __future__ import annotations

import sys
from typing import Any

from celery import signature
from crm import app

#: one invented lead with the field names of the contract; a field that is left out stays unchanged
LEAD = {
    "source_system": "crm",
    "external_id": "CRM-1001",
    "first_name": "Ada",
    "last_name": "Larkmoor",
    "email": "ada.larkmoor@example.com",
    "lead_type": "buyer",
    "source": "referral",
    "timeline": "0-3",
    "preapproval": "preapproved",
    "listing_views": 14,
    "showings": 1,
    "custom": {"Pool wanted": "yes"},
}


class Refused(Exception):  # noqa: N818 - says the fact
    """The task answered with an error; for InvalidPayload `args` are (code, [{"loc", "msg"}])."""


def call(task: str, queue: str, **kwargs: Any) -> dict[str, Any]:
    """Send a task by name and return its envelope; raises Refused when the task answers with an error."""
    answer = app.send_task(task, kwargs=kwargs, queue=queue).get(timeout=30, propagate=False)
    if isinstance(answer, Exception):  # its class is made from its name here, since Hearth is not installed
        raise Refused(type(answer).__name__, *answer.args)
    envelope: dict[str, Any] = answer
    return envelope


def main(tenant: str) -> None:
    """Upsert a lead, score it, read a refusal, and ask for a callback."""
    call("hearth.tenants.configure", "inference", tenant_id=tenant, settings={"name": "Simulated CRM"})
    call("hearth.leads.upsert", "ingest", tenant_id=tenant, leads=[LEAD], idempotency_key="CRM-1001-v1")
    # our own id names the lead; the answer gives Hearth's beside it
    own = {"external_id": LEAD["external_id"], "source_system": LEAD["source_system"]}

    scored = call("hearth.leads.score", "inference", tenant_id=tenant, **own)
    print(f"score {scored['data']['lead']['probability']:.2f} by {scored['model']['version']} ({scored['status']})")
    for reason in scored["data"]["lead"]["up"]:
        print(f"  + {reason['text']}")

    try:
        call("hearth.leads.score", "inference", tenant_id=tenant, lead_id="nobody")
    except Refused as refused:
        kind, code, places = refused.args
        print(f"refused {kind} {code} at {places[0]['loc']}: {places[0]['msg']}")

    done = signature("crm.lead_scored", queue="crm")
    app.send_task("hearth.leads.score", kwargs={"tenant_id": tenant, **own}, queue="inference", link=done)
    print("asked for a callback on queue crm")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "crm-python")
