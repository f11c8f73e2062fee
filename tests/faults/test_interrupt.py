"""A command that is stopped in the middle of an import: the same command goes on, and every row is there once."""

import csv
import json
import signal
import subprocess

import pytest

from db import session as sessions
from db.encryption import KeyRing
from db.repositories.leads import leads
from tests.support.commands import HEARTH, ROOT, environment, living, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROWS, BAD = 5000, 50


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["external_id", "email", "source"])
        for number in range(ROWS):
            bad = number % 100 == 50
            writer.writerow(["" if bad else f"L{number}", "" if bad else f"l{number}@example.com", "web"])
    return path


def test_an_import_that_is_stopped_goes_on_with_the_same_command(tmp_path, big):
    home, log = tmp_path / "home", tmp_path / "import.log"
    command = [*HEARTH, "backfill", str(big), "--tenant", "t", "--profile", "canonical", "--json"]
    with log.open("w") as out:
        first = subprocess.Popen(command, cwd=ROOT, env=environment(home), stdout=out, stderr=out)
        assert wait_until(lambda: f"0 of {ROWS}" in log.read_text() or first.poll() is not None, 60), log.read_text()
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 128 + signal.SIGINT, log.read_text()
    assert wait_until(lambda: not living(home), 5), living(home)
    options = {"cwd": ROOT, "env": environment(home), "text": True, "timeout": 100}
    done = subprocess.run(command, capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    assert "private" in done.stderr  # a command without a cluster brings its own
    result = json.loads(done.stdout)
    assert (result["rows"]["read"], result["rows"]["created"], result["rows"]["rejected"]) == (ROWS, ROWS - BAD, BAD)
    with open(result["error_file"], newline="") as kept:
        assert len(list(csv.DictReader(kept))) == BAD
    sessions.configure(f"sqlite:///{home / 'hearth.db'}", KeyRing.parse((home / "keys").read_text()))
    try:
        with sessions.reading(sessions.EVERY_TENANT) as session:
            assert len(leads.ids(session, "t")) == ROWS - BAD
    finally:
        sessions.dispose()
    assert not living(home)  # and takes it along
