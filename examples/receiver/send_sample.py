"""Send a signed sample event, as HighLevel signs its webhooks: to try a gateway or a receiver at home.

    python send_sample.py keys                    # make a key pair; prints the line that exports the public key
    python send_sample.py send URL [LOCATION]     # sign a new contact of a location and post it; prints the answer

The private key lies in the file `sample-key.pem` of the current folder (mode 0600). It is for samples only.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

KEY = Path("sample-key.pem")


def keys() -> str:
    """Return the shell line that exports the public key; make the pair where there is none."""
    if not KEY.exists():
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
    pem = private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return f"export HEARTH_GHL_KEYS='{pem}'"


def private_key() -> Ed25519PrivateKey:
    """Return the private key that signs samples."""
    key = load_pem_private_key(KEY.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def sample(location: str) -> bytes:
    """Return a simulated new contact as HighLevel sends one; each call another person."""
    number = secrets.token_hex(4)
    event = {
        "type": "ContactCreate",
        "locationId": location,
        "webhookId": f"sample-{number}",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "id": f"SAMPLE-{number}",
        "firstName": "Sample",
        "lastName": f"Person {number}",
        "email": f"sample-{number}@example.com",
        "source": "website",
        "dateAdded": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return json.dumps(event).encode()


def send(url: str, body: bytes) -> tuple[int, str]:
    """Sign a body, post it, and return the answer."""
    signature = base64.b64encode(private_key().sign(body)).decode()
    headers = {"Content-Type": "application/json", "X-GHL-Signature": signature}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def main(arguments: list[str]) -> int:
    """Do what the command line says; 0 where the event was taken."""
    match arguments:
        case ["keys"]:
            print(keys())
            return 0
        case ["send", url, *location] if len(location) <= 1:
            if not KEY.exists():
                sys.exit(f"no {KEY} here: make it with `keys`, in this folder")
            try:
                status, text = send(url, sample(location[0] if location else "LOC1"))
            except urllib.error.URLError as error:
                sys.exit(f"nobody answers at {url}: {error.reason}")
            print(status, text)
            return 0 if status == 200 else 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
