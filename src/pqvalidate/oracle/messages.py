"""What is signed: the message of ML-DSA with its domain byte and context, and with its hash (FIPS 204 section 5)."""

from __future__ import annotations

import hashlib

from pqvalidate.algorithms import PREHASH_OID_BYTE, nearest
from pqvalidate.errors import UsageError

CONTEXT_LIMIT = 255
# DER of the arc 2.16.840.1.101.3.4.2, to be followed by its last byte (FIPS 204 algorithm 4 lines 10-22).
_OID_PREFIX = bytes.fromhex("06096086480165030402")
_SHAKE_LENGTH = {"SHAKE-128": 32, "SHAKE-256": 64}  # FIPS 204 section 5.4.1: twice the collision strength


def _framed(domain: int, context: bytes, content: bytes) -> bytes:
    if len(context) > CONTEXT_LIMIT:
        raise UsageError(f"a context of {len(context)} bytes; FIPS 204 section 5.2 allows {CONTEXT_LIMIT}")
    return bytes([domain, len(context)]) + context + content


def message_prime(message: bytes, context: bytes = b"") -> bytes:
    """Return M' of pure ML-DSA: a zero byte, the length of the context, the context and the message.

    Raises:
        UsageError: the context is longer than 255 bytes (FIPS 204 algorithm 2 line 1).

    """
    return _framed(0, context, message)


def prehash(message: bytes, hash_name: str) -> bytes:
    """Return the digest of a message under a hash function that HashML-DSA may use (FIPS 204 section 5.4.1).

    Raises:
        UsageError: no such hash function; the message names the nearest known one.

    """
    if hash_name not in PREHASH_OID_BYTE:
        raise UsageError(f"unknown pre-hash {hash_name!r}{nearest(hash_name, list(PREHASH_OID_BYTE))}")
    if hash_name in _SHAKE_LENGTH:
        stream = hashlib.shake_128(message) if hash_name == "SHAKE-128" else hashlib.shake_256(message)
        return stream.digest(_SHAKE_LENGTH[hash_name])
    name = hash_name.lower().removeprefix("sha2-").replace("/", "_").replace("-", "_")
    return hashlib.new(name if name.startswith("sha3") else f"sha{name}", message).digest()


def prehash_message_prime(message: bytes, hash_name: str, context: bytes = b"", *, domain: int = 1) -> bytes:
    """Return M' of HashML-DSA: a one byte, the context with its length, the hash's OID and the digest.

    Args:
        message: the message itself, not its digest.
        hash_name: a key of ``algorithms.PREHASH_OID_BYTE``.
        context: at most 255 bytes.
        domain: the first byte; 1 sets pre-hash signatures apart from pure ones (FIPS 204 algorithm 4 line 23).

    Raises:
        UsageError: an unknown hash function or too long a context.

    """
    digest = prehash(message, hash_name)
    return _framed(domain, context, _OID_PREFIX + bytes([PREHASH_OID_BYTE[hash_name]]) + digest)
