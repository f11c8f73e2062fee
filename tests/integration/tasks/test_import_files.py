"""Which files a message may have read: none but those of the import folders and what the command line hands over."""

from __future__ import annotations

import gc
import os
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from db.repositories.backfills import backfills
from db.session import EVERY_TENANT, reading
from tasks.backfill.start import start
from tasks.errors import InvalidPayload
from tasks.intake.csv import source
from tasks.intake.errors import FileRejected
from tasks.runtime.files import file_grants, workspace
from tasks.services.privacy import workspace_files
from tasks.tenants import configure
from tests.support.broker import running
from workers.app import app
from workers.cluster.embedded import join

pytestmark = pytest.mark.usefixtures("sqlite_database")

NOW = datetime.now(UTC)
ROWS = "external_id,first_name,email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END PRIVATE KEY-----\n"
SEEN = source.Source(encoding="utf-8", delimiter=",", header=("external_id", "first_name", "email"))
HINT = "the workers may not read this; import it with `hearth backfill`, or set HEARTH_IMPORT_DIRS for them"


@pytest.fixture
def home(tmp_path):
    """A home as `hearth up` leaves it, with no folder to import from."""
    home = tmp_path / "home"
    workspace.bind(home)
    for name, text in {"keys": PEM, "hearth.db": ROWS, "broker/broker.conf": "requirepass secret\ndir x\n"}.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


@pytest.fixture
def leads(tmp_path):
    path = tmp_path / "the leads #1.csv"
    path.write_text(ROWS)
    return path


def preview(uri, tenant_id="acme", **options):
    told = {"mode": "preview", **options}
    return start(tenant_id=tenant_id, uri=str(uri), **told)["data"]


def refused(uri, tenant_id="acme", **options):
    """Whether the task refuses an address, naming its place and what to do, and never the address."""
    with pytest.raises(InvalidPayload) as caught:
        preview(uri, tenant_id, **options)
    code, places = caught.value.args
    assert Path(str(uri)).name not in str(caught.value.args)
    return (code, places) == ("unknown_value", [{"loc": "uri", "msg": HINT}])


@pytest.mark.parametrize("mode", ["preview", "dry_run", "reconcile", "commit"])
def test_without_import_folders_a_message_reads_no_file(home, tmp_path, leads, mode):
    configure(tenant_id="acme")
    key = tmp_path / "id_ed25519"
    key.write_text(PEM)
    for path in (key, home / "broker" / "broker.conf", home / "keys", Path("/etc/passwd"), leads, tmp_path / "none"):
        for uri in (path, path.as_uri()):
            assert refused(uri, mode=mode, mapping={"columns": {PEM.splitlines()[0]: "external_id"}})
    assert not (home / "spool").exists()
    with reading(EVERY_TENANT) as session:
        assert backfills.running(session, "acme") == 0


def test_below_an_import_folder_all_may_be_read_but_the_home(home, tmp_path, leads):
    workspace.bind(home, import_roots=[tmp_path])
    assert preview(leads)["rows"]["read"] == 2
    assert preview(f"file://localhost{leads.as_uri().removeprefix('file://')}")["rows"]["read"] == 2
    for root in (tmp_path, home, home / "broker", Path("/")):
        workspace.bind(home, import_roots=[root])
        for name in ("keys", "hearth.db", "broker/broker.conf", "spool/x.csv", "errors/x.csv", "handover/x"):
            assert refused(home / name)


def test_a_preview_says_how_the_file_is_read(home, tmp_path, leads):
    workspace.bind(home, import_roots=[tmp_path])
    shown = preview(leads)
    assert shown.keys() >= {
        *("profile", "profile_why", "encoding", "delimiter", "rows", "warnings", "columns", "readings", "consent"),
        *("ends", "labels", "rejected", "passed_over", "advice"),
    }
    assert [reading["read_as"] for reading in shown["readings"]] == ["external_id", "first_name", "email"]
    assert shown["readings"][2]["examples"] == ["a••@e••••••.c••", "b••@e••••••.c••"]
    assert list((home / "spool").iterdir()) == []


def test_a_mapping_names_the_encoding_of_a_file_that_is_not_utf8(home, tmp_path):
    workspace.bind(home, import_roots=[tmp_path])
    path = tmp_path / "mac.csv"
    path.write_bytes("external_id,stage\n1,Café\n".encode("mac_roman"))
    shown = preview(path, mapping={"defaults": {"encoding": "mac_roman"}})
    assert (shown["encoding"], shown["readings"][1]["examples"]) == ("mac-roman", ["Café"])
    with pytest.raises(InvalidPayload) as caught:
        preview(path, mapping={"defaults": {"encoding": "klingon"}})
    assert caught.value.args[1][0]["loc"] == "mapping.defaults.encoding"


def test_the_home_is_known_by_any_name(home, tmp_path):
    workspace.bind(home, import_roots=[tmp_path])
    (tmp_path / "other").symlink_to(home)
    (tmp_path / "keys.csv").symlink_to(home / "keys")
    for uri in (tmp_path / "other" / "keys", tmp_path / "keys.csv", f"{tmp_path}/a/../home/keys", "/proc/self/cwd/x"):
        assert refused(uri)
    assert refused(f"file://{tmp_path}/%68ome/%6beys")


@pytest.mark.parametrize("uri", ["file:///a%00b", "/a\0b", "file://[/x", "http://a/b.csv", "file://host/b.csv"])
def test_what_is_no_path_is_refused_by_its_place(home, uri):
    with pytest.raises(InvalidPayload) as caught:
        workspace.importable(uri, "acme")
    assert caught.value.args[1][0]["loc"] == "uri"


def test_a_ring_of_links_and_a_name_beyond_any_length_are_refused(home, tmp_path):
    workspace.bind(home, import_roots=[tmp_path])
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for name in ("a", "x" * 300):
        with pytest.raises(InvalidPayload) as caught:
            preview(tmp_path / name)
        assert caught.value.args[1][0]["loc"] == "uri"


def test_what_is_handed_over_may_be_read_while_it_is(home, leads):
    with file_grants.handed_over(home, "acme", leads) as uri:
        assert preview(uri)["rows"]["read"] == 2
        assert preview(uri)["rows"]["read"] == 2, "a message may come twice"
        assert (home / "handover").stat().st_mode & 0o777 == 0o700
        assert [note.stat().st_mode & 0o777 for note in (home / "handover").iterdir()] == [0o600]
    assert refused(uri)
    assert list((home / "handover").iterdir()) == []


def test_a_hand_over_is_for_its_tenant_and_its_file_alone(home, tmp_path, leads):
    secret = tmp_path / "secret.csv"
    secret.write_text(ROWS)
    with file_grants.handed_over(home, "acme", leads) as uri:
        token = uri.partition("#")[2]
        assert refused(uri, "other")
        assert refused(leads), "no guess without the token"
        for guess in ("", "x", "x" * 43, token[:-1], "../keys", "*", "../handover/" + token, token + "/"):
            assert refused(f"{leads.as_uri()}#{guess}")
        assert refused(f"{secret.as_uri()}#{token}")
        assert refused(f"{(home / 'keys').as_uri()}#{token}")
        assert refused(f"{(home / 'handover' / token).as_uri()}#{token}")


def test_of_the_home_only_an_error_file_can_be_handed_over(home):
    mended = workspace.folder("errors") / "1.csv"
    mended.write_text(ROWS)
    with file_grants.handed_over(home, "acme", mended) as uri:
        assert preview(uri)["rows"]["read"] == 2
    for name in ("keys", "hearth.db", "broker/broker.conf"):
        with file_grants.handed_over(home, "acme", home / name) as uri:
            assert refused(uri)


def test_a_hand_over_that_was_left_holds_for_a_day(home, leads):
    left = file_grants.handed_over(home, "acme", leads)
    uri = left.__enter__()
    assert preview(uri)["rows"]["read"] == 2, "its message may still be waiting"
    (note,) = (home / "handover").iterdir()
    before = time.time() - file_grants.LASTING - 1
    os.utime(note, (before, before))
    assert refused(uri)
    with file_grants.handed_over(home, "acme", leads):
        assert not note.exists(), "the next one sweeps"


def test_the_daily_purge_sweeps_hand_overs_too(home, leads):
    file_grants.handed_over(home, "acme", leads).__enter__()
    (note,) = (home / "handover").iterdir()
    os.utime(note, (NOW.timestamp(), NOW.timestamp()))
    assert workspace_files.discard_orphans(set(), NOW) == 0
    assert workspace_files.discard_orphans(set(), NOW + timedelta(seconds=1)) == 1


@pytest.mark.parametrize("swapped", ["in", "in/deep", "in/deep/x.csv"])
def test_a_link_that_is_swapped_in_leads_nowhere(home, tmp_path, swapped):
    """What was judged is what is read: a link that takes its place in between is not followed, at whatever depth."""
    path, hidden = tmp_path / "in" / "deep" / "x.csv", tmp_path / "hidden" / "deep" / "x.csv"
    for each in (path, hidden):
        each.parent.mkdir(parents=True)
        each.write_text(ROWS)
    workspace.bind(home, import_roots=[tmp_path / "in"])
    judged = workspace.importable(str(path), "acme")
    place = tmp_path / swapped
    place.rename(tmp_path / "aside")
    place.symlink_to(tmp_path / "hidden" / Path(swapped).relative_to("in"))
    assert place.exists()
    for read in (source.inspect, lambda each: source.spool(each, tmp_path / "copy", SEEN)):
        with pytest.raises(FileRejected, match=r"file\.not_found"):
            read(judged)


def test_the_id_of_a_task_names_no_file(home, tmp_path, leads):
    """A caller chooses it; the copy of the file is kept below the spool whatever it says."""
    workspace.bind(home, import_roots=[tmp_path])
    kept = []
    for task_id in ("../../taken", str(tmp_path / "taken"), "x" * 300, "a"):
        for tenant_id in ("acme", "other"):
            ran = start.apply(
                kwargs={"tenant_id": tenant_id, "uri": str(leads), "mode": "preview"}, task_id=task_id, throw=True
            )
            kept.append(ran.get()["data"]["rows"]["read"])
    assert kept == [2] * 8
    assert not [path for path in tmp_path.rglob("*") if "taken" in path.name or path.name.startswith("xxx")]
    assert list((home / "spool").iterdir()) == [], "a preview keeps nothing"


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    before = app.conf.broker_url
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield url
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Celery drops its connections as they are
            gc.collect()
            join(SecretStr(before))
            gc.collect()


def came(task_id, tenant_id, path):
    """The import's message, as a worker takes it; gives the copy that its chunks are read from."""
    asked = {"tenant_id": tenant_id, "uri": str(path), "profile": "canonical"}
    answer = start.apply(kwargs=asked, task_id=task_id, throw=True).get()
    with reading(EVERY_TENANT) as session:
        return Path(backfills.get(session, tenant_id, backfill_id=answer["data"]["job_id"]).spool)


@pytest.mark.usefixtures("broker_url")
def test_a_message_that_comes_again_and_one_of_another_tenant_leave_the_copy_of_a_running_import(home, tmp_path, leads):
    """The worker was killed after its commit, or somebody chose the same id: the chunks still find their rows."""
    workspace.bind(home, import_roots=[tmp_path])
    other = tmp_path / "other.csv"
    other.write_text(ROWS.replace("Ann", "Eve"))
    for tenant_id in ("acme", "other"):
        configure(tenant_id=tenant_id)
    copy = came("the-id", "acme", leads)
    assert came("the-id", "acme", leads) == copy
    assert came("the-id", "other", other) != copy
    assert copy.read_text() == ROWS
    assert came("another-id", "acme", leads) == copy
    assert len(list((home / "spool").iterdir())) == 2, "a copy that nobody needs goes"
