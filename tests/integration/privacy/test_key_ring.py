"""The key ring is the one that sealed the database, or nothing starts: gone, foreign, cut, rotated, a first start."""

import os
import subprocess
import sys

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, func, select

from db import session as sessions
from db.encryption import KeyRing
from db.errors import KeysForeign
from db.models import KeyMark, Lead
from db.records import LeadDraft, ModelDraft, QuarantineDraft
from db.repositories import tenants
from db.repositories.jobs import quarantine
from db.repositories.leads import leads
from db.repositories.models import models
from db.repositories.privacy import erasure
from migrations import commands
from tests.support.privacy import NOW
from workers.base import database as bound
from workers.base.errors import KeysUnreadable
from workers.base.settings import Settings

RESTORE = "put the key ring back that was saved"


@pytest.fixture
def chosen(database, tmp_path, test_keyring):
    """Settings of a home whose ring has sealed nothing yet."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "keys").write_text(test_keyring.dump())
    return Settings(home=home, database_url=SecretStr(database), keys=None)


def sealed_lead():
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={}, actor="t", now=NOW)
        draft = LeadDraft(external_id="x1", contact={"email": "a@example.com"})
        leads.upsert(session, "acme", drafts=[draft], policy="overwrite", now=NOW)


def sealed_model():
    facts = {"metrics": {}, "report": {}, "rows": 2, "trained_at": NOW, "feature_schema": "1"}
    draft = ModelDraft(kind="lead_score", scope="tenant", artifact=b"{}", fingerprint="f", **facts)
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={}, actor="t", now=NOW)
        models.add(session, "acme", draft=draft)


def sealed_message():
    draft = QuarantineDraft(task="t", queue="ingest", reason="unknown_task", headers={}, body=b"{}")
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        quarantine.hold(session, "*", draft=draft, now=NOW)


def sealed_secret():
    callback = {"kind": "webhook", "url": "https://example.com", "secret": "0123456789abcdef"}
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={"callback": callback}, actor="t", now=NOW)


def tombstone():
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={}, actor="t", now=NOW)
        subject = erasure.find(session, "acme", lead_id=None, identities=[("csv", "x1")])
        own = erasure.person_hashes(session, "acme", subject=subject)
        erasure.add_tombstones(session, "acme", erasure_id="e", hashes=own, now=NOW)


SEALED = {
    "leads": sealed_lead,
    "model_versions": sealed_model,
    "quarantine": sealed_message,
    "tenant_settings": sealed_secret,
    "tombstones": tombstone,
}


@pytest.fixture(params=SEALED)
def table(request, chosen):
    """Something of one kind that only the ring makes any use of."""
    bound.begin(chosen)
    SEALED[request.param]()
    return request.param


def marks():
    with sessions.reading(sessions.EVERY_TENANT) as session:
        return session.scalar(select(func.count()).select_from(KeyMark))


def forget_marks():
    """As in a database from before there were any."""
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(delete(KeyMark))


def refused(chosen, match=RESTORE):
    with pytest.raises(KeysUnreadable, match=match) as caught:
        bound.begin(chosen)
    # the test may look, whoever is refused
    sessions.configure(chosen.database_url.get_secret_value(), KeyRing.generate())
    return str(caught.value)


def test_a_ring_that_is_gone_is_not_made_anew(chosen, table):
    (chosen.home / "keys").unlink()
    told = refused(chosen)
    assert str(chosen.home / "keys") in told
    assert f"{table} of the database" in told
    assert not (chosen.home / "keys").exists()


def test_a_foreign_ring_is_refused_and_told_by_its_place(chosen, table):
    theirs = KeyRing.generate().dump()
    (chosen.home / "keys").write_text(theirs)
    told = refused(chosen)
    assert str(chosen.home / "keys") in told
    assert not any(part in told for part in theirs.split(".")[1:]), "no key material"
    assert "HEARTH_KEYS does not hold" in refused(chosen.model_copy(update={"keys": SecretStr(theirs)}))
    assert marks() == 1, "the foreign ring was not noted"


@pytest.mark.parametrize("table", ["leads", "model_versions", "quarantine", "tenant_settings"], indirect=True)
def test_a_database_without_marks_is_looked_through(chosen, table, test_keyring):
    forget_marks()
    (chosen.home / "keys").write_text(KeyRing.generate().dump())
    assert f"{table} of the database" in refused(chosen)
    (chosen.home / "keys").write_text(test_keyring.dump())
    bound.begin(chosen)
    assert marks() == 1


@pytest.mark.parametrize("table", ["leads"], indirect=True)
def test_the_right_id_beside_a_wrong_key_is_no_key(chosen, table, test_keyring):
    name, lookup, key = test_keyring.dump().split(".")
    stranger = KeyRing.generate().dump().split(".")
    wrong_key = ".".join((name, lookup, f"{key.partition(':')[0]}:{stranger[2].partition(':')[2]}"))
    wrong_lookup = ".".join((name, stranger[1], key))
    for ring in (wrong_key, wrong_lookup):
        (chosen.home / "keys").write_text(ring)
        assert "key_marks of the database" in refused(chosen)
    forget_marks()
    (chosen.home / "keys").write_text(wrong_key)
    assert "leads of the database" in refused(chosen)
    (chosen.home / "keys").write_text(test_keyring.dump())
    bound.begin(chosen)


@pytest.mark.parametrize("table", ["leads"], indirect=True)
@pytest.mark.parametrize("text", ["", "hearth1", "hearth1.AAAA", "\x00\xff"])
def test_a_ring_that_is_cut_or_empty_is_refused(chosen, table, text):
    (chosen.home / "keys").write_text(text)
    refused(chosen, "holds no key ring: put the saved one back")
    assert (chosen.home / "keys").read_text() == text


@pytest.mark.parametrize("table", ["leads"], indirect=True)
def test_a_rotated_ring_is_right_until_it_loses_the_older_key(chosen, table, test_keyring):
    rotated = test_keyring.rotated()
    (chosen.home / "keys").write_text(rotated.dump())
    bound.begin(chosen)
    assert marks() == 2
    name, lookup, newer, _older = rotated.dump().split(".")
    (chosen.home / "keys").write_text(f"{name}.{lookup}.{newer}")
    assert "leads of the database" in refused(chosen)
    (chosen.home / "keys").write_text(rotated.dump())
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(delete(Lead))
    (chosen.home / "keys").write_text(f"{name}.{lookup}.{newer}")
    bound.begin(chosen)


def test_a_ring_may_be_made_while_nothing_needs_one(chosen):
    bound.begin(chosen)
    assert marks() == 1
    (chosen.home / "keys").unlink()
    bound.begin(chosen)
    assert KeyRing.parse((chosen.home / "keys").read_text())
    assert marks() == 2


def test_a_first_start_comes_before_the_first_table(blank_database, tmp_path):
    chosen = Settings(home=tmp_path / "new", database_url=SecretStr(blank_database), keys=None)
    bound.begin(chosen)
    assert (tmp_path / "new" / "keys").exists()
    assert not (tmp_path / "blank.db").exists(), "to look makes no file"
    commands.upgrade(blank_database)
    bound.begin(chosen)
    assert marks() == 1
    sessions.dispose()


def test_a_database_from_before_the_marks_is_refused_to_a_foreign_ring_before_it_is_migrated(
    blank_database, tmp_path, test_keyring
):
    commands.upgrade(blank_database, "20261202_consent")
    sessions.configure(blank_database, test_keyring)
    sealed_message()
    chosen = Settings(home=tmp_path / "new", database_url=SecretStr(blank_database), keys=None)
    assert "quarantine of the database" in refused(chosen)
    chosen.home.mkdir()
    (chosen.home / "keys").write_text(KeyRing.generate().dump())
    assert "quarantine of the database" in refused(chosen)
    (chosen.home / "keys").write_text(test_keyring.dump())
    bound.begin(chosen)
    sessions.dispose()


def test_a_database_that_is_away_at_the_start_is_asked_by_the_first_session(chosen, database):
    away = {"database_url": SecretStr("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=1")}
    bound.begin(chosen.model_copy(update=away))
    (chosen.home / "keys").unlink()
    refused(chosen.model_copy(update=away), "does not say whether it is needed")
    sealed_later = KeyRing.generate()
    (chosen.home / "keys").write_text(sealed_later.dump())
    bound.begin(chosen)
    sealed_lead()
    (chosen.home / "keys").write_text(KeyRing.generate().dump())
    bound.bind(chosen)
    for _ in range(2):
        with pytest.raises(KeysForeign, match=RESTORE), sessions.transaction(sessions.EVERY_TENANT):
            pass


@pytest.mark.parametrize(
    "program", [["workers.delivery.relay"], ["celery", "-A", "workers.bootstrap", "worker", "-P", "solo"]]
)
def test_a_process_ends_with_one_line_and_no_trace(chosen, sqlite_database, program):
    sealed_lead()
    theirs = KeyRing.generate().dump()
    given = {**os.environ, "DATABASE_URL": sqlite_database, "HEARTH_KEYS": theirs, "HEARTH_HOME": str(chosen.home)}
    command = [sys.executable, "-m", *program]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"HEARTH_KEYS does not hold: {RESTORE}" in done.stderr
    assert "Traceback" not in done.stderr
