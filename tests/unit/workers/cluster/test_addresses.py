"""Ports and passwords hold from one start of a cluster to the next; only a port that is taken changes."""

import json
import socket
import stat
import threading
from dataclasses import replace

import pytest

from workers.base.settings import Settings
from workers.cluster import broker
from workers.cluster.addresses import Addresses, free_port
from workers.cluster.embedded import _plan


@pytest.fixture
def told():
    return []


@pytest.fixture
def addresses(tmp_path, told):
    """Those of one home; each call is another start."""

    def start(patience=0.0):
        found = Addresses.of(Settings(home=tmp_path / "home", redis_url=None), told.append)
        return replace(found, patience=patience)

    return start


def test_a_start_has_the_addresses_of_the_last_one(addresses, told, tmp_path):
    first, second = addresses(), addresses()
    ports = {name: first.port(name) for name in ("broker", "flower", "metrics")}
    words = {name: first.password(name).get_secret_value() for name in ("broker", "flower")}
    assert {name: second.port(name) for name in ports} == ports
    assert {name: second.password(name).get_secret_value() for name in words} == words
    assert len(set(words.values())) == 2
    assert min(map(len, words.values())) >= 32
    assert stat.S_IMODE((tmp_path / "home" / "addresses.json").stat().st_mode) == 0o600
    assert not any(word in repr(first) for word in words.values())
    assert told == []


def test_a_port_that_is_taken_is_another_one_from_then_on_and_is_told(addresses, told):
    port, other = addresses().port("broker"), addresses().port("flower")
    with socket.create_server(("127.0.0.1", port)):
        moved = addresses().port("broker")
    assert moved != port
    assert told == [f"broker: port {port} is taken by another program, so it has port {moved} from now on"]
    assert (addresses().port("broker"), addresses().port("flower")) == (moved, other)


def test_a_broker_that_is_about_to_end_keeps_its_port(addresses, told):
    port = addresses().port("broker")
    server = socket.create_server(("127.0.0.1", port))
    ending = threading.Timer(0.2, server.close)
    ending.start()
    try:
        assert addresses(patience=30.0).port("broker") == port
    finally:
        ending.join()
        server.close()
    assert told == []


def test_connections_that_have_just_ended_do_not_keep_a_port(addresses, told):
    port = addresses().port("broker")
    with socket.create_server(("127.0.0.1", port)) as server:
        caller = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()  # who closes first waits for late packets
        caller.close()
    assert addresses().port("broker") == port
    assert told == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"ports": 3, "passwords": {}}', '{"ports": {"broker": "x"}, "passwords": {"broker": 7}}']
)
def test_a_file_that_is_none_of_ours_is_made_anew(addresses, tmp_path, text):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "addresses.json").write_text(text)
    port, word = addresses().port("broker"), addresses().password("broker").get_secret_value()
    kept = json.loads((tmp_path / "home" / "addresses.json").read_text())
    assert (kept["ports"]["broker"], kept["passwords"]["broker"]) == (port, word)


def test_a_port_out_of_range_is_not_taken(addresses, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "addresses.json").write_text(json.dumps({"ports": {"broker": 70000}, "passwords": {}}))
    assert 0 < addresses().port("broker") < 65536


def test_callers_and_people_keep_what_they_noted(addresses, tmp_path):
    """The broker's address, Flower's and the metrics'."""
    settings = Settings(home=tmp_path / "home", redis_url=None)

    def started():
        chosen = broker.prepare(settings, addresses=addresses())
        plan = _plan(settings, chosen.url, addresses(), flower=True, workers=(), tasks="t", beat=False)
        return chosen.url, plan.flower_auth, plan.flower_port, plan.metrics_port

    assert started() == started()


def test_what_the_settings_say_comes_first(addresses, tmp_path):
    port = free_port()
    settings = Settings(home=tmp_path, flower_auth="ann:secret", flower_port=port, metrics_port=port)
    plan = _plan(settings, None, addresses(), flower=True, workers=(), tasks="t", beat=False)
    assert plan.flower_auth.get_secret_value() == "ann:secret"
    assert (plan.flower_port, plan.metrics_port) == (port, port)
    assert not addresses().path.exists()
