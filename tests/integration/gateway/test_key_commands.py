"""`hearth tenant key`: the secret is told once, the audit chain has each change, and nothing else has the secret."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from db.models import AuditEntry
from db.repositories import api_keys, audit, tenants
from db.session import EVERY_TENANT, reading, transaction
from workers.base.settings import settings
from workers.cli import main

NOW = datetime.now(UTC)
ACME = ("--tenant", "acme")


@pytest.fixture
def run(database, test_keyring, tmp_path, monkeypatch):
    """Runs a command on this test's database; gives what click does."""
    for name, value in {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_HOME": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    settings.cache_clear()
    with transaction(EVERY_TENANT) as session:
        for tenant_id in ("acme", "brook"):
            tenants.configure(session, tenant_id, settings={}, actor="test", now=NOW)
    yield lambda *args: CliRunner().invoke(main, ["tenant", "key", *args], prog_name="hearth")
    settings.cache_clear()


@pytest.fixture
def told(run):
    """Runs a command that works; gives its JSON."""

    def call(*args):
        done = run(*args, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return call


def listed(told, tenant="acme"):
    return {key["key_id"]: key for key in told("list", "--tenant", tenant)["keys"]}


def found(key_id):
    with reading(EVERY_TENANT) as session:
        return api_keys.find(session, key_id=key_id)


def chain():
    with reading("acme") as session:
        assert audit.verify(session, "acme").ok
        return [json.loads(body) for body in session.scalars(select(AuditEntry.body).order_by(AuditEntry.sequence))]


def test_a_bearer_key_is_made_with_what_was_asked_for(told):
    made = told("create", *ACME, "--name", "web", "--by", "ada")
    assert (made["tenant_id"], made["kind"], made["state"]) == ("acme", "bearer", "active")
    assert (made["scopes"], made["rate"], made["expires_at"]) == (["read", "write"], 500, None)
    assert made["key"].startswith(f"hk_{made['key_id']}_")
    assert found(made["key_id"]).secret_hash == api_keys.secret_hash(made["key"])
    chosen = ("--scope", "privacy", "--scope", "read", "--rate", "2.5", "--expires", "90d")
    second = told("create", *ACME, "--name", "desk", *chosen)
    assert (second["scopes"], second["rate"]) == (["read", "privacy"], 2.5)
    life = datetime.fromisoformat(second["expires_at"]) - datetime.fromisoformat(second["created_at"])
    assert life == timedelta(days=90)


def test_a_signing_key_tells_its_secret(told):
    made = told("create", *ACME, "--name", "nightly", "--signing")
    assert "key" not in made
    assert made["secret"].startswith("hs_")
    assert found(made["key_id"]).secret == made["secret"]


def test_people_are_told_the_secret_and_that_it_is_the_only_time(run):
    done = run("create", *ACME, "--name", "web")
    assert "hk_" in done.stdout
    assert "not shown again" in done.stderr
    done = run("create", *ACME, "--name", "web", "--signing")
    assert "hs_" in done.stdout


def test_a_list_has_every_key_of_the_tenant_and_no_secret(run, told):
    made = [told("create", *ACME, "--name", f"n{kind}", *kind) for kind in ((), ("--signing",))]
    other = told("create", "--tenant", "brook", "--name", "theirs")
    assert sorted(listed(told)) == sorted(key["key_id"] for key in made)
    assert list(listed(told, "brook")) == [other["key_id"]]
    assert all(not {"key", "secret"} & set(key) for key in listed(told).values())
    shown = run("list", *ACME).stdout
    assert all(key["key_id"] in shown for key in made)
    assert "hk_" not in shown
    assert "hs_" not in shown


def test_a_rotated_key_is_replaced_after_a_day_unless_another_time_is_given(told, run):
    first = told("create", *ACME, "--name", "web", "--scope", "read")
    second = told("rotate", first["key_id"], "--by", "bo")
    assert (second["replaces"], second["scopes"], second["name"]) == (first["key_id"], ["read"], "web")
    old = listed(told)[first["key_id"]]
    assert (old["state"], old["replaced_by"], old["grace_ends_at"]) == (
        "active",
        second["key_id"],
        second["grace_ends_at"],
    )
    grace = datetime.fromisoformat(second["grace_ends_at"]) - datetime.fromisoformat(second["created_at"])
    assert grace == timedelta(hours=24)
    third = told("rotate", second["key_id"], "--grace", "0h")
    assert [listed(told)[key["key_id"]]["state"] for key in (first, second, third)] == ["active", "replaced", "active"]
    again = run("rotate", first["key_id"])
    assert (again.exit_code, "create a new one" in again.stderr) == (1, True)


def test_a_revoked_key_has_ended(told):
    made = told("create", *ACME, "--name", "web")
    assert told("revoke", made["key_id"])["changed"] is True
    assert told("revoke", made["key_id"])["changed"] is False
    assert listed(told)[made["key_id"]]["state"] == "revoked"


def test_each_change_stands_in_the_audit_chain_and_no_secret_anywhere(told, database, tmp_path):
    first = told("create", *ACME, "--name", "web", "--by", "ada")
    signing = told("create", *ACME, "--name", "nightly", "--signing", "--by", "ada")
    second = told("rotate", first["key_id"], "--by", "bo")
    told("revoke", first["key_id"], "--by", "cy")
    told("revoke", first["key_id"], "--by", "cy")
    rows = chain()
    assert [(row["change"], row["key_id"], row["actor"]) for row in rows] == [
        ("created", first["key_id"], "ada"),
        ("created", signing["key_id"], "ada"),
        ("rotated", second["key_id"], "bo"),
        ("revoked", first["key_id"], "cy"),
    ]
    assert rows[2]["replaces"] == first["key_id"]
    kept = json.dumps(rows).encode()
    for path in Path(tmp_path).rglob("*"):
        kept += path.read_bytes() if path.is_file() else b""
    assert all(secret[-64:].encode() not in kept for secret in (first["key"], second["key"], signing["secret"]))


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("create", "--tenant", "nobody", "--name", "web"), 1, "unknown tenant"),
        (("list", "--tenant", "nobody"), 1, "unknown tenant"),
        (("rotate", "0" * 24), 1, "no such key"),
        (("revoke", "0" * 24), 1, "no such key"),
        (("create", *ACME, "--name", ""), 2, "1 to 100 characters"),
        (("create", *ACME, "--name", "x" * 101), 2, "1 to 100 characters"),
        (("create", *ACME, "--name", "web", "--expires", "90"), 2, "whole number and its unit"),
        (("create", *ACME, "--name", "web", "--expires", "0d"), 2, "longer than that"),
        (("create", *ACME, "--name", "web", "--rate", "0"), 2, "0.1"),
        (("create", *ACME, "--name", "web", "--rate", "nan"), 2, "--rate"),
        (("create", *ACME, "--name", "web", "--scope", "everything"), 2, "--scope"),
        (("rotate", "0" * 24, "--grace", "-1h"), 2, "whole number and its unit"),
        (("rotate", "0" * 24, "--grace", "3661d"), 2, "ten years"),
    ],
    ids=str,
)
def test_what_cannot_be_is_explained_in_a_line(run, args, code, words):
    done = run(*args)
    assert (done.exit_code, words in done.stderr) == (code, True), done.stderr
    assert done.stdout == ""
