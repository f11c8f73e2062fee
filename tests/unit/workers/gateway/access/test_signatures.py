"""Signatures of requests: one that anybody can compute, and nothing of the request may be another's."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gateway.access.signatures import TOLERANCE, parse, sign

SECRET = "hs_secret"
REQUEST = {"method": "POST", "target": "/v1/tasks/hearth.system.ping?wait=5", "body": b"{}"}
AT = 1_764_500_000
#: printf '1764500000.POST./v1/tasks/hearth.system.ping?wait=5.{}' | openssl dgst -sha256 -hmac hs_secret
DIGEST = "75fe4b56586011028168c9f1b853186c75c268d2a38c8af754d0055acf7f5ec6"


def test_the_signature_is_one_that_a_caller_can_compute():
    assert sign(SECRET, **REQUEST, at=AT) == f"t={AT},v1={DIGEST}"


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"target": "/v1/tasks/hearth.system.ping?wait=6"},
        {"target": "/v1/tasks/hearth.system.ping"},
        {"body": b"{ }"},
        {"body": b""},
    ],
    ids=str,
)
def test_it_is_of_this_request_alone(changed):
    signature = parse(sign(SECRET, **REQUEST, at=AT))
    assert signature.is_of(SECRET, **REQUEST)
    assert not signature.is_of(SECRET, **(REQUEST | changed))
    assert not signature.is_of("hs_other", **REQUEST)


def test_its_time_is_signed_with_it():
    moved = sign(SECRET, **REQUEST, at=AT).replace(str(AT), str(AT + 1))
    assert not parse(moved).is_of(SECRET, **REQUEST)
    padded = sign(SECRET, **REQUEST, at=AT).replace(str(AT), f"0{AT}")
    assert not parse(padded).is_of(SECRET, **REQUEST)


@given(st.binary(max_size=64), st.integers(0, 999_999_999_999), st.text(st.characters(codec="ascii"), max_size=40))
def test_what_was_signed_is_read_and_proved(body, at, target):
    signature = parse(sign(SECRET, method="POST", target=target, body=body, at=at))
    assert signature.at == str(at)
    assert signature.is_of(SECRET, method="POST", target=target, body=body)


@pytest.mark.parametrize("seconds", [-TOLERANCE, 0, TOLERANCE])
def test_a_time_near_ours_is_fresh(seconds):
    assert parse(sign(SECRET, **REQUEST, at=AT + seconds)).is_fresh(datetime.fromtimestamp(AT, UTC))


@pytest.mark.parametrize("seconds", [-TOLERANCE - 1, TOLERANCE + 1, 10**10])
def test_another_time_is_not(seconds):
    assert not parse(sign(SECRET, **REQUEST, at=AT + seconds)).is_fresh(datetime.fromtimestamp(AT, UTC))


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"t={AT}",
        f"v1={DIGEST}",
        f"v1={DIGEST},t={AT}",
        f"t={AT},v1={DIGEST},v1={DIGEST}",
        f"t={AT},v1={DIGEST.upper()}",
        f"t={AT},v1={DIGEST[:-1]}",
        f"t={AT},v1={DIGEST}0",
        f"t={AT}, v1={DIGEST}",
        f"t={AT},v1={DIGEST}\n",
        f"t=-{AT},v1={DIGEST}",
        f"t={AT}.5,v1={DIGEST}",
        f"t=1e9,v1={DIGEST}",
        f"t={10**12},v1={DIGEST}",
        f"t=\u0661\u0662,v1={DIGEST}",
    ],
)
def test_any_other_form_is_none(header):
    assert parse(header) is None


@given(st.text())
def test_no_text_breaks_it(header):
    assert parse(header) is None
