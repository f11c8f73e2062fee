"""Who may come in, with real keys in real databases: which keys are good, how soon they end, what a guess costs."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import event, select

from db import session as sessions
from db.errors import DatabaseUnavailable
from db.models import ApiKey
from db.records import ApiKeyDraft
from db.repositories import api_keys, tenants
from tests.support.rows import NOW
from workers.gateway.access.api_keys import FRESH, Authenticator
from workers.gateway.access.signatures import sign
from workers.gateway.errors import Unauthorized

HOUR = timedelta(hours=1)
DRAFT = ApiKeyDraft(name="web", kind="bearer", scopes=("read", "write"), rate=20, created_by="ada")
TARGET, BODY = "/v1/tasks/hearth.leads.upsert?wait=5", b'{"leads": []}'


@pytest.fixture
def keys(database):
    """A bearer and a signing key of T1, and a bearer key of T2."""
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        for tenant_id in ("T1", "T2"):
            tenants.configure(session, tenant_id, settings={}, actor="test", now=NOW)
        signing = replace(DRAFT, kind="signing", scopes=("privacy",))
        made = [("T1", DRAFT), ("T1", signing), ("T2", DRAFT)]
        return [api_keys.create(session, tenant_id, draft=draft, now=NOW) for tenant_id, draft in made]


class Door:
    """An authenticator with a clock that tests move, on one event loop."""

    def __init__(self, ring):
        self.seconds = 0.0
        self.runner = asyncio.Runner()
        self.authenticator = Authenticator(ring, clock=lambda: self.seconds)

    def ask(self, headers, *, at=NOW, method="POST", target=TARGET, body=BODY):
        return self.runner.run(self.authenticator.authenticate(method, target, headers, body, at))

    def refuses(self, headers, **given):
        with pytest.raises(Unauthorized) as raised:
            self.ask(headers, **given)
        return raised.value.code, str(raised.value)

    def close(self):
        self.runner.run(self.authenticator.close())


@pytest.fixture
def door(test_keyring):
    door = Door(test_keyring)
    yield door
    door.close()
    door.runner.close()


@pytest.fixture
def queries(database):
    """The statements over keys that the database is asked."""
    asked = []

    def note(_connection, _cursor, statement, *_):
        if "api_keys" in statement:
            asked.append(statement)

    engine = sessions._engine()
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def kinds(queries):
    return sorted(query.split()[0] for query in queries)


def bearer(issued):
    return [("Host", "hearth.example"), ("Authorization", f"Bearer {issued.secret}")]


def signed(issued, *, at=NOW, secret=None, method="POST", target=TARGET, body=BODY):
    proof = sign(secret or issued.secret, method=method, target=target, body=body, at=int(at.timestamp()))
    return [("X-Hearth-Key", issued.record.key_id), ("X-Hearth-Signature", proof)]


def change(call, issued, **given):
    tenant_id = issued.record.tenant_id
    with sessions.transaction(tenant_id) as session:
        return call(session, tenant_id, key_id=issued.record.key_id, now=NOW, **given)


def test_a_good_key_names_its_tenant_and_what_it_may(keys, door):
    first, signing, other = keys
    caller = door.ask(bearer(first))
    assert (caller.tenant_id, caller.key_id, caller.rate) == ("T1", first.record.key_id, 20)
    assert (caller.scopes, caller.signature) == ({"read", "write"}, None)
    assert door.ask(bearer(other)).tenant_id == "T2"
    headers = signed(signing)
    caller = door.ask(headers)
    assert (caller.tenant_id, caller.scopes) == ("T1", {"privacy"})
    assert headers[1][1].endswith(f"v1={caller.signature}")


def test_every_key_that_is_not_good_is_refused_in_the_same_words(keys, door):
    first, signing, other = keys
    digits = other.secret[-64:]
    never = door.refuses([("Authorization", f"Bearer hk_{'0' * 24}_{digits}")])
    assert never[0] == "credentials_refused"
    refused = [
        bearer(replace(first, secret=first.secret[:-64] + digits)),
        bearer(replace(other, secret=f"hk_{signing.record.key_id}_{signing.secret[-64:]}")),
        signed(first),
        signed(first, secret="hs_" + first.secret[-64:]),
        signed(signing, secret="hs_" + digits),
        signed(signing, secret=signing.secret[-64:]),
        signed(signing, target=TARGET + "0"),
        signed(signing, body=BODY + b" "),
        signed(signing, method="GET"),
    ]
    assert [door.refuses(headers) for headers in refused] == [never] * len(refused)
    change(api_keys.revoke, first)
    change(api_keys.revoke, signing)
    door.seconds += FRESH
    assert [door.refuses(headers) for headers in (bearer(first), signed(signing))] == [never] * 2
    assert door.ask(bearer(other)).tenant_id == "T2"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_another_time_is_refused(keys, door, seconds):
    headers = signed(keys[1], at=NOW + timedelta(seconds=seconds))
    assert door.refuses(headers)[0] == "signature_stale"
    assert door.ask(headers, at=NOW + timedelta(seconds=seconds)).tenant_id == "T1"


def test_a_key_that_expires_ends_at_that_moment_though_it_is_remembered(database, keys, door):
    with sessions.transaction("T1") as session:
        short = api_keys.create(session, "T1", draft=replace(DRAFT, expires_at=NOW + HOUR), now=NOW)
    assert door.ask(bearer(short), at=NOW + HOUR - timedelta(seconds=1))
    assert door.refuses(bearer(short), at=NOW + HOUR)[0] == "credentials_refused"


def test_a_revoked_key_ends_within_the_stated_seconds(keys, door):
    headers = bearer(keys[0])
    door.ask(headers)
    change(api_keys.revoke, keys[0])
    door.seconds = FRESH - 0.01
    assert door.ask(headers).tenant_id == "T1"
    door.seconds = FRESH
    assert door.refuses(headers)[0] == "credentials_refused"


def test_the_seconds_count_from_before_the_look_up(keys, door):
    engine = sessions._engine()

    def slow(*_):
        door.seconds += 3

    event.listen(engine, "before_cursor_execute", slow)
    door.ask(bearer(keys[0]))
    door.close()
    event.remove(engine, "before_cursor_execute", slow)
    change(api_keys.revoke, keys[0])
    door.seconds = FRESH
    assert door.refuses(bearer(keys[0]))[0] == "credentials_refused"


@pytest.mark.parametrize("kind", [0, 1], ids=["bearer", "signing"])
def test_both_keys_are_good_while_one_replaces_the_other(keys, door, kind):
    proof, old = (bearer, signed)[kind], keys[kind]
    new = change(api_keys.rotate, old, grace=24 * HOUR, created_by="bo")
    before, end = NOW + 24 * HOUR - timedelta(seconds=1), NOW + 24 * HOUR
    of = lambda issued, at: {"headers": proof(issued) if kind == 0 else signed(issued, at=at), "at": at}  # noqa: E731
    assert door.ask(**of(old, before)).key_id == old.record.key_id
    assert door.ask(**of(new, before)).key_id == new.record.key_id
    assert door.refuses(**of(old, end))[0] == "credentials_refused"
    assert door.ask(**of(new, end)).key_id == new.record.key_id


def test_a_busy_key_costs_one_query_in_five_seconds(keys, door, queries):
    for _ in range(20):
        door.ask(bearer(keys[0]))
        door.seconds += 0.2
    door.close()
    assert kinds(queries) == ["SELECT", "UPDATE"]
    door.seconds = FRESH
    door.ask(bearer(keys[0]))
    door.close()
    assert kinds(queries) == ["SELECT", "SELECT", "UPDATE"], "its use was written down before"


def test_requests_together_share_one_query_and_who_hangs_up_takes_nobody_along(keys, door, queries):
    def ask():
        return door.authenticator.authenticate("POST", TARGET, bearer(keys[0]), BODY, NOW)

    async def together():
        gone, *rest = [asyncio.ensure_future(ask()) for _ in range(10)]
        await asyncio.sleep(0)
        gone.cancel()
        return await asyncio.gather(gone, *rest, return_exceptions=True)

    first, *rest = door.runner.run(together())
    assert isinstance(first, asyncio.CancelledError)
    assert {caller.tenant_id for caller in rest} == {"T1"}
    door.close()
    assert kinds(queries) == ["SELECT", "UPDATE"]


def test_guesses_cost_no_query_each(keys, door, queries, test_keyring):
    for number in range(50):
        guess = f"{number:024x}"
        assert not api_keys.is_issued(test_keyring, guess)
        assert door.refuses([("Authorization", f"Bearer hk_{guess}_{'0' * 64}")])[0] == "credentials_refused"
    assert queries == []
    with sessions.transaction("T1") as session:
        session.query(ApiKey).filter_by(key_id=keys[0].record.key_id).delete()
    for number in range(50):
        door.refuses([("Authorization", f"Bearer hk_{keys[0].record.key_id}_{number:064x}")])
    door.close()
    assert kinds(queries) == ["DELETE", "SELECT"], "that there is none is remembered"


def test_without_the_database_nobody_is_judged_and_it_is_asked_again(database, keys, door, test_keyring):
    door.ask(bearer(keys[0]))
    door.close()
    sessions.configure("postgresql://nobody@127.0.0.1:1/none", test_keyring)
    with pytest.raises(DatabaseUnavailable):
        door.ask(bearer(keys[2]))
    assert door.ask(bearer(keys[0]), at=NOW + HOUR).tenant_id == "T1", "it is remembered"
    door.close()  # that its use was not written down is no failure
    door.seconds = FRESH
    with pytest.raises(DatabaseUnavailable):
        door.ask(bearer(keys[0]))
    sessions.configure(database, test_keyring)
    assert [door.ask(bearer(keys[number])).tenant_id for number in (0, 2)] == ["T1", "T2"]


def last_used(issued):
    with sessions.reading(sessions.EVERY_TENANT) as session:
        return session.scalar(select(ApiKey.last_used_at).where(ApiKey.key_id == issued.record.key_id))


def test_the_use_of_a_key_is_written_down_once_a_minute_and_only_when_it_was_proved(keys, door):
    seen = []
    for seconds in (0, 30, 59, 60):
        door.ask(bearer(keys[0]), at=NOW + timedelta(seconds=seconds))
        door.close()
        seen.append((last_used(keys[0]) - NOW).total_seconds())
    assert seen == [0, 0, 0, 60]
    door.refuses(bearer(replace(keys[2], secret=keys[2].secret[:-64] + "0" * 64)))
    door.close()
    assert last_used(keys[2]) is None


def test_no_secret_is_in_an_error_a_repr_or_a_log_line(keys, door):
    with structlog.testing.capture_logs() as lines:
        texts = [repr(door.ask(bearer(keys[0]))), repr(door.ask(signed(keys[1])))]
        texts += door.refuses([("Authorization", f"Basic {keys[0].secret}")])
        texts += door.refuses(bearer(replace(keys[0], secret=keys[0].secret[:-1] + "x")))
        change(api_keys.revoke, keys[0])
        door.seconds = FRESH
        texts += door.refuses(bearer(keys[0]))
    told = repr((texts, lines, door.authenticator._known))
    assert all(issued.secret[-64:-1] not in told for issued in keys)
