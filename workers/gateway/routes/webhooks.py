"""`POST /v1/webhooks/...`: events of CRMs, signed by their sender or sent with a key of the tenant.

A source that signs gets a row in `SIGNED`: who signs, with which keys, and where its events name their tenant. All that
its senders see is an HTTP status, and HighLevel sends an event again after 429 only: so each outage is answered so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
#: for so long an event is recognised that comes again (docs/receiver.md); one that is older is not believed
REMEMBERED = timedelta(days=30)
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
    #: when it was sent, or None where it does not say
    sent_at: Callable[[JsonMapping], datetime | None]


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


def timestamp_of(event: JsonMapping) -> datetime | None:
    """Return when HighLevel sent an event; None where it does not say so.

    >>> timestamp_of({"timestamp": "2026-11-01T10:00:00Z"}).isoformat(), timestamp_of({"timestamp": 17})
    ('2026-11-01T10:00:00+00:00', None)
    """
    told = event.get("timestamp")
    try:
        moment = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


SIGNED: Mapping[str, SignedSource] = {
    "highlevel": SignedSource(
        provider="ghl",
        verify=verify_highlevel,
        keys=Settings.highlevel_keys,
        tenant_of=location_of,
        sent_at=timestamp_of,
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
        """Return the event in the body, with `?` for half a character: a worker would refuse the events beside it too.

        Raises:
            BadEvent: it is no JSON object, has a number that is not finite, or is nested too deep.

        """
        try:
            event = json.loads(decoding.shallow(self.body().decode(), DEPTH))
            event = json.loads(json.dumps(event, allow_nan=False, ensure_ascii=False).encode(errors="replace"))
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
        except BadEvent as error:
            if error.code != "stale":
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
    sent_at = source.sent_at(event)
    if sent_at is not None and datetime.now(UTC) - sent_at > REMEMBERED:
        raise BadEvent("stale", f"the event was sent more than {REMEMBERED.days} days ago")
    tenant_id = source.tenant_of(event)
    if tenant_id is None or not _TENANT.fullmatch(tenant_id):
        raise BadEvent("no_location", "the event names no location; it is kept for a person to look at")
    return tenant_id


def _path(names: Iterable[str]) -> str:
    return rf"/v1/webhooks/({'|'.join(map(re.escape, names))})"


ROUTES = [(_path(SIGNED), SignedWebhookHandler), (_path(KEYED), KeyedWebhookHandler)]
