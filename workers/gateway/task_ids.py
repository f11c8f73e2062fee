"""Task ids that are bound to their tenant: `<32 hexadecimal digits>.<tag>`, so that no store is asked whose one is.

The tag is a keyed hash over tenant and digits, under the key ring's look-up key, which stays when keys are rotated.
"""

from __future__ import annotations

import hmac
import re
import secrets

from db.encryption import KeyRing

_DIGITS, _TAG = 32, 16
_FORM = re.compile(rf"[0-9a-f]{{{_DIGITS}}}\.[0-9a-f]{{{_TAG}}}")


class TaskIds:
    """Makes task ids of tenants and recognises them; the same key ring makes the same ids in every process."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def new(self, tenant_id: str) -> str:
        """Return a new id."""
        return self._tagged(tenant_id, secrets.token_hex(_DIGITS // 2))

    def for_key(self, tenant_id: str, task: str, key: str) -> str:
        """Return the id that stands for an idempotency key of a task: each call returns the same."""
        return self._derived(tenant_id, "gateway.key", task, key)

    def for_signature(self, tenant_id: str, signature: str) -> str:
        """Return the id that stands for a signed request: the same request, sent again, has the same id."""
        return self._derived(tenant_id, "gateway.signature", signature)

    def belongs(self, task_id: str, tenant_id: str) -> bool:
        """Return whether the id was made here, for this tenant."""
        if not _FORM.fullmatch(task_id):
            return False
        return hmac.compare_digest(self._tagged(tenant_id, task_id[:_DIGITS]), task_id)

    def _derived(self, tenant_id: str, *parts: str) -> str:
        # with lengths, so that no two lists of parts read the same
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return self._tagged(tenant_id, self._ring.lookup(tenant_id, text).hex()[:_DIGITS])

    def _tagged(self, tenant_id: str, digits: str) -> str:
        tag = self._ring.lookup(tenant_id, f"gateway.task_id:{digits}").hex()[:_TAG]
        return f"{digits}.{tag}"
