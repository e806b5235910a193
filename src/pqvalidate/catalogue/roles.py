"""Signatures of a catalogue's metadata: every role signs with a key of each family, and readers ask for both.

The Update Framework counts signatures (threshold 2); two by one family would satisfy it. Hence a rule of our own on top
of it: one valid signature by ECDSA P-384 and one by ML-DSA-87, of keys known by the SHA-256 of their SPKI.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, SSlibKey  # type: ignore[attr-defined]
from tuf.api.metadata import Metadata, Root, Targets  # type: ignore[attr-defined]

from pqvalidate.certificate.envelope import to_be_signed
from pqvalidate.certificate.keys import SCHEMES, Family, TrustedValidator
from pqvalidate.certificate.primitives import family_of as family_of_spki
from pqvalidate.certificate.signing import Signer
from pqvalidate.documents import parse_json
from pqvalidate.errors import InputError, UsageError

THRESHOLD = 2
TOP_ROLES = ("root", "targets", "snapshot", "timestamp")
WHAT = "metadata of a catalogue as `pqvalidate publish` writes it"
REMEDY = "Ask the owner of the catalogue for a whole copy"


def public_keys(entry: TrustedValidator) -> tuple[SSlibKey, ...]:
    """Return the public keys of a holder as the Update Framework writes them, known by their SPKI hash."""
    return tuple(
        SSlibKey.from_crypto(
            load_der_public_key(base64.b64decode(key.spki)), keyid=key.spki_sha256, scheme=SCHEMES[key.family]
        )
        for key in entry.keys
    )


def sign(metadata: Metadata[Any], *holders: Signer) -> None:
    """Sign metadata with both keys of each holder, in place of the signatures that it has.

    Raises:
        UsageError: a signer failed, or what it gave is no signature by its key.

    """
    metadata.signatures.clear()
    message = metadata.signed_bytes
    for holder in holders:
        for public in public_keys(holder.public):
            family = family_of(public)
            if family is not None:
                made = Signature(public.keyid, holder.sign(family, to_be_signed(family, message)).hex())
                if not _valid(public, made, message):
                    raise UsageError(f"the signer of {holder.public.name} gave a {family} signature that is not valid")
                metadata.signatures[public.keyid] = made


def parse(data: bytes, kind: type[Any], file: object) -> Metadata[Any]:
    """Return metadata of one kind; its signatures are not checked here.

    Raises:
        InputError: the bytes are no such metadata: duplicate keys, numbers with a point, members missing.

    """
    tree = parse_json(data, file, WHAT)
    if not isinstance(tree, dict) or not {"signed", "signatures"} <= tree.keys():
        raise InputError(file, "", "is no metadata: signed and signatures are missing", f"Give {WHAT}")
    try:
        found: Metadata[Any] = Metadata.from_dict(tree)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(file, "", f"is no metadata: {type(error).__name__}: {str(error)[:120]}", REMEDY) from None
    if not isinstance(found.signed, kind):
        raise InputError(file, "signed._type", f"is {found.signed.type!r}, not {kind.type!r}", REMEDY)
    return found


def refusal(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> str:
    """Return why the signatures of ``metadata`` do not suffice for a role of ``delegator``; empty if they do."""
    try:
        wanted = delegator.get_delegated_role(role)
        keys = [delegator.get_key(keyid) for keyid in wanted.keyids]
    except ValueError as error:
        return f"the role {role} is not given to anybody: {str(error)[:120]}"
    if wanted.threshold < THRESHOLD or {family_of(key) for key in keys} != set(SCHEMES):
        return f"the role {role} can do without a key of each family"
    return lacking(keys, metadata)


def lacking(keys: Sequence[Key], metadata: Metadata[Any]) -> str:
    """Return of which families no valid signature by one of these keys is there; empty if none lacks."""
    message = metadata.signed_bytes
    signed = {family_of(key) for key in keys if _valid(key, metadata.signatures.get(key.keyid), message)}
    missing = [SCHEMES[family] for family in SCHEMES if family not in signed]
    return f"no valid signature by its {' and its '.join(missing)} key" if missing else ""


def _valid(key: Key, signature: Signature | None, message: bytes) -> bool:
    if signature is None:
        return False
    try:
        key.verify_signature(signature, message)
    except UnverifiedSignatureError:
        return False
    return True


def family_of(key: Key) -> Family | None:
    """Return the family of a public key, by what it is; None for others and for a key under a false name or scheme."""
    try:
        public = load_pem_public_key(key.keyval["public"].encode())
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        return None
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # An identifier is believed only where it follows from the key.
    honest = key.keyid == hashlib.sha256(spki).hexdigest()
    family = family_of_spki(spki)
    return family if family and honest and key.scheme == SCHEMES[family] else None
