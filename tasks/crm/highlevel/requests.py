"""Actions as ready requests to HighLevel. Hearth holds no tokens of a CRM: whoever does sends them.

Host `services.leadconnectorhq.com`; each resource has its version header, which a tenant's settings may override.
What a tenant has set up goes first: its workflow of an action, then its tag. Without either a message goes out in
Hearth's words, a task is made, or the contact is changed. A request is for the moment at which it is handed out, so
messages bear no time of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote

from ml.interventions.catalogue import CATALOGUE
from ml.interventions.names import ACTIONS
from tasks.contracts.base.wire import to_wire

Json = dict[str, Any]
Resource = Literal["contacts", "workflows", "conversations"]
Missing = Literal["unknown_action", "no_contact_id", "no_workflow", "no_text"]

PROVIDER = "ghl"
#: the `Version` header that a resource is asked with
VERSIONS: Mapping[str, str] = MappingProxyType(
    {"contacts": "2021-07-28", "workflows": "2021-07-28", "conversations": "2021-04-15"}
)
#: channels that are closed for one who refused
_CLOSED = ("SMS", "Email", "Call")
#: the tag of an action whose tenant named none; a tag of ours is no news when it comes back
_TAGS: Mapping[str, str] = MappingProxyType({"pause_automation": "ml:pause_automation"})
#: what a tenant's workflow or tag must not stand in for
_OUR_OWN = frozenset({"suppress", "pause_automation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An action of one contact."""

    action: str
    contact_id: str
    text: str | None
    title: str | None
    due_at: datetime
    assigned_to: str | None
    settings: Mapping[str, Any]

    def set_up(self, what: str, name: str) -> str | None:
        """Give what the tenant has set up under a name."""
        return _set_up(self.settings, what, name)

    def request(self, resource: Resource, method: str, path: str, body: Any) -> Json:
        """Give a request to a resource."""
        version = self.set_up("versions", resource) or VERSIONS[resource]
        made: Json = to_wire(
            {"provider": PROVIDER, "method": method, "path": path, "body": body, "headers": {"Version": version}}
        )
        return made

    def of_contact(self, method: str, end: str, body: Any, resource: Resource = "contacts") -> Json:
        """Give a request about the contact."""
        return self.request(resource, method, f"/contacts/{_part(self.contact_id)}{end}", body)


def request_of(
    action: str,
    *,
    contact_id: str | None,
    text: str | None,
    title: str | None,
    due_at: datetime,
    assigned_to: str | None,
    settings: Mapping[str, Any],
) -> Json | None:
    """Give an action as a request: provider, method, path, body, headers; None where there is none (see `why_not`).

    `settings` are the tenant's about interventions: `workflows` and `tags` by action, `users` (manager, reassign_to),
    `versions` by resource. `text` is plain; an e-mail's is made HTML.

    Raises ValueError for a `due_at` without a zone.
    """
    if contact_id is None or why_not(action, contact_id=contact_id, text=text, settings=settings) is not None:
        return None
    asked = _Asked(
        action=action,
        contact_id=contact_id,
        text=text,
        title=title,
        due_at=due_at,
        assigned_to=assigned_to,
        settings=settings,
    )
    return _own(asked) or _SHAPES.get(action, _message)(asked)


def why_not(action: str, *, contact_id: str | None, text: str | None, settings: Mapping[str, Any]) -> Missing | None:
    """Say why an action has no request: a code, None when it has one.

    >>> why_not("reengagement_drip", contact_id="c1", text=None, settings={})
    'no_workflow'
    >>> why_not("reengagement_drip", contact_id="c1", text=None, settings={"tags": {"reengagement_drip": "win back"}})
    """
    if action not in ACTIONS:
        return "unknown_action"
    if not contact_id:
        return "no_contact_id"
    if action in _SHAPES or _has_own(action, settings):
        return None
    if CATALOGUE.actions[action].writes == "nothing":
        return "no_workflow"
    return None if text else "no_text"


def possible(settings: Mapping[str, Any]) -> frozenset[str]:
    """Give the actions that have a request with these settings, as far as it does not hang on the lead."""
    return frozenset(name for name in ACTIONS if why_not(name, contact_id="any", text="any", settings=settings) is None)


def is_own(action: str, settings: Mapping[str, Any]) -> bool:
    """Tell whether a tenant's own workflow or tag carries an action out, so that no text of ours goes out."""
    return action in ACTIONS and action not in _OUR_OWN and _has_own(action, settings)


def _own(asked: _Asked) -> Json | None:
    """Start what the tenant has set up for an action."""
    if asked.action in _OUR_OWN:
        return None
    workflow, tag = asked.set_up("workflows", asked.action), asked.set_up("tags", asked.action)
    if workflow is not None:
        return asked.of_contact("POST", f"/workflow/{_part(workflow)}", {}, "workflows")
    return None if tag is None else asked.of_contact("POST", "/tags", {"tags": [tag]})


def _message(asked: _Asked) -> Json:
    """Send Hearth's words."""
    body: Json = {"contactId": asked.contact_id}
    if CATALOGUE.actions[asked.action].writes == "sms":
        body |= {"type": "SMS", "message": asked.text}
    else:
        body |= {"type": "Email", "subject": asked.title or "", "html": _html(asked.text or "")}
    return asked.request("conversations", "POST", "/conversations/messages", body)


def _call(asked: _Asked) -> Json:
    return _task(asked, asked.assigned_to)


def _escalate(asked: _Asked) -> Json:
    return _task(asked, asked.set_up("users", "manager"))


def _reassign(asked: _Asked) -> Json:
    """Hand the lead over; where nobody was named for that, or it is theirs already, somebody is to decide."""
    to = asked.set_up("users", "reassign_to")
    if to is None or to == asked.assigned_to:
        return _escalate(asked)
    return asked.of_contact("PUT", "", {"assignedTo": to})


def _pause(asked: _Asked) -> Json:
    workflow = asked.set_up("workflows", asked.action)
    if workflow is not None:
        return asked.of_contact("DELETE", f"/workflow/{_part(workflow)}", None, "workflows")
    return asked.of_contact("POST", "/tags", {"tags": [asked.set_up("tags", asked.action) or _TAGS[asked.action]]})


def _suppress(asked: _Asked) -> Json:
    return asked.of_contact("PUT", "", {"dndSettings": {channel: {"status": "active"} for channel in _CLOSED}})


def _task(asked: _Asked, who: str | None) -> Json:
    body: Json = {
        "title": asked.title or "",
        "body": asked.text or "",
        "dueDate": asked.due_at,
        "completed": False,
    }
    return asked.of_contact("POST", "/tasks", body | ({} if who is None else {"assignedTo": who}))


#: actions that are no message
_SHAPES: Mapping[str, Callable[[_Asked], Json]] = MappingProxyType(
    {
        "call_task": _call,
        "manager_escalation": _escalate,
        "agent_reassign": _reassign,
        "pause_automation": _pause,
        "suppress": _suppress,
    }
)


def _has_own(action: str, settings: Mapping[str, Any]) -> bool:
    return any(_set_up(settings, what, action) is not None for what in ("workflows", "tags"))


def _set_up(settings: Mapping[str, Any], what: str, name: str) -> str | None:
    found: str | None = (settings.get(what) or {}).get(name)
    return found or None


def _html(text: str) -> str:
    """Give plain text as paragraphs; a line's end within one stays."""
    paragraphs = (escape(each, quote=False).replace("\n", "<br>") for each in text.split("\n\n"))
    return "".join(f"<p>{each}</p>" for each in paragraphs)


def _part(identifier: str) -> str:
    return quote(identifier, safe="")
