"""Who signed: only the owner of a configured key, over exactly these bytes. Keys are made here."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tasks.crm.webhook_signatures import verify_highlevel

BODY = '{"type":"ContactCreate","name":"Zoë"}'.encode()
NEW, OLD = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = ed25519.Ed25519PrivateKey.generate()


def pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def new(body: bytes = BODY, key: ed25519.Ed25519PrivateKey = NEW) -> str:
    return base64.b64encode(key.sign(body)).decode()


def old(body: bytes = BODY, key: rsa.RSAPrivateKey = OLD) -> str:
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), SHA256())).decode()


KEYS = [pem(NEW), pem(OLD)]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-GHL-Signature": new()},
        {"x-ghl-signature": new()},
        {"X-WH-SIGNATURE": old()},
        {"X-GHL-Signature": new(), "x-wh-signature": "forged"},
        [(b"content-type", b"application/json"), (b"x-ghl-signature", new().encode())],
        {"X-GHL-Signature": f" {new()} "},
    ],
)
def test_a_signature_of_a_known_key_is_good(headers: object) -> None:
    assert verify_highlevel(BODY, headers, KEYS) is True  # type: ignore[arg-type]


def test_keys_rotate() -> None:
    assert verify_highlevel(BODY, {"X-GHL-Signature": new()}, [pem(OTHER), pem(NEW)])
    assert not verify_highlevel(BODY, {"X-GHL-Signature": new()}, [pem(OTHER)])


def test_the_older_header_decides_where_no_newer_key_is_configured() -> None:
    both = {"X-GHL-Signature": new(), "x-wh-signature": old()}
    assert verify_highlevel(BODY, both, [pem(OLD)])
    assert not verify_highlevel(BODY, {**both, "x-wh-signature": old(b"other")}, [pem(OLD)])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-GHL-Signature": ""},
        {"X-GHL-Signature": "N/A"},
        {"X-GHL-Signature": "n/a", "x-wh-signature": old()},
        {"x-wh-signature": "N/A"},
        {"X-GHL-Signature": "not base64!"},
        {"X-GHL-Signature": new()[:-4]},
        {"X-GHL-Signature": new(BODY + b" ")},
        {"X-GHL-Signature": new(key=OTHER)},
        {"X-GHL-Signature": old()},
        {"x-wh-signature": new()},
        {"X-GHL-Signature": new(key=OTHER), "x-wh-signature": old()},
        [("x-ghl-signature", new()), ("X-GHL-Signature", new())],
        {"X-GHL-Signature": None},
        {"X-GHL-Signature": "ü" * 88},
    ],
)
def test_anything_odd_is_refused(headers: object) -> None:
    assert verify_highlevel(BODY, headers, KEYS) is False  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [""],
        ["not a key"],
        [pem(NEW)[:-40]],
        [None],
        [pem(ec.generate_private_key(ec.SECP256R1()))],
        [pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))],
    ],
)
@pytest.mark.parametrize("sign", [lambda: {"X-GHL-Signature": new()}, lambda: {"x-wh-signature": old()}])
def test_no_good_key_refuses_everything(keys: list[str], sign: Callable[[], dict[str, str]]) -> None:
    assert verify_highlevel(BODY, sign(), keys) is False


def test_a_weak_key_proves_nothing() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert not verify_highlevel(BODY, {"x-wh-signature": old(key=weak)}, [pem(weak)])


def test_a_body_that_was_read_and_written_again_is_another_body() -> None:
    assert not verify_highlevel(BODY.replace(b":", b": "), {"X-GHL-Signature": new()}, KEYS)
