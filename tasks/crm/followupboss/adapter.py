"""Follow Up Boss behind the interface of all CRMs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tasks.crm import action_rules
from tasks.crm.adapter import CrmAction, CrmAdapter, EventReader, Json, Missing, WriteBackValues
from tasks.crm.followupboss import api, reader, requests
from tasks.crm.followupboss.notification import PROVIDER


class FollowUpBoss(CrmAdapter):
    """Webhooks with their resources in, requests of the public API out."""

    provider = PROVIDER
    readers: Mapping[str, EventReader] = MappingProxyType({PROVIDER: reader.read})
    api = api.API

    def request_of(self, action: CrmAction) -> Json | None:
        """Return an action as a request to the public API."""
        return requests.request_of(action)

    def why_not(
        self, action: str, *, contact_id: str | None, text: str | None, settings: Mapping[str, Any]
    ) -> Missing | None:
        """Return the code of why an action has no request."""
        return requests.why_not(action, contact_id=contact_id, text=text, settings=settings)

    def possible(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Return the actions that have a request with these settings."""
        return requests.possible(settings)

    def is_tenant_run(self, action: str, settings: Mapping[str, Any]) -> bool:
        """Return whether the tenant's own action plan or tag carries an action out."""
        return action_rules.is_tenant_run(action, settings)

    def write_back(self, contact_id: str, values: WriteBackValues, settings: Mapping[str, Any]) -> Json | None:
        """Return the request that writes values into a person's custom fields."""
        return api.write_back(contact_id, values, settings)


FOLLOWUPBOSS = FollowUpBoss()
