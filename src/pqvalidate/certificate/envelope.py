"""The signed envelope (DSSE, version 1): payload, payload type and signatures; read strictly, checked by key family."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from pqvalidate.certificate.keys import SCHEMES, Family, TrustedKey, TrustedValidator
from pqvalidate.certificate.predicate import PAYLOAD_TYPE
from pqvalidate.documents import Record, parse_json, read_bytes, to_json, to_record
from pqvalidate.errors import InputError, UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # public, but not listed in __all__

    from pqvalidate.certificate.signing import Signer

MOST_BYTES = 16 * 1024 * 1024
"""Largest certificate file that is read; a realistic one has 30 to 300 kB."""

MOST_SIGNATURES = 64
"""Most signatures that are read: two each by 16 old and 16 new root keys, when all of a trust file's change at once."""

_WHAT = "a certificate that `pqvalidate certify` has written"
_REMEDY = "Use the certificate as it was issued; ask the validator for it again"


class SignatureLine(Record):
    """One signature in base64; ``keyid`` is a hint that anybody can write and decides nothing."""

    sig: str
    keyid: str = ""


class Envelope(Record, rename="camel"):
    """A DSSE envelope; unknown members are refused, so nothing unsigned can travel in it."""

    payload: str
    payload_type: str
    signatures: Annotated[tuple[SignatureLine, ...], Meta(max_length=MOST_SIGNATURES)]


class OpenedEnvelope(Record):
    """An envelope whose base64 is decoded: what was signed, and the signatures over it."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


def seal(body: bytes, signer: Signer) -> bytes:
    """Return the envelope as JSON: ``body`` signed by both keys of a validator, the classical one first.

    Raises:
        UsageError: the signer cannot sign, or a signature that it gave does not verify.

    """
    return envelope_json(body, PAYLOAD_TYPE, sign_lines(body, PAYLOAD_TYPE, signer))


def sign_lines(body: bytes, payload_type: str, signer: Signer) -> tuple[SignatureLine, ...]:
    """Return one signature by the key of each family, each verified before it is handed out.

    A damaged ECDSA signature can betray its key, and an outside signer may err or lie.

    Raises:
        UsageError: as ``seal``.

    """
    message = authenticated(body, payload_type)
    lines: list[SignatureLine] = []
    for family in SCHEMES:
        public = next(trusted for trusted in signer.public.keys if trusted.family == family)
        signature = signer.sign(family, to_be_signed(family, message))
        if not _valid(public, signature, message):
            raise UsageError(f"the signer gave a {family} signature that does not verify; nothing was written")
        lines.append(SignatureLine(keyid=public.spki_sha256, sig=base64.b64encode(signature).decode()))
    return tuple(lines)


def to_be_signed(family: Family, message: bytes) -> bytes:
    """Return what the primitive of a family signs: the message, or for ML-DSA "tuf" ‖ 0x01 ‖ SHA-512 of it (TAP 21)."""
    return message if family == "classical" else b"tuf\x01" + hashlib.sha512(message).digest()


def authenticated(body: bytes, payload_type: str) -> bytes:
    """Return the pre-authentication encoding of DSSE, which binds the payload type and both lengths."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def envelope_json(body: bytes, payload_type: str, lines: Sequence[SignatureLine]) -> bytes:
    """Return the JSON file of an envelope."""
    payload = base64.b64encode(body).decode()
    return to_json(Envelope(payload=payload, payload_type=payload_type, signatures=tuple(lines)))


def read_envelope(path: Path) -> OpenedEnvelope:
    """Read the outside of a certificate; what is inside is not looked at before its signatures are found good.

    Raises:
        InputError: the file is missing, over 16 MiB, or no envelope: wrong members, duplicate keys, loose base64.

    """
    return parse_envelope(read_bytes(path, _WHAT), path)


def parse_envelope(data: bytes, file: object) -> OpenedEnvelope:
    """Return the envelope in ``data``; ``file`` is its name in errors, which are those of ``read_envelope``."""
    if len(data) > MOST_BYTES:
        raise InputError(file, "", f"is larger than {MOST_BYTES} bytes", f"Check that this is {_WHAT}")
    envelope = to_record(parse_json(data, file, _WHAT), Envelope, file, _REMEDY)
    return OpenedEnvelope(
        payload=_decode(envelope.payload, file, "payload"),
        payload_type=envelope.payload_type,
        signatures=tuple(
            _decode(line.sig, file, f"signatures[{index}].sig") for index, line in enumerate(envelope.signatures)
        ),
    )


def _decode(text: str, file: object, place: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(file, place, "is not base64", _REMEDY) from None
    # Python ignores stray bits in the last character; two texts for one payload are one too many.
    if base64.b64encode(data).decode() != text:
        raise InputError(file, place, "is not canonical base64", _REMEDY)
    return data


def signed_by(envelope: OpenedEnvelope, validators: Sequence[TrustedValidator]) -> dict[str, dict[Family, TrustedKey]]:
    """Return which validators made a valid signature, by their id, with one key for each family.

    Each signature is tried with each trusted key: what the envelope says about keys is ignored. Signatures by keys
    that nobody trusts have no effect.
    """
    message = authenticated(envelope.payload, envelope.payload_type)
    found: dict[str, dict[Family, TrustedKey]] = {}
    for validator in validators:
        for key in validator.keys:
            if any(_valid(key, signature, message) for signature in envelope.signatures):
                found.setdefault(validator.id, {}).setdefault(key.family, key)
    return found


def without(envelope: OpenedEnvelope, signer: TrustedValidator) -> tuple[bytes, ...]:
    """Return the signatures of an envelope that are by none of the keys of ``signer``, who is about to sign again."""
    message = authenticated(envelope.payload, envelope.payload_type)
    return tuple(
        signature for signature in envelope.signatures
        if not any(_valid(key, signature, message) for key in signer.keys)
    )  # fmt: skip


def _valid(key: TrustedKey, signature: bytes, message: bytes) -> bool:
    from securesystemslib.exceptions import UnverifiedSignatureError  # noqa: PLC0415
    from securesystemslib.signer import Signature  # type: ignore[attr-defined]  # noqa: PLC0415

    stock = _stock_key(key)
    try:
        stock.verify_signature(Signature(stock.keyid, signature.hex()), message)
    except UnverifiedSignatureError:  # and its subclass VerificationError: a signature of another kind or length
        return False
    return True


def _stock_key(key: TrustedKey) -> SSlibKey:
    """Return the key for securesystemslib, with the SPKI hash as its identifier and the scheme pinned to its family."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415
    from securesystemslib.signer import SSlibKey as StockKey  # type: ignore[attr-defined]  # noqa: PLC0415

    public = load_der_public_key(base64.b64decode(key.spki))
    return StockKey.from_crypto(public, keyid=key.spki_sha256, scheme=SCHEMES[key.family])
