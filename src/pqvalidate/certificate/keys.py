"""Keys of a validator: the private signing key file, and the public trust file that others verify with.

A validator signs with two keys, one of each family: ECDSA P-384 (classical) and ML-DSA-87 (post-quantum). A key is
known by the SHA-256 of its SubjectPublicKeyInfo (SPKI, RFC 5280 section 4.1.2.7), recomputed wherever it matters; a key
identifier that somebody wrote down is a hint and nothing more.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta

from pqvalidate.certificate.predicate import (
    Independence,
    Name,
    Role,
    Sha256,
    UtcTime,
    Validator,
    format_time,
    parse_time,
)
from pqvalidate.documents import Record, parse_json, read_bytes, to_json, to_record
from pqvalidate.errors import InputError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey, MLDSA87PublicKey

    PublicKey: TypeAlias = EllipticCurvePublicKey | MLDSA87PublicKey
    SecretKey: TypeAlias = EllipticCurvePrivateKey | MLDSA87PrivateKey

Family: TypeAlias = Literal["classical", "pq"]
# Names of the Update Framework; "/1" is the version of TAP 21, which signs "tuf" ‖ 0x01 ‖ SHA-512(message).
SCHEMES: dict[Family, str] = {"classical": "ecdsa-sha2-nistp384", "pq": "ml-dsa-87/1"}
KEY_DAYS = 730
"""Days for which a new key is trusted: validators renew theirs within two years."""

_KEY_WHAT = "a signing key file that `pqvalidate keygen` has written (schema pqvalidate/signing-key/1)"
_TRUST_WHAT = "a trust file that `pqvalidate keygen` has written (schema pqvalidate/trust/1)"
_KEY_REMEDY = "Use a signing key file (schema pqvalidate/signing-key/1) as `pqvalidate keygen` wrote it"
_TRUST_REMEDY = "Use a trust file (schema pqvalidate/trust/1) as the validator handed it out"
_KEY_FILE, _TRUST_FILE = "signing-key.json", "trust.json"


class TrustedKey(Record):
    """A public key: its family, its signature scheme, its SPKI in base64 DER and the SHA-256 of that."""

    family: Family
    scheme: Name
    spki_sha256: Sha256
    spki: Name


class TrustedValidator(Record):
    """An organisation whose certificates are believed, in which role, with which keys, and in which period (UTC)."""

    id: Name
    name: Name
    role: Role
    not_before: UtcTime
    not_after: UtcTime
    keys: Annotated[tuple[TrustedKey, ...], Meta(min_length=1)]


class Trust(Record):
    """Whom the holder of this file believes."""

    schema: Literal["pqvalidate/trust/1"]
    validators: Annotated[tuple[TrustedValidator, ...], Meta(min_length=1)]


class _StoredKey(Record):
    family: Family
    scheme: Name
    pkcs8: Name


class _StoredSigningKey(Record):
    schema: Literal["pqvalidate/signing-key/1"]
    id: Name
    name: Name
    role: Role
    vendor_relation: Literal["none", "same-organisation", "commissioned-by-vendor", "not-stated"]
    not_before: UtcTime
    not_after: UtcTime
    keys: tuple[_StoredKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The two private keys of a validator, the validator's public entry, and what a certificate says about it."""

    validator: Validator
    public: TrustedValidator
    secret: dict[Family, SecretKey] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """Where ``keygen`` wrote what, and the SPKI hash of each public key by family."""

    signing_key: Path
    trust: Path
    validator: str
    spki_sha256: dict[Family, str]


def keygen(
    folder: Path,
    *,
    now: datetime,
    name: str = "unnamed validator",
    role: Role = "vendor-self",
    vendor_relation: Literal["none", "same-organisation", "commissioned-by-vendor", "not-stated"] = "not-stated",
) -> KeyFiles:
    """Make a signing key pair of each family and write the private key file and the public trust file.

    The private file holds both keys as unencrypted PKCS#8 and is readable by its owner only; protect the folder. The
    keys are trusted from ``now`` for 730 days. Nothing is overwritten, and no secret is returned.

    Raises:
        UsageError: one of the files exists, the folder cannot be written, or this OpenSSL has no ML-DSA.

    """
    private, trust = folder / _KEY_FILE, folder / _TRUST_FILE
    for path in (private, trust):
        if path.exists():
            raise UsageError(f"{path} exists and is never overwritten; choose another folder")
    secret = _new_keys()
    keys = tuple(_public(family, key.public_key()) for family, key in secret.items())
    digests: dict[Family, str] = {key.family: key.spki_sha256 for key in keys}
    # The identifier follows from the keys, so two validators cannot have the same one by accident.
    identity = hashlib.sha256("".join(digests.values()).encode()).hexdigest()[:32]
    entry = TrustedValidator(
        id=f"urn:pqvalidate:validator:{identity}", name=name, role=role, not_before=format_time(now),
        not_after=format_time(now + timedelta(days=KEY_DAYS)), keys=keys,
    )  # fmt: skip
    stored = _StoredSigningKey(
        schema="pqvalidate/signing-key/1", id=entry.id, name=name, role=role, vendor_relation=vendor_relation,
        not_before=entry.not_before, not_after=entry.not_after,
        keys=tuple(_StoredKey(family=f, scheme=SCHEMES[f], pkcs8=_pem(key)) for f, key in secret.items()),
    )  # fmt: skip
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from None
    write_new(private, to_json(stored), mode=0o600)
    write_new(trust, to_json(Trust(schema="pqvalidate/trust/1", validators=(entry,))), mode=0o644)
    return KeyFiles(signing_key=private, trust=trust, validator=entry.id, spki_sha256=digests)


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet; what could be written of a failed attempt is taken away again.

    Raises:
        UsageError: it exists, or cannot be written.

    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise UsageError(f"{path} exists and is never overwritten; choose another name") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def load_signing_key(path: Path) -> SigningKey:
    """Read a signing key file.

    Raises:
        InputError: it is missing or malformed, others may read it, or it lacks a key of one family.

    """
    data = read_bytes(path, _KEY_WHAT)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InputError(path, "", "others than its owner may read this private key", f"Run: chmod 600 {path}")
    stored = to_record(parse_json(data, path, _KEY_WHAT), _StoredSigningKey, path, _KEY_REMEDY)
    _check_period(path, "", stored.not_before, stored.not_after, _KEY_REMEDY)
    if sorted(key.family for key in stored.keys) != ["classical", "pq"]:
        raise InputError(path, "keys", "there must be one classical and one pq key", _KEY_REMEDY)
    secret: dict[Family, SecretKey] = {}
    for index, key in enumerate(stored.keys):
        place = f"keys[{index}]"
        if key.scheme != SCHEMES[key.family]:
            raise InputError(path, f"{place}.scheme", f"{key.scheme!r} is unknown", f"Use {SCHEMES[key.family]}")
        secret[key.family] = _secret_key(key, path, f"{place}.pkcs8")
    entry = TrustedValidator(
        id=stored.id, name=stored.name, role=stored.role, not_before=stored.not_before, not_after=stored.not_after,
        keys=tuple(_public(family, key.public_key()) for family, key in secret.items()),
    )  # fmt: skip
    validator = Validator(
        id=stored.id, name=stored.name, role=stored.role, accreditation=None,
        independence=Independence(vendor_relation=stored.vendor_relation, statement="declared"),
    )  # fmt: skip
    return SigningKey(validator=validator, public=entry, secret=secret)


def load_trust(path: Path) -> Trust:
    """Read a trust file and recompute the identity of every key in it.

    Raises:
        InputError: it is missing or malformed, a key is not what its family, scheme or hash says, or a validator or
            key occurs twice.

    """
    trust = to_record(parse_json(read_bytes(path, _TRUST_WHAT), path, _TRUST_WHAT), Trust, path, _TRUST_REMEDY)
    seen: set[str] = set()
    for row, validator in enumerate(trust.validators):
        place = f"validators[{row}]"
        _check_period(path, place, validator.not_before, validator.not_after, _TRUST_REMEDY)
        for index, key in enumerate(validator.keys):
            _check_key(path, f"{place}.keys[{index}]", key)
        for name in (validator.id, *(key.spki_sha256 for key in validator.keys)):
            if name in seen:
                raise InputError(path, place, f"{name} occurs twice", "Name each validator and key once")
            seen.add(name)
    return trust


def _check_period(path: Path, place: str, not_before: str, not_after: str, remedy: str) -> None:
    try:
        backwards = parse_time(not_before) >= parse_time(not_after)
    except ValueError:
        raise InputError(path, f"{place}.not_before".lstrip("."), "a time does not exist", remedy) from None
    if backwards:
        raise InputError(path, f"{place}.not_after".lstrip("."), "the period ends before it begins", remedy)


def _check_key(path: Path, place: str, key: TrustedKey) -> None:
    if key.scheme != SCHEMES[key.family]:
        raise InputError(path, f"{place}.scheme", f"{key.scheme!r} is unknown", f"Use {SCHEMES[key.family]}")
    try:
        der = base64.b64decode(key.spki, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(path, f"{place}.spki", "is not base64", _TRUST_REMEDY) from None
    if hashlib.sha256(der).hexdigest() != key.spki_sha256:
        raise InputError(path, f"{place}.spki_sha256", "is not the SHA-256 of the key", _TRUST_REMEDY)
    # Decode and encode again: one key must have one identity, so a second encoding of it is refused.
    if _family_of(der) != key.family:
        raise InputError(path, f"{place}.spki", f"holds no {key.scheme} key in plain DER", _TRUST_REMEDY)


def _family_of(der: bytes) -> Family | None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (heavy; reading a manifest needs no keys)
    from cryptography.hazmat.primitives.asymmetric import ec, mldsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    family: Family
    if isinstance(key, mldsa.MLDSA87PublicKey):
        family = "pq"
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1):
        family = "classical"
    else:
        return None
    return family if _spki(key) == der else None


def _secret_key(stored: _StoredKey, path: Path, place: str) -> SecretKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, mldsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(stored.pkcs8.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # whose texts might quote the key
        raise InputError(path, place, "is no unencrypted PKCS#8 private key", _KEY_REMEDY) from None
    if stored.family == "pq" and isinstance(key, mldsa.MLDSA87PrivateKey):
        return key
    if stored.family == "classical" and isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1":
        return key
    raise InputError(path, place, f"is no {stored.scheme} key", _KEY_REMEDY)


def _new_keys() -> dict[Family, SecretKey]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, mldsa  # noqa: PLC0415

    try:
        return {"classical": ec.generate_private_key(ec.SECP384R1()), "pq": mldsa.MLDSA87PrivateKey.generate()}
    except UnsupportedAlgorithm:
        raise UsageError("this build of the cryptography package has no ML-DSA; install it from a wheel") from None


def _public(family: Family, key: PublicKey) -> TrustedKey:
    der = _spki(key)
    return TrustedKey(
        family=family,
        scheme=SCHEMES[family],
        spki_sha256=hashlib.sha256(der).hexdigest(),
        spki=base64.b64encode(der).decode(),
    )


def _spki(key: PublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(key: SecretKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
