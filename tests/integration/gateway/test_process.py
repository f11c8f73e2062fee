"""The process around the routes: its log lines, slow and silent connections, TLS, and what keeps it from starting."""

import gc
import socket
import warnings
from urllib.parse import urlsplit

import pytest
import structlog
from structlog.testing import capture_logs

from tests.support import gateway as support
from tests.support.processes import until
from workers.base.errors import GatewayUnready
from workers.base.settings import Settings
from workers.gateway import process, server

SECRETS = ("hk_", "Bearer", "ada@example.com", "C-1001", "sync-1")


def test_a_line_of_the_log_says_who_asked_for_what_and_nothing_else(gateway, keys):
    structlog.reset_defaults()
    body = {"leads": [{"external_id": "C-1001", "email": "ada@example.com"}]}
    with capture_logs() as lines:
        accepted = gateway.post("hearth.leads.upsert", body, key=keys.acme, Idempotency_Key="sync-1")
        gateway.get("/secret-path?email=ada@example.com")
        # a line is written once the answer is on its way
        until(lambda: sum(line["event"] == "request" for line in lines) == 2)
    asked, unknown = [line for line in lines if line["event"] == "request"]
    assert (asked["method"], asked["path"], asked["status"]) == ("POST", "/v1/tasks/hearth.leads.upsert", 202)
    assert (asked["tenant_id"], asked["key_id"]) == ("acme", keys.acme.split("_")[1])
    assert asked["request_id"] == accepted.headers["X-Request-Id"]
    assert (unknown["status"], unknown["path"], unknown["key_id"]) == (404, None, None)
    assert not [secret for secret in (*SECRETS, "secret-path") if secret in repr(lines)]


def test_who_says_nothing_is_cut_off(sqlite_database, emptied_broker, test_keyring, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "IDLE", 0.3)
    monkeypatch.setattr(server, "BODY", 0.3)
    half = (
        b"",
        b"POST /v1/tasks/x HTTP/1.1\r\nHost: a\r\n",
        b"POST /v1/tasks/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    )
    with support.running(Settings(home=tmp_path, log_level="ERROR"), test_keyring) as running:
        place = urlsplit(running.url)
        for sent in half:
            with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
                connection.sendall(sent)
                assert connection.recv(100) == b""
        assert running.get("/healthz").status == 200
        until(lambda: not running.gateway.in_hand)


def test_an_address_that_is_taken_is_told(sqlite_database, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen = Settings(home=tmp_path, gateway_port=taken.getsockname()[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Tornado leaves the socket to the collector
            with pytest.raises(GatewayUnready, match=r"cannot listen on 127\.0\.0\.1, port \d+: "):
                process._listen(server.make_server(None), chosen)
            gc.collect()


def test_a_certificate_that_cannot_be_used_is_told(tmp_path):
    odd = tmp_path / "odd.pem"
    odd.write_text("no certificate")
    for path in (odd, tmp_path / "missing.pem"):
        with pytest.raises(GatewayUnready, match="HEARTH_GATEWAY_TLS_CERT"):
            process._tls(Settings(home=tmp_path, gateway_tls_cert=path))
    assert process._tls(Settings(home=tmp_path)) is None
