"""The public keys of those who sign webhooks: looked at before the gateway starts, so that no fault goes unnoticed."""

from __future__ import annotations

from tasks.crm.webhook_signatures import unreadable_keys
from workers.base.errors import WebhookKeysUnusable
from workers.base.settings import Settings

_TOLD = "or start without signed webhooks (--without-webhooks, HEARTH_GATEWAY_WEBHOOKS=false)"


def check_keys(settings: Settings) -> None:
    """Return where the gateway can verify HighLevel's webhooks, or is told to take none.

    Raises:
        WebhookKeysUnusable: HEARTH_GHL_KEYS is empty, or holds what is no public key.

    """
    if not settings.gateway_webhooks:
        return
    keys = settings.highlevel_keys()
    if not keys:
        raise WebhookKeysUnusable(f"HEARTH_GHL_KEYS is empty, so every webhook would be refused: set it, {_TOLD}")
    if unreadable := unreadable_keys(keys):
        numbers = ", ".join(map(str, unreadable))
        problem = f"key {numbers} of HEARTH_GHL_KEYS is no public key in PEM (Ed25519, or RSA of 2048 bits and more)"
        raise WebhookKeysUnusable(f"{problem}: correct it, {_TOLD}")
