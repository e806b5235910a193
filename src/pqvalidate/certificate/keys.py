"""Keys: the private signing key file, and the public trust file that others verify with.

The holder of a role (validator, policy owner, catalogue, root) signs with two keys, one of each family: ECDSA P-384
(classical) and ML-DSA-87 (post-quantum). A key is known by the SHA-256 of its SubjectPublicKeyInfo (SPKI, RFC 5280
section 4.1.2.7), recomputed wherever it matters; a key identifier that somebody wrote down is a hint and nothing more.
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
from msgspec.structs import replace

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
from pqvalidate.certificate.primitives import Family as Family  # noqa: PLC0414  (a name of this module, too)
from pqvalidate.certificate.primitives import family_of, new_keys, pem, secret_key, sign_message, spki
from pqvalidate.certificate.sealing import Sealed, open_secret, seal_secret
from pqvalidate.documents import Record, free_text, parse_json, read_bytes, to_json, to_record
from pqvalidate.errors import InputError, UsageError

if TYPE_CHECKING:
    from pqvalidate.certificate.primitives import PublicKey, SecretKey
    from pqvalidate.certificate.signing import Signer

# Names of the Update Framework; "/1" is the version of TAP 21, which signs "tuf" ‖ 0x01 ‖ SHA-512(message).
SCHEMES: dict[Family, str] = {"classical": "ecdsa-sha2-nistp384", "pq": "ml-dsa-87/1"}
Purpose: TypeAlias = Literal["validator", "policy-owner", "catalogue", "root"]
Signed: TypeAlias = Literal["certificates", "verdicts", "catalogue metadata", "catalogue roots", "trust files"]
MAY_SIGN: dict[Purpose, tuple[Signed, ...]] = {
    "validator": ("certificates", "verdicts"),
    "policy-owner": ("verdicts",),
    "catalogue": ("catalogue metadata", "catalogue roots"),
    "root": ("trust files", "catalogue roots"),
}
"""What the keys of each role may sign; anything else that they sign is refused."""

VendorRelation: TypeAlias = Literal["none", "same-organisation", "commissioned-by-vendor", "not-stated"]
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


class Revocation(Record):
    """From when on (UTC) the signatures of a key are no longer believed, and why."""

    since: UtcTime
    reason: Name


class TrustedValidator(Record):
    """An organisation that is believed: in which role, with which keys, in which period (UTC), for which purpose."""

    id: Name
    name: Name
    role: Role
    not_before: UtcTime
    not_after: UtcTime
    keys: Annotated[tuple[TrustedKey, ...], Meta(min_length=1)]
    purpose: Purpose = "validator"
    revoked: Revocation | None = None


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
    vendor_relation: VendorRelation
    not_before: UtcTime
    not_after: UtcTime
    keys: tuple[_StoredKey, ...] = ()
    purpose: Purpose = "validator"
    sealed: Sealed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The two private keys of a validator, the validator's public entry, and what a certificate says about it."""

    validator: Validator
    public: TrustedValidator
    secret: dict[Family, SecretKey] = field(repr=False)

    def sign(self, family: Family, message: bytes) -> bytes:
        """Return the signature of one family, as ``signing.Signer`` wants it."""
        return sign_message(self.secret[family], message)


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
    vendor_relation: VendorRelation = "not-stated",
    purpose: Purpose = "validator",
    passphrase: bytes | None = None,
) -> KeyFiles:
    """Make a signing key pair of each family and write the private key file and the public trust file.

    The private file holds both keys as PKCS#8, encrypted if there is a ``passphrase`` (see ``sealing``), and is
    readable by its owner only; protect the folder. The keys are trusted from ``now`` for 730 days. Nothing is
    overwritten, and no secret is returned.

    Raises:
        UsageError: one of the files exists, the folder cannot be written, the name is no text to be signed
            (``documents.free_text``), or this OpenSSL has no ML-DSA.

    """
    name = free_text(name, "--name")
    private, trust = folder / _KEY_FILE, folder / _TRUST_FILE
    for path in (private, trust):
        if path.exists():
            raise UsageError(f"{path} exists and is never overwritten; choose another folder")
    secret = new_keys()
    keys = tuple(_public(family, key.public_key()) for family, key in secret.items())
    digests: dict[Family, str] = {key.family: key.spki_sha256 for key in keys}
    # The identifier follows from the keys, so two validators cannot have the same one by accident.
    identity = hashlib.sha256("".join(digests.values()).encode()).hexdigest()[:32]
    entry = TrustedValidator(
        id=f"urn:pqvalidate:validator:{identity}", name=name, role=role, not_before=format_time(now),
        not_after=format_time(now + timedelta(days=KEY_DAYS)), keys=keys, purpose=purpose,
    )  # fmt: skip
    stored = _StoredSigningKey(
        schema="pqvalidate/signing-key/1", id=entry.id, name=name, role=role, vendor_relation=vendor_relation,
        not_before=entry.not_before, not_after=entry.not_after, purpose=purpose,
        keys=tuple(_StoredKey(family=f, scheme=SCHEMES[f], pkcs8=pem(key)) for f, key in secret.items()),
    )  # fmt: skip
    if passphrase is not None:
        public = replace(stored, keys=())
        stored = replace(public, sealed=seal_secret(to_json(stored.keys), passphrase, bound_to=to_json(public)))
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


def refuse_readable(path: Path, what: str) -> None:
    """Refuse a file with a secret that others than its owner may read or write.

    Raises:
        InputError: they may.

    """
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InputError(path, "", f"others than its owner may read this {what}", f"Run: chmod 600 {path}")


def load_signing_key(path: Path, *, passphrase: bytes | None = None) -> SigningKey:
    """Read a signing key file; ``passphrase`` opens an encrypted one.

    Raises:
        InputError: it is missing or malformed, others may read it, it lacks a key of one family, the passphrase is
            wrong or missing, or there is one although the file is not encrypted.

    """
    data = read_bytes(path, _KEY_WHAT)
    stored = to_record(parse_json(data, path, _KEY_WHAT), _StoredSigningKey, path, _KEY_REMEDY)
    refuse_readable(path, "private key")
    _check_period(path, "", stored.not_before, stored.not_after, _KEY_REMEDY)
    stored = _unsealed(stored, path, passphrase)
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
        keys=tuple(_public(family, key.public_key()) for family, key in secret.items()), purpose=stored.purpose,
    )  # fmt: skip
    return SigningKey(validator=validator_of(entry, stored.vendor_relation), public=entry, secret=secret)


def _unsealed(stored: _StoredSigningKey, path: Path, passphrase: bytes | None) -> _StoredSigningKey:
    if stored.sealed is None:
        if passphrase is not None:  # whoever gives one believes that the file is protected
            raise InputError(
                path, "", "is not encrypted, although a passphrase was given", "Give none, or another file"
            )
        return stored
    if stored.keys:
        raise InputError(path, "keys", "stands beside the encrypted keys", _KEY_REMEDY)
    if passphrase is None:
        remedy = "Give its passphrase with --passphrase-file FILE or --passphrase-prompt"
        raise InputError(path, "sealed", "this signing key is encrypted", remedy)
    opened = open_secret(stored.sealed, passphrase, bound_to=to_json(replace(stored, sealed=None)))
    if opened is None:
        raise InputError(
            path, "sealed", "the passphrase is wrong, or the file was changed", "Give the right passphrase"
        )
    keys = to_record(parse_json(opened, path, _KEY_WHAT), tuple[_StoredKey, ...], path, _KEY_REMEDY)
    return replace(stored, keys=keys, sealed=None)


def validator_of(entry: TrustedValidator, vendor_relation: VendorRelation) -> Validator:
    """Return what a certificate says about the validator with this public entry."""
    return Validator(
        id=entry.id, name=entry.name, role=entry.role, accreditation=None,
        independence=Independence(vendor_relation=vendor_relation, statement="declared"),
    )  # fmt: skip


def refuse_wrong_role(signer: Signer, what: Signed) -> None:
    """Refuse to sign with a key of another role.

    Raises:
        UsageError: keys of this role may not sign ``what``.

    """
    problem = wrong_role(signer.public, what)
    if problem:
        raise UsageError(f"this key may not be used: {problem}")


def wrong_role(entry: TrustedValidator, what: Signed) -> str:
    """Return why the keys of an entry may not sign something; empty if they may."""
    allowed = MAY_SIGN[entry.purpose]
    return "" if what in allowed else f"{entry.name} ({entry.purpose}) may sign {' and '.join(allowed)}, not {what}"


def load_trust(path: Path) -> Trust:
    """Read a trust file and recompute the identity of every key in it; of a signed one, only keys not revoked.

    ``belief.believe`` reads more: pins, expiry, and the keys that were revoked, with the reason.

    Raises:
        InputError: it is missing or malformed, a key is not what its family, scheme or hash says, a validator or key
            occurs twice, or a signed one lacks signatures of its root keys.

    """
    data = read_bytes(path, _TRUST_WHAT)
    tree = parse_json(data, path, _TRUST_WHAT)
    if isinstance(tree, dict) and "payload" in tree:
        from pqvalidate.certificate.roots import complete, parse_draft  # noqa: PLC0415  (most trust files are not signed)

        signed = complete(parse_draft(data, path))
        rows = tuple(row for row in signed.body.validators if row.revoked is None)
        return Trust(schema="pqvalidate/trust/1", validators=rows)
    return trust_of(tree, path)


def trust_of(tree: object, path: Path) -> Trust:
    """Return the unsigned trust file in a JSON value; raises as ``load_trust``."""
    trust = to_record(tree, Trust, path, _TRUST_REMEDY)
    check_entries({"validators": trust.validators}, path)
    return trust


def check_entries(tables: dict[str, tuple[TrustedValidator, ...]], path: Path) -> None:
    """Recompute the identity of every key in lists of entries, none of which may occur twice.

    Raises:
        InputError: as ``load_trust``.

    """
    seen: set[str] = set()
    for table, rows in tables.items():
        for number, row in enumerate(rows):
            place = f"{table}[{number}]"
            _check_period(path, place, row.not_before, row.not_after, _TRUST_REMEDY)
            for index, key in enumerate(row.keys):
                _check_key(path, f"{place}.keys[{index}]", key)
            for name in (row.id, *(key.spki_sha256 for key in row.keys)):
                if name in seen:
                    raise InputError(path, place, f"{name} occurs twice", "Name each validator and key once")
                seen.add(name)


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
    if family_of(der) != key.family:
        raise InputError(path, f"{place}.spki", f"holds no {key.scheme} key in plain DER", _TRUST_REMEDY)


def _secret_key(stored: _StoredKey, path: Path, place: str) -> SecretKey:
    key = secret_key(stored.pkcs8)
    if key is None:
        raise InputError(path, place, "is no unencrypted PKCS#8 private key", _KEY_REMEDY)
    if family_of(spki(key.public_key())) != stored.family:
        raise InputError(path, place, f"is no {stored.scheme} key", _KEY_REMEDY)
    return key


def _public(family: Family, key: PublicKey) -> TrustedKey:
    der = spki(key)
    return TrustedKey(
        family=family,
        scheme=SCHEMES[family],
        spki_sha256=hashlib.sha256(der).hexdigest(),
        spki=base64.b64encode(der).decode(),
    )
