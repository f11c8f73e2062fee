"""`POST /v1/webhooks/...`: events of CRMs, signed by their sender or sent with a key of the tenant.

A source that signs gets a row in `SIGNED`: who signs, with which keys, and where its events name their tenant. All that
its senders see is an HTTP status, and HighLevel sends an event again after 429 only: so each outage is answered so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.crms import EventProvider
from domain.documents import JsonMapping, JsonObject
from tasks.crm.webhook_signatures import verify_highlevel
from workers.base import decoding
from workers.base.settings import Settings
from workers.gateway.access.api_keys import Caller
from workers.gateway.errors import BadEvent, Forbidden, NotFound, Unauthorized
from workers.gateway.handler import Handler
from workers.gateway.webhook_intake import LIMIT, Origin, WebhookIntake

#: the most levels of objects and lists in an event; a message has a hundred, and needs a few of its own
DEPTH = 90
#: what a tenant may be called, as the contract has it
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}")
#: the place of the application's intake among its settings
_INTAKE = "webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedSource:
    """A source that signs its webhooks."""

    provider: EventProvider
    #: raw body, headers, public keys -> whether one of the keys signed exactly this body
    verify: Callable[[bytes, Iterable[tuple[str, str]], Sequence[str]], bool]
    keys: Callable[[Settings], Sequence[str]]
    #: the tenant that an event names, or None
    tenant_of: Callable[[JsonMapping], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedSource:
    """A source that cannot sign: its webhooks carry a key of the tenant, of scope `write`."""

    provider: EventProvider
    #: the tenant that an event names, or None where it may leave it out
    tenant_of: Callable[[JsonMapping], str | None]
    #: the field that the key's tenant is written into where an event leaves it out; None: the reader asks for none
    tenant_field: str | None


def location_of(event: JsonMapping) -> str | None:
    """Return the location that an event of HighLevel names, as an id or as an object with one; None without.

    >>> location_of({"locationId": "L1"}), location_of({"location": {"id": "L2"}}), location_of({"locationId": " "})
    ('L1', 'L2', None)
    """
    nested = event.get("location")
    told = event.get("locationId") or (nested.get("id") if isinstance(nested, Mapping) else None)
    return (str(told).strip() or None) if isinstance(told, str | int) and not isinstance(told, bool) else None


SIGNED: Mapping[str, SignedSource] = {
    "highlevel": SignedSource(
        provider="ghl", verify=verify_highlevel, keys=Settings.highlevel_keys, tenant_of=location_of
    ),
}
KEYED: Mapping[str, KeyedSource] = {
    "highlevel/workflow": KeyedSource(provider="ghl_workflow", tenant_of=location_of, tenant_field="locationId"),
    "generic": KeyedSource(provider="generic", tenant_of=lambda _: None, tenant_field=None),
}


class WebhookHandler(Handler):
    """What the webhooks of all sources share: one event as JSON, handed over together with those beside it."""

    body_limit = LIMIT

    def event(self) -> JsonObject:
        """Return the event in the body.

        Raises:
            BadEvent: it is no JSON object, has a number that is not finite, or is nested too deep.

        """
        try:
            event = json.loads(decoding.shallow(self.body().decode(), DEPTH))
            json.dumps(event, allow_nan=False)
        except decoding.TooDeep:
            raise BadEvent("too_deep", f"more than {DEPTH} levels of nesting") from None
        except (ValueError, RecursionError):
            raise BadEvent("not_json", "the body is no JSON of finite numbers in UTF-8") from None
        if not isinstance(event, dict):
            raise BadEvent("not_json", "send one event: a JSON object")
        return event

    def intake(self) -> WebhookIntake:
        """Return the application's intake; the first request makes it."""
        intake = self.application.settings.get(_INTAKE)
        if intake is None:
            intake = self.application.settings[_INTAKE] = WebhookIntake(self.gateway.submitter, self.gateway.ids)
        assert isinstance(intake, WebhookIntake)
        return intake

    async def take(self, origin: Origin, event: JsonObject) -> None:
        """Answer 200 once the event cannot be lost."""
        await self.intake().put(origin, event, len(self.body()))
        self.answer(200, {"state": "accepted"})


class SignedWebhookHandler(WebhookHandler):
    """Takes an event that its sender signed; nothing in it is read before."""

    async def post(self, name: str) -> None:
        """Answer 200 once the event cannot be lost."""
        source = SIGNED[name]
        if not self.gateway.settings.gateway_webhooks:
            raise NotFound("not_found", "this gateway takes no signed webhooks")
        raw = self.body()
        if not source.verify(raw, self.request.headers.get_all(), source.keys(self.gateway.settings)):
            raise Unauthorized("signature_refused", "no known key has signed this body")
        try:
            event = self.event()
            tenant_id = _named(source, event)
        except BadEvent:
            await self.intake().keep_unread(raw)
            raise
        await self.take(Origin(tenant_id=tenant_id, provider=source.provider, verified=True), event)


class KeyedWebhookHandler(WebhookHandler):
    """Takes an event that carries a key of its tenant."""

    async def post(self, name: str) -> None:
        """Answer 200 once the event cannot be lost."""
        source, caller = KEYED[name], await self.authenticated()
        caller.require("write")
        event = self._of(caller, source, self.event())
        await self.take(Origin(tenant_id=caller.tenant_id, provider=source.provider, verified=False), event)

    def _of(self, caller: Caller, source: KeyedSource, event: JsonObject) -> JsonObject:
        named = source.tenant_of(event)
        if named not in (None, caller.tenant_id):
            raise Forbidden("other_tenant", "this key is for another location")
        return event if named or not source.tenant_field else {**event, source.tenant_field: caller.tenant_id}


def _named(source: SignedSource, event: JsonObject) -> str:
    tenant_id = source.tenant_of(event)
    if tenant_id is None or not _TENANT.fullmatch(tenant_id):
        raise BadEvent("no_location", "the event names no location; it is kept for a person to look at")
    return tenant_id


def _path(names: Iterable[str]) -> str:
    return rf"/v1/webhooks/({'|'.join(map(re.escape, names))})"


ROUTES = [(_path(SIGNED), SignedWebhookHandler), (_path(KEYED), KeyedWebhookHandler)]
