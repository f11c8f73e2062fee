"""Webhooks without a receiver: signatures, what answers mean, and which addresses are refused."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address

import pytest

from workers.delivery import webhook
from workers.delivery.callback_target import Target, TargetUnusable, target_of
from workers.delivery.webhook import outcome_of, post, signature

OURS = frozenset({"inference", "batch", "late"})


def test_the_signature_is_one_that_a_receiver_can_compute():
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
    expected = "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
    made = signature(b"secret", 1_700_000_000, b'{"a":1}')
    assert made == expected
    assert made != signature(b"secret", 1_700_000_001, b'{"a":1}')
    assert made != signature(b"other", 1_700_000_000, b'{"a":1}')


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "delivered"), (204, "delivered"), (301, "dead"), (400, "dead"), (404, "dead"), (410, "dead")]
    + [(status, "retry") for status in (408, 425, 429, 500, 503, 599)],
)
def test_what_an_answer_means(status, state):
    assert outcome_of(status).state == state
    assert outcome_of(status).error == (None if state == "delivered" else f"http.{status}")


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7), ("0", 0), ("99999999", 3600), ("-5", None), ("soon", None), ("", None), (None, None), ("1" * 400, 3600)],
)
def test_how_long_a_receiver_may_make_us_wait(told, seconds):
    assert outcome_of(429, told).after == seconds
    assert outcome_of(404, told).after is None


def test_a_date_is_a_time_to_wait_for():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < outcome_of(503, later).after <= 60
    assert outcome_of(503, format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)).after == 0


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://127.0.0.1/x", "target.private"),
        ("https://[::1]/x", "target.private"),
        ("https://[::ffff:127.0.0.1]/x", "target.private"),
        ("https://10.1.2.3/x", "target.private"),
        ("https://192.168.1.1:8443/x", "target.private"),
        ("https://169.254.169.254/latest", "target.private"),
        ("https://0.0.0.0/", "target.private"),
        ("https://100.64.0.1/", "target.private"),
        ("https://224.0.0.1/", "target.private"),
        ("https://[fe80::1]/", "target.private"),
        ("https://[fd00::1]/", "target.private"),
        ("https://[2002:7f00:1::]/", "target.private"),
        ("https://2130706433/", "target.private"),
        ("https://localhost/", "target.private"),
        ("https://[fec0::1]/", "target.private"),
        ("https://[feff::1]/", "target.private"),
        ("https://[::7f00:1]/", "target.private"),
        ("https://[::ffff:168.63.129.16]/", "target.private"),
        ("https://[64:ff9b::8.8.8.8]/", "target.private"),
        ("https://[64:ff9b:1::1]/", "target.private"),
        ("https://[100::1]/", "target.private"),
        ("https://[2001::1]/", "target.private"),
        ("https://[2001:db8::1]/", "target.private"),
        ("https://[2002:808:808::]/", "target.private"),
        ("https://[2620:4f:8000::1]/", "target.private"),
        ("https://[3fff::1]/", "target.private"),
        ("https://[5f00::1]/", "target.private"),
        ("https://[ff0e::1]/", "target.private"),
        ("https://168.63.129.16/", "target.private"),
        ("https://192.0.0.9/", "target.private"),
        ("https://192.0.0.192/opc/v2/", "target.private"),
        ("https://192.31.196.1/", "target.private"),
        ("https://192.52.193.1/", "target.private"),
        ("https://192.88.99.1/", "target.private"),
        ("https://192.175.48.1/", "target.private"),
        ("https://198.18.0.1/", "target.private"),
        ("https://100.100.100.200/", "target.private"),
        ("http://127.0.0.1/", "target.insecure"),
        ("http://93.184.216.34/", "target.insecure"),
        ("https://user:word@93.184.216.34/", "target.url"),
        ("ftp://93.184.216.34/", "target.url"),
        ("https://xn--a/", "target.url"),
        ("https://xn--a.example/", "target.url"),
        ("https://\u2488.example/", "target.url"),
        (f"https://{'a' * 64}.example/", "target.url"),
        ("https://a..example/", "target.url"),
        ("https://93.184.216.34:99999/", "target.url"),
        ("nonsense", "target.url"),
        ("", "target.url"),
    ],
)
def test_addresses_that_nobody_may_reach_through_us(url, error):
    outcome = post(Target(kind="webhook", url=url, secret=b"s"), "e1", b"{}")
    assert (outcome.state, outcome.error) == ("dead", error)


@pytest.mark.parametrize("url", ["http://93.184.216.34/", "https://10.0.0.1/"])
def test_loopback_opens_loopback_only(url):
    assert post(Target(kind="webhook", url=url, secret=b"s"), "e1", b"{}", loopback=True).state == "dead"


def test_the_address_that_was_checked_is_the_one_that_is_called():
    url, name = webhook.guarded_url("https://93.184.216.34:8443/a?b=c", loopback=False)
    assert (str(url), name) == ("https://93.184.216.34:8443/a?b=c", "93.184.216.34:8443")
    url, name = webhook.guarded_url("http://localhost:81/a", loopback=True)
    assert (url.host in ("127.0.0.1", "::1"), name) == (True, "localhost:81")


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "192.0.1.1", "168.63.129.17", "2606:4700::1111", "2001:4860::1", "::ffff:93.184.216.34"],
)
def test_public_addresses_are_public(address):
    host = f"[{address}]" if ":" in address else address
    url, _ = webhook.guarded_url(f"https://{host}/", loopback=False)
    assert ip_address(url.host) == ip_address(address)


def test_nobody_listening_is_tried_again():
    outcome = post(Target(kind="webhook", url="http://127.0.0.1:1/", secret=b"s"), "e1", b"{}", loopback=True)
    assert (outcome.state, outcome.error) == ("retry", "connect")


def test_a_target_is_what_its_settings_say():
    assert target_of(None, OURS).kind == target_of({"kind": "pull"}, OURS).kind == "pull"
    assert target_of({"kind": "celery", "task": "crm.told", "queue": "crm"}, OURS).queue == "crm"
    found = target_of({"kind": "webhook", "url": "https://a.example", "secret": "hush"}, OURS)
    assert (found.url, found.secret) == ("https://a.example", b"hush")
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("callback", "code"),
    [
        ({"kind": "pigeon"}, "target.kind"),
        ({"kind": "celery", "task": "hearth.system.ping", "queue": "crm"}, "target.task"),
        ({"kind": "celery", "task": "celery.chord", "queue": "crm"}, "target.task"),
        ({"kind": "celery", "task": ["crm.told"], "queue": "crm"}, "target.task"),
        ({"kind": "celery", "task": "crm.told", "queue": "inference"}, "target.queue"),
        ({"kind": "celery", "task": "crm.told", "queue": "late"}, "target.queue"),
        ({"kind": "celery", "task": "crm.told", "queue": "unacked_index"}, "target.queue"),
        ({"kind": "celery", "task": "crm.told", "queue": "crm\x06\x163"}, "target.queue"),
        ({"kind": "celery", "task": "crm.told", "queue": {"name": "crm"}}, "target.queue"),
        ({"kind": "celery", "task": "crm.told"}, "target.queue"),
        ({"kind": "webhook", "url": "https://a.example"}, "target.secret"),
        ({"kind": "webhook", "secret": "hush"}, "target.url"),
    ],
    ids=str,
)
def test_unusable_targets_say_why(callback, code):
    with pytest.raises(TargetUnusable, match=code):
        target_of(callback, OURS)
