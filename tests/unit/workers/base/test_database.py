"""The key ring: made once, for the owner only, and whole, however many start at once."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from db.encryption import KeyRing
from workers.base import atomic_files
from workers.base.database import key_ring
from workers.base.errors import KeysUnreadable
from workers.base.settings import Settings


def test_the_first_start_makes_the_keys(tmp_path):
    chosen = Settings(home=tmp_path / "new")
    first = key_ring(chosen)
    assert key_ring(chosen).dump() == first.dump()
    assert stat.S_IMODE((tmp_path / "new" / "keys").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_many_first_starts_agree(tmp_path):
    chosen = Settings(home=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        rings = {ring.dump() for ring in pool.map(lambda _: key_ring(chosen), range(32))}
    assert len(rings) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_given_keys_are_used_and_not_written(tmp_path):
    given = KeyRing.generate().dump()
    assert key_ring(Settings(home=tmp_path, keys=SecretStr(given))).dump() == given
    assert not (tmp_path / "keys").exists()


def test_damaged_keys_are_named_and_not_shown(tmp_path):
    (tmp_path / "keys").write_text("hunter2")
    with pytest.raises(KeysUnreadable, match="put the saved one back") as refused:
        key_ring(Settings(home=tmp_path))
    assert "hunter2" not in str(refused.value)
    assert (tmp_path / "keys").read_text() == "hunter2"


def test_create_once_keeps_what_is_there(tmp_path):
    assert atomic_files.create_once(tmp_path / "f", "one") == "one"
    assert atomic_files.create_once(tmp_path / "f", "two") == "one"
