"""The texts by which a contact is looked up inside a tenant; `db.encryption` hashes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

_NANP_DIGITS = 11


def email_key(contact: Mapping[str, str]) -> str | None:
    """Return the look-up text of an e-mail address, or None without one."""
    email = contact.get("email", "").strip().casefold()
    return f"email:{email}" if email else None


def phone_key(contact: Mapping[str, str]) -> str | None:
    """Return the look-up text of phone and last name together, or None when either lacks: phones are shared."""
    digits = "".join(letter for letter in contact.get("phone", "") if letter.isdecimal())
    if len(digits) == _NANP_DIGITS and digits.startswith("1"):
        digits = digits[1:]
    name = _last_name(contact)
    return f"phone:{digits}:{name}" if digits and name else None


def _last_name(contact: Mapping[str, str]) -> str:
    words = contact.get("last_name", "").split() or contact.get("full_name", "").split()[-1:]
    return unicodedata.normalize("NFKC", " ".join(words)).casefold()
