"""Which actions have a request, and what a tenant has set up for them: the same for every CRM."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from domain.interventions import ACTIONS
from ml.interventions.catalogue import CATALOGUE
from tasks.crm.adapter import Missing

#: actions that a tenant's workflow or tag must not replace
OUR_OWN = frozenset({"suppress", "pause_automation"})


def setting(settings: Mapping[str, Any], group: str, name: str) -> str | None:
    """Return what the tenant has set up under a name of a group; None where it is blank."""
    value: str | None = (settings.get(group) or {}).get(name)
    return value or None


def why_not(
    action: str, *, contact_id: str | None, text: str | None, settings: Mapping[str, Any], shapes: Container[str]
) -> Missing | None:
    """Return the code of why an action has no request; None when it has one. `shapes` are actions without a text."""
    if action not in ACTIONS:
        return "unknown_action"
    if not contact_id:
        return "no_contact_id"
    if action in shapes or _has_tenant_way(action, settings):
        return None
    if CATALOGUE.actions[action].writes == "nothing":
        return "no_workflow"
    return None if text else "no_text"


def is_tenant_run(action: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a tenant's own workflow or tag carries an action out, so that no text of ours is needed."""
    return action in ACTIONS and action not in OUR_OWN and _has_tenant_way(action, settings)


def _has_tenant_way(action: str, settings: Mapping[str, Any]) -> bool:
    return any(setting(settings, group, action) is not None for group in ("workflows", "tags"))
