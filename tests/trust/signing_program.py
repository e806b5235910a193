"""A program that signs, as a holder's own would in front of an HSM: ``signing_program.py HOW KEYFILE FAMILY``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def signature(key_file: str, family: str, message: bytes) -> bytes:
    pem = next(row["pkcs8"] for row in json.loads(Path(key_file).read_text())["keys"] if row["family"] == family)
    key = load_pem_private_key(pem.encode(), None)
    if isinstance(key, EllipticCurvePrivateKey):
        return key.sign(message, ECDSA(SHA384()))
    assert isinstance(key, MLDSA87PrivateKey)
    return key.sign(message)


def main() -> int:
    how, key_file, family = sys.argv[1:]
    message = sys.stdin.buffer.read()
    if how == "slow":
        time.sleep(60)
    if how == "fail":
        sys.stderr.write("the token is locked\n")
        return 3
    if how == "silent":
        return 0
    if how == "endless":
        sys.stdout.buffer.write(bytes(100_000))
        return 0
    if how == "other message":
        message += b"."
    made = signature(
        key_file, {"swapped": {"classical": "pq", "pq": "classical"}}.get(how, {}).get(family, family), message
    )
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
