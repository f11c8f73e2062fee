"""What a request says of its key, before anything is looked up."""

import asyncio
from datetime import UTC, datetime

import pytest

from db.encryption import KeyRing
from workers.gateway.access.api_keys import Authenticator, Caller
from workers.gateway.access.signatures import sign
from workers.gateway.errors import Forbidden, Unauthorized

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY_ID, DIGITS = "0123456789abcdef01234567", "f" * 64
BEARER = ("Authorization", f"Bearer hk_{KEY_ID}_{DIGITS}")
KEY = ("X-Hearth-Key", KEY_ID)
SIGNATURE = ("X-Hearth-Signature", sign("hs_x", method="POST", target="/", body=b"", at=int(NOW.timestamp())))


def code_of(*headers):
    """Ask with headers; no database is bound, so nothing may be looked up."""
    authenticator = Authenticator(KeyRing.generate())
    with pytest.raises(Unauthorized) as raised:
        asyncio.run(authenticator.authenticate("POST", "/", headers, b"", NOW))
    assert raised.value.status == 401
    assert DIGITS not in str(raised.value)
    return raised.value.code


def test_without_a_key_nobody_comes_in():
    assert code_of() == "credentials_missing"
    assert code_of(("Content-Type", "application/json"), ("Cookie", "a=b")) == "credentials_missing"


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", value)]
        for value in (
            "",
            "Bearer",
            f"hk_{KEY_ID}_{DIGITS}",
            f"Basic hk_{KEY_ID}_{DIGITS}",
            f"Bearer  hk_{KEY_ID}_{DIGITS}",
            f"Bearer hk_{KEY_ID}_{DIGITS} ",
            f"Bearer hk_{KEY_ID}_{DIGITS}\n",
            f"Bearer hk_{KEY_ID}_{DIGITS}0",
            f"Bearer hk_{KEY_ID}_{DIGITS[:-1]}",
            f"Bearer hk_{KEY_ID}{DIGITS}",
            f"Bearer hk_{KEY_ID.upper()}_{DIGITS}",
            f"Bearer hk_{KEY_ID}_{DIGITS},Bearer hk_{KEY_ID}_{DIGITS}",
            f"Bearer {DIGITS}",
            f"Bearer {KEY_ID}",
        )
    ]
    + [
        [BEARER, BEARER],
        [BEARER, ("authorization", "Bearer other")],
        [BEARER, KEY],
        [BEARER, SIGNATURE],
        [BEARER, KEY, SIGNATURE],
        [KEY],
        [SIGNATURE],
        [KEY, KEY, SIGNATURE],
        [KEY, SIGNATURE, SIGNATURE],
        [KEY, ("X-HEARTH-KEY", KEY_ID), SIGNATURE],
        [("X-Hearth-Key", KEY_ID + "0"), SIGNATURE],
        [("X-Hearth-Key", "*"), SIGNATURE],
        [KEY, ("X-Hearth-Signature", "")],
        [KEY, ("X-Hearth-Signature", SIGNATURE[1].upper())],
    ],
    ids=repr,
)
def test_what_is_not_of_our_form_is_refused(headers):
    assert code_of(*headers) == "credentials_malformed"


def test_a_key_that_this_installation_never_made_is_refused_without_asking_the_database():
    assert code_of(BEARER) == "credentials_refused"
    assert code_of(KEY, SIGNATURE) == "credentials_refused"
    assert code_of(("AUTHORIZATION", BEARER[1].replace("Bearer", "bearer"))) == "credentials_refused"


def test_a_signature_of_another_time_is_refused_whosever_it_is():
    old = sign("hs_x", method="POST", target="/", body=b"", at=int(NOW.timestamp()) - 301)
    assert code_of(KEY, ("X-Hearth-Signature", old)) == "signature_stale"


def test_a_scope_that_the_key_lacks_is_forbidden():
    caller = Caller(key_id=KEY_ID, tenant_id="T1", scopes=frozenset({"read"}), rate=1.0)
    caller.require("read")
    with pytest.raises(Forbidden) as raised:
        caller.require("privacy")
    assert (raised.value.status, raised.value.code) == (403, "scope_missing")
