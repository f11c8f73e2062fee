"""A home that others might enter is closed, or refused."""

from __future__ import annotations

import os
import stat

import pytest

from workers.base import atomic_files, database
from workers.base.errors import HomeNotPrivate
from workers.base.settings import Settings

WRITTEN = ("hearth.db", "hearth.db-wal", "hearth.db-shm", "beat-schedule", "cluster.json", "logs/a.log", "logs/a.log.1")


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path):
    """As a home is that somebody made with `mkdir` before the first start."""
    home = tmp_path / "home"
    for name in (*WRITTEN, "notes.txt"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o644)
    home.chmod(0o755)
    return home


def test_others_lose_their_rights(home):
    atomic_files.restrict_to_owner(home)
    assert rights(home) == 0o700
    assert {name: rights(home / name) for name in WRITTEN} == dict.fromkeys(WRITTEN, 0o600)
    assert rights(home / "notes.txt") == 0o644, "what is not ours to write stays as it is"


def test_a_link_in_the_home_leads_no_rights_astray(home, tmp_path):
    other = tmp_path / "other"
    other.write_text("x")
    other.chmod(0o644)
    (home / "hearth.db").unlink()
    (home / "hearth.db").symlink_to(other)
    atomic_files.restrict_to_owner(home)
    assert rights(other) == 0o644


def test_a_home_that_is_not_there_is_left_to_who_makes_it(tmp_path):
    atomic_files.restrict_to_owner(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_somebody_else_is_refused_while_others_may_read_it(home):
    os.chown(home, 65534, -1)
    with pytest.raises(HomeNotPrivate, match="set HEARTH_HOME"):
        atomic_files.restrict_to_owner(home)
    assert rights(home) == 0o755
    with pytest.raises(HomeNotPrivate):
        database.bind(Settings(home=home))
    home.chmod(0o700)
    atomic_files.restrict_to_owner(home)
