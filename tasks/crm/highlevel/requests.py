"""Write actions as ready requests to HighLevel. Nothing here holds a token: whoever does sends them.

Host `services.leadconnectorhq.com`; each resource has its version header, which a tenant's settings may override.
What a tenant has set up goes first: its workflow for an action, then its tag. Without either, a message goes out in
Hearth's words, a task is created, or the contact is changed. A request is meant for the moment at which it is handed
over, so messages have no time of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote

from domain.interventions import ACTIONS
from ml.interventions.catalogue import CATALOGUE
from tasks.contracts.base.wire import to_wire
from tasks.crm import action_rules
from tasks.crm.adapter import CrmAction, Json, Missing

Resource = Literal["contacts", "workflows", "conversations"]

PROVIDER = "ghl"
#: resource -> its `Version` header
VERSIONS: Mapping[str, str] = MappingProxyType(
    {"contacts": "2021-07-28", "workflows": "2021-07-28", "conversations": "2021-04-15"}
)
#: channels that are closed for a lead that refused
_CLOSED = ("SMS", "Email", "Call")
#: tag of an action for which the tenant named none; when a tag of ours comes back it is no news
_TAGS: Mapping[str, str] = MappingProxyType({"pause_automation": "ml:pause_automation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Writes the requests for an action about a contact that HighLevel knows."""

    action: CrmAction
    contact_id: str

    def setting(self, group: str, name: str) -> str | None:
        """Return what the tenant has set up under a name of a group."""
        return action_rules.setting(self.action.settings, group, name)

    def request(self, resource: Resource, method: str, path: str, body: Any) -> Json:
        """Return a request to a resource."""
        version = self.setting("versions", resource) or VERSIONS[resource]
        request: Json = to_wire(
            {"provider": PROVIDER, "method": method, "path": path, "body": body, "headers": {"Version": version}}
        )
        return request

    def contact_request(self, method: str, end: str, body: Any, resource: Resource = "contacts") -> Json:
        """Return a request about the contact."""
        return self.request(resource, method, f"{contact_path(self.contact_id)}{end}", body)


def contact_path(contact_id: str) -> str:
    """Return the path of a contact."""
    return f"/contacts/{_part(contact_id)}"


def request_of(action: CrmAction) -> Json | None:
    """Return an action as a request: provider, method, path, body, headers; None where there is none (see `why_not`).

    Of the settings it reads `workflows` and `tags` by action, `users` (manager, reassign_to) and `versions` by
    resource. The text of an e-mail is made HTML.

    Raises:
        ValueError: `due_at` has no zone.

    """
    missing = why_not(action.action, contact_id=action.contact_id, text=action.text, settings=action.settings)
    if action.contact_id is None or missing is not None:
        return None
    builder = _Builder(action=action, contact_id=action.contact_id)
    return _tenant_request(builder) or _SHAPES.get(action.action, _message)(builder)


def why_not(action: str, *, contact_id: str | None, text: str | None, settings: Mapping[str, Any]) -> Missing | None:
    """Return the code of why an action has no request; None when it has one.

    >>> why_not("reengagement_drip", contact_id="c1", text=None, settings={})
    'no_workflow'
    >>> why_not("reengagement_drip", contact_id="c1", text=None, settings={"tags": {"reengagement_drip": "win back"}})
    """
    return action_rules.why_not(action, contact_id=contact_id, text=text, settings=settings, shapes=_SHAPES)


def possible(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the actions that have a request with these settings, as far as that does not depend on the lead."""
    return frozenset(name for name in ACTIONS if why_not(name, contact_id="any", text="any", settings=settings) is None)


def _tenant_request(builder: _Builder) -> Json | None:
    """Return the request that starts what the tenant has set up for an action."""
    action = builder.action.action
    if action in action_rules.OUR_OWN:
        return None
    workflow, tag = builder.setting("workflows", action), builder.setting("tags", action)
    if workflow is not None:
        return builder.contact_request("POST", f"/workflow/{_part(workflow)}", {}, "workflows")
    return None if tag is None else builder.contact_request("POST", "/tags", {"tags": [tag]})


def _message(builder: _Builder) -> Json:
    """Return the request that sends Hearth's words."""
    action = builder.action
    body: Json = {"contactId": builder.contact_id}
    if CATALOGUE.actions[action.action].writes == "sms":
        body |= {"type": "SMS", "message": action.text}
    else:
        body |= {"type": "Email", "subject": action.title or "", "html": _html(action.text or "")}
    return builder.request("conversations", "POST", "/conversations/messages", body)


def _call(builder: _Builder) -> Json:
    return _task(builder, builder.action.assigned_to)


def _escalate(builder: _Builder) -> Json:
    return _task(builder, builder.setting("users", "manager"))


def _reassign(builder: _Builder) -> Json:
    """Assign the lead to another user; where none is named, or it is theirs already, ask the manager to decide."""
    user = builder.setting("users", "reassign_to")
    if user is None or user == builder.action.assigned_to:
        return _escalate(builder)
    return builder.contact_request("PUT", "", {"assignedTo": user})


def _pause(builder: _Builder) -> Json:
    action = builder.action.action
    workflow = builder.setting("workflows", action)
    if workflow is not None:
        return builder.contact_request("DELETE", f"/workflow/{_part(workflow)}", None, "workflows")
    return builder.contact_request("POST", "/tags", {"tags": [builder.setting("tags", action) or _TAGS[action]]})


def _suppress(builder: _Builder) -> Json:
    body = {"dndSettings": {channel: {"status": "active"} for channel in _CLOSED}}
    return builder.contact_request("PUT", "", body)


def _task(builder: _Builder, user: str | None) -> Json:
    action = builder.action
    body: Json = {
        "title": action.title or "",
        "body": action.text or "",
        "dueDate": action.due_at,
        "completed": False,
    }
    return builder.contact_request("POST", "/tasks", body | ({} if user is None else {"assignedTo": user}))


#: actions that are no message
_SHAPES: Mapping[str, Callable[[_Builder], Json]] = MappingProxyType(
    {
        "call_task": _call,
        "manager_escalation": _escalate,
        "agent_reassign": _reassign,
        "pause_automation": _pause,
        "suppress": _suppress,
    }
)


def _html(text: str) -> str:
    """Return plain text as HTML paragraphs; line breaks within one stay."""
    paragraphs = (escape(part, quote=False).replace("\n", "<br>") for part in text.split("\n\n"))
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def _part(identifier: str) -> str:
    return quote(identifier, safe="")
