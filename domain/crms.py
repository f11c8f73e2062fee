"""CRMs by their words on the wire. HighLevel is `ghl` there; the code calls it `highlevel`."""

from __future__ import annotations

from typing import Final, Literal

#: what sends events: `ghl_workflow` is HighLevel too, by the webhook action of its workflows
EventProvider = Literal["ghl", "ghl_workflow", "followupboss", "generic"]
#: a CRM that carries actions out
ActionCrm = Literal["ghl", "followupboss"]
#: the CRM that actions are made ready for where a message names none
DEFAULT_CRM: Final[ActionCrm] = "ghl"
#: CRMs that leads come from: an id of one of them means nothing to another
LEAD_SYSTEMS = frozenset({"ghl", "followupboss", "hubspot", "kvcore", "salesforce"})
