"""A secret under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM (NIST SP 800-38D) hides and binds it."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Annotated, Literal

from msgspec import Meta

from pqvalidate.documents import Record

_LOG_COST, _BLOCK, _LANES = 17, 8, 1  # 128 MiB and about 0.3 s for each guess
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32
FEWEST_PASSPHRASE_BYTES = 12
"""A new key is not encrypted under less."""


class Sealed(Record):
    """An encrypted secret: how the key is made (cost 2^``log_cost``), salt and nonce, and the ciphertext, in base64."""

    kdf: Literal["scrypt"]
    log_cost: Annotated[int, Meta(ge=14, le=20)]
    block: Annotated[int, Meta(ge=8, le=16)]
    lanes: Annotated[int, Meta(ge=1, le=4)]
    salt: str
    cipher: Literal["AES-256-GCM"]
    nonce: str
    ciphertext: str


def seal_secret(secret: bytes, passphrase: bytes, *, bound_to: bytes) -> Sealed:
    """Encrypt a secret; it opens only together with the same ``bound_to``, which stays readable elsewhere."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  (heavy; few files are encrypted)

    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    key = _key(passphrase, salt, _LOG_COST, _BLOCK, _LANES)
    hidden = AESGCM(key).encrypt(nonce, secret, bound_to)
    return Sealed(
        kdf="scrypt", log_cost=_LOG_COST, block=_BLOCK, lanes=_LANES, salt=_text(salt), cipher="AES-256-GCM",
        nonce=_text(nonce), ciphertext=_text(hidden),
    )  # fmt: skip


def open_secret(sealed: Sealed, passphrase: bytes, *, bound_to: bytes) -> bytes | None:
    """Return the secret; None if the passphrase is wrong or anything was changed, which cannot be told apart."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        salt, nonce, hidden = (
            base64.b64decode(text, validate=True) for text in (sealed.salt, sealed.nonce, sealed.ciphertext)
        )
        if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
            return None
        key = _key(passphrase, salt, sealed.log_cost, sealed.block, sealed.lanes)
        return AESGCM(key).decrypt(nonce, hidden, bound_to)
    except (InvalidTag, binascii.Error, ValueError):
        return None


def _key(passphrase: bytes, salt: bytes, log_cost: int, block: int, lanes: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415

    return Scrypt(salt=salt, length=_KEY_BYTES, n=2**log_cost, r=block, p=lanes).derive(passphrase)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
