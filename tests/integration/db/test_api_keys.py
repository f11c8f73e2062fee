"""Keys of the gateway in the database: made, found, replaced, ended, and never with a secret that can be read."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from db import session as sessions
from db.encryption import KeyRing
from db.errors import ApiKeyEnded, SealBroken, UnknownApiKey, UnknownTenant
from db.models import ApiKey, TenantSettings
from db.records import ApiKeyDraft
from db.repositories import api_keys
from db.repositories.privacy import key_marks
from tests.support.rows import NOW

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
DRAFT = ApiKeyDraft(name="web", kind="bearer", scopes=("read", "write"), rate=20.5, created_by="ada")
SIGNING = replace(DRAFT, kind="signing", scopes=("settings",))


@pytest.fixture
def make(write):
    def call(draft=DRAFT, **given):
        return write(api_keys.create, **{"draft": draft, "now": NOW, **given})

    return call


@pytest.fixture
def found(write_all):
    return lambda key_id: write_all(api_keys.find, key_id=key_id)


def stored_secrets():
    with sessions.reading(sessions.EVERY_TENANT) as session:
        return session.execute(select(ApiKey.secret_hash, ApiKey.sealed_secret)).all()


def test_a_key_is_found_by_its_id_alone_with_what_proves_it(make, found):
    bearer, signing = make(), make(SIGNING, tenant_id="T2")
    assert found(bearer.record.key_id).record == bearer.record
    assert found(bearer.record.key_id).secret_hash == api_keys.secret_hash(bearer.secret)
    assert found(bearer.record.key_id).secret is None
    assert (found(signing.record.key_id).record.tenant_id, found(signing.record.key_id).secret) == (
        "T2",
        signing.secret,
    )
    assert found("0" * 24) is None


def test_secrets_are_long_random_and_marked(make):
    first, second, signing = make(), make(), make(SIGNING)
    assert first.secret.startswith(f"hk_{first.record.key_id}_")
    assert signing.secret.startswith("hs_")
    assert len({issued.secret[-64:] for issued in (first, second, signing)}) == 3
    assert all(len(bytes.fromhex(issued.secret[-64:])) == 32 for issued in (first, second, signing))


def test_no_secret_is_stored_or_shown(make, found):
    issued = [make(), make(SIGNING)]
    stored = [value for row in stored_secrets() for value in row]
    assert [value is None for value in stored].count(True) == 2
    for one in issued:
        digits = one.secret[-64:]
        assert all(digits.encode() not in value and bytes.fromhex(digits) not in value for value in stored if value)
        assert digits not in repr(one)
        assert digits not in repr(found(one.record.key_id))


def test_an_id_that_was_made_up_is_known_without_a_query(make, test_keyring):
    key_id = make().record.key_id
    assert api_keys.is_issued(test_keyring, key_id)
    assert not api_keys.is_issued(test_keyring, "0" * 24)
    assert not api_keys.is_issued(test_keyring, key_id[:-1] + ("0" if key_id[-1] != "0" else "1"))
    assert not api_keys.is_issued(KeyRing.generate(), key_id)
    assert api_keys.is_issued(test_keyring.rotated(), key_id), "rotating the ring ends no key"


def test_an_unknown_tenant_gets_no_key(make):
    with pytest.raises(UnknownTenant):
        make(tenant_id="T9")


def test_a_tenant_sees_its_own_keys_only(make, write):
    mine, other = make(), make(tenant_id="T2")
    assert write(api_keys.of_tenant) == [mine.record]
    for call in (api_keys.rotate, api_keys.revoke):
        more = {"grace": DAY, "created_by": "x"} if call is api_keys.rotate else {}
        with pytest.raises(UnknownApiKey):
            write(call, key_id=other.record.key_id, now=NOW, **more)


def test_a_tenant_that_is_being_deleted_has_no_keys(make, found):
    key_id = make().record.key_id
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.query(TenantSettings).filter_by(tenant_id="T1").delete()
    assert found(key_id) is None


def test_a_replaced_key_is_good_until_its_grace_ends(make, write, found):
    old = make(replace(DRAFT, expires_at=NOW + 30 * DAY)).record
    later = NOW + 10 * DAY
    new = write(api_keys.rotate, key_id=old.key_id, grace=DAY, created_by="bo", now=later)
    old_now = found(old.key_id).record
    assert (old_now.replaced_by, old_now.grace_ends_at) == (new.record.key_id, later + DAY)
    ages = [api_keys.state_of(old_now, later + after) for after in (timedelta(), DAY - MINUTE, DAY)]
    assert ages == ["active", "active", "replaced"]
    same = ("name", "kind", "scopes", "rate")
    assert [getattr(new.record, name) for name in same] == [getattr(old, name) for name in same]
    assert (new.record.created_by, new.record.expires_at) == ("bo", later + 30 * DAY)
    assert found(new.record.key_id).secret_hash == api_keys.secret_hash(new.secret)


def test_a_key_is_rotated_once_and_only_while_it_is_good(make, write):
    rotated, revoked, expired = make(), make(), make(replace(DRAFT, expires_at=NOW + HOUR))
    write(api_keys.rotate, key_id=rotated.record.key_id, grace=DAY, created_by="bo", now=NOW)
    write(api_keys.revoke, key_id=revoked.record.key_id, now=NOW)
    for one in (rotated, revoked, expired):
        with pytest.raises(ApiKeyEnded):
            write(api_keys.rotate, key_id=one.record.key_id, grace=DAY, created_by="bo", now=NOW + HOUR)


def test_two_who_rotate_at_once_make_one_key(make, write):
    key_id = make().record.key_id
    rotation = {"key_id": key_id, "grace": DAY, "created_by": "bo", "now": NOW}
    with ThreadPoolExecutor(1) as pool:
        with sessions.transaction("T1") as session:
            api_keys.rotate(session, "T1", **rotation)
            second = pool.submit(write, api_keys.rotate, **rotation)
            wait([second], timeout=0.5)
            assert not second.done(), "it waits for the first to commit"
        with pytest.raises(ApiKeyEnded):
            second.result(timeout=60)
    assert len(write(api_keys.of_tenant)) == 2


def test_a_key_ends_once(make, write, found):
    key_id = make().record.key_id
    assert write(api_keys.revoke, key_id=key_id, now=NOW).revoked_at == NOW
    assert write(api_keys.revoke, key_id=key_id, now=NOW + HOUR) is None
    assert found(key_id).record.revoked_at == NOW
    assert api_keys.state_of(found(key_id).record, NOW) == "revoked"


def test_a_key_ends_by_itself_at_the_stated_moment(make):
    record = make(replace(DRAFT, expires_at=NOW + HOUR)).record
    assert [api_keys.state_of(record, NOW + after) for after in (HOUR - MINUTE, HOUR)] == ["active", "expired"]


def test_a_use_is_written_at_most_once_a_minute(make, write, found):
    key_id = make().record.key_id
    seen = []
    for seconds in (0, 30, 59, 60, 90):
        write(api_keys.note_use, key_id=key_id, now=NOW + timedelta(seconds=seconds))
        seen.append((found(key_id).record.last_used_at - NOW).total_seconds())
    assert seen == [0, 0, 0, 60, 60]


def test_a_sealed_secret_of_another_key_does_not_open(make, found):
    one, other = make(SIGNING).record, make(SIGNING).record
    sealed = select(ApiKey.sealed_secret).where(ApiKey.key_id == other.key_id)
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(update(ApiKey).where(ApiKey.key_id == one.key_id).values(sealed_secret=session.scalar(sealed)))
    with pytest.raises(SealBroken):
        found(one.key_id)


def test_signing_keys_need_the_ring_that_sealed_them(make, write_all):
    make()
    assert write_all(key_marks.table_needing_ring) is None
    make(SIGNING)
    assert write_all(key_marks.table_needing_ring) == "api_keys"
