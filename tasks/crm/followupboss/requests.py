"""Write actions as ready requests to Follow Up Boss' public API. Hearth holds no key of a CRM: whoever does sends them.

Its API sends no text message and no e-mail: `POST /textMessages` keeps a record of what another system has sent. So a
message in Hearth's words becomes a task for the agent, or a note where it is longer than a task holds, unless the
tenant has named an action plan (the setting `workflows`) or a tag (`tags`) that starts an automation of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from domain.interventions import ACTIONS
from ml.interventions.catalogue import CATALOGUE
from tasks.contracts.base.wire import to_wire
from tasks.crm import action_rules
from tasks.crm.adapter import CrmAction, Json, Missing
from tasks.crm.followupboss.notes_and_tasks import OUR_NOTE
from tasks.crm.followupboss.notification import PROVIDER

#: tags of actions for which the tenant named none; when a tag of ours comes back it is no news
_TAGS: Mapping[str, str] = MappingProxyType(
    {"pause_automation": "ml:pause_automation", "suppress": "ml:do_not_contact"}
)
#: actions that no action plan of the tenant's may stand in for
#: most characters of a task's name, which is all the text that a task has
LONGEST_TASK = 255
_INT_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Writes the requests for an action about a person that Follow Up Boss knows."""

    action: CrmAction
    contact_id: str

    def setting(self, group: str) -> str | None:
        """Return what the tenant has set up for the action."""
        return action_rules.setting(self.action.settings, group, self.action.action)

    def user(self, name: str) -> str | None:
        """Return a user whom the tenant has named."""
        return action_rules.setting(self.action.settings, "users", name)


def request(method: str, path: str, body: Json) -> Json:
    """Return a request."""
    told: Json = to_wire({"provider": PROVIDER, "method": method, "path": path, "body": body, "headers": {}})
    return told


def person_path(contact_id: str) -> str:
    """Return the path of a person."""
    return f"/people/{quote(contact_id, safe='')}"


def request_of(action: CrmAction) -> Json | None:
    """Return an action as a request: provider, method, path, body, headers; None where there is none (see `why_not`).

    Of the settings it reads `workflows` (ids of action plans) and `tags` by action, and `users` (manager, reassign_to).

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

    >>> why_not("reengagement_drip", contact_id="12", text=None, settings={})
    'no_workflow'
    >>> why_not("reengagement_drip", contact_id="12", text=None, settings={"workflows": {"reengagement_drip": "7"}})
    """
    return action_rules.why_not(action, contact_id=contact_id, text=text, settings=settings, shapes=_SHAPES)


def possible(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the actions that have a request with these settings, as far as that does not depend on the lead."""
    return frozenset(name for name in ACTIONS if why_not(name, contact_id="any", text="any", settings=settings) is None)


def _tenant_request(builder: _Builder) -> Json | None:
    """Return the request that starts what the tenant has set up for an action."""
    if builder.action.action in action_rules.OUR_OWN:
        return None
    plan, tag = builder.setting("workflows"), builder.setting("tags")
    if plan is not None:
        body = {"personId": _id(builder.contact_id), "actionPlanId": _id(plan)}
        return request("POST", "/actionPlansPeople", body)
    return None if tag is None else _tagged(builder, tag)


def _message(builder: _Builder) -> Json:
    """Return the request that asks the agent to send Hearth's words."""
    action = builder.action
    kind = "Text" if CATALOGUE.actions[action.action].writes == "sms" else "Email"
    if len(_name(action)) <= LONGEST_TASK:
        return _task(builder, kind, action.assigned_to)
    subject = f"{OUR_NOTE}{action.title or ''}".strip()
    body = {"personId": _id(builder.contact_id), "subject": subject, "body": action.text or ""}
    return request("POST", "/notes", body)


def _call(builder: _Builder) -> Json:
    return _task(builder, "Call", builder.action.assigned_to)


def _escalate(builder: _Builder) -> Json:
    return _task(builder, "Follow Up", builder.user("manager"))


def _reassign(builder: _Builder) -> Json:
    """Assign the lead to another user; where none is named, or it is theirs already, ask the manager to decide."""
    user = builder.user("reassign_to")
    if user is None or user == builder.action.assigned_to:
        return _escalate(builder)
    return request("PUT", person_path(builder.contact_id), _assigned(user))


def _mark(builder: _Builder) -> Json:
    """Set the tag that stands for the action: the API has no switch for it."""
    return _tagged(builder, builder.setting("tags") or _TAGS[builder.action.action])


def _tagged(builder: _Builder, tag: str) -> Json:
    return request("PUT", f"{person_path(builder.contact_id)}?mergeTags=true", {"tags": [tag]})


def _task(builder: _Builder, kind: str, user: str | None) -> Json:
    action, name = builder.action, _name(builder.action)
    body: Json = {
        "personId": _id(builder.contact_id),
        "name": name if len(name) <= LONGEST_TASK else (action.title or name)[:LONGEST_TASK],
        "type": kind,
        "dueDateTime": action.due_at,
    }
    return request("POST", "/tasks", body | ({} if user is None else _assigned(user)))


#: actions that are no message
_SHAPES: Mapping[str, Callable[[_Builder], Json]] = MappingProxyType(
    {
        "call_task": _call,
        "manager_escalation": _escalate,
        "agent_reassign": _reassign,
        "pause_automation": _mark,
        "suppress": _mark,
    }
)


def _name(action: CrmAction) -> str:
    return ": ".join(filter(None, (action.title, action.text)))


def _assigned(user: str) -> Json:
    """Return a user by the id; leads of an import know their agents by name only."""
    return {"assignedUserId": _id(user)} if user.isdecimal() else {"assignedTo": user}


def _id(told: str) -> int | str:
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= _INT_DIGITS else told
