"""Keys of a validator: what is written, what is refused on reading, and that no secret leaks."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

from pqvalidate.certificate import KeyFiles, keygen, load_signing_key, load_trust
from pqvalidate.errors import InputError, UsageError
from tests.unit.certificate_bench import MADE, Tree, pems

PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8)


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return keygen(tmp_path / "keys", now=MADE)


def edit(path: Path, change: Callable[[Tree], object]) -> None:
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def test_the_private_file_can_be_read_by_its_owner_only(files: KeyFiles) -> None:
    assert stat.S_IMODE(files.signing_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.signing_key.parent.stat().st_mode) == 0o700


def test_a_key_is_of_each_family_and_known_by_its_spki_hash(files: KeyFiles) -> None:
    key, (validator,) = load_signing_key(files.signing_key), load_trust(files.trust).validators
    assert key.public == validator
    for row, kind in zip(validator.keys, (ec.EllipticCurvePublicKey, mldsa.MLDSA87PublicKey), strict=True):
        der = base64.b64decode(row.spki)
        assert isinstance(load_der_public_key(der), kind)
        assert hashlib.sha256(der).hexdigest() == row.spki_sha256 == files.spki_sha256[row.family]


def test_the_keys_are_trusted_for_730_days(files: KeyFiles) -> None:
    (validator,) = load_trust(files.trust).validators
    assert (validator.not_before, validator.not_after) == ("2026-11-23T09:00:00Z", "2028-11-22T09:00:00Z")


def test_the_public_file_and_what_is_printed_of_a_key_hold_no_secret(files: KeyFiles) -> None:
    key = load_signing_key(files.signing_key)
    shown = files.trust.read_text() + repr(files) + repr(key) + str(key)
    assert "PRIVATE" not in shown
    for pem in pems(files.signing_key).values():
        assert all(line not in shown for line in pem.decode().splitlines() if len(line) > 20)


def test_two_runs_make_different_keys(files: KeyFiles, tmp_path: Path) -> None:
    second = keygen(tmp_path / "second", now=MADE)
    assert set(second.spki_sha256.values()).isdisjoint(files.spki_sha256.values())
    assert second.validator != files.validator


@pytest.mark.parametrize("kept", ["signing-key.json", "trust.json"])
def test_nothing_is_overwritten(kept: str, tmp_path: Path) -> None:
    (tmp_path / kept).write_text("mine")
    with pytest.raises(UsageError, match="never overwritten"):
        keygen(tmp_path, now=MADE)
    assert [path.name for path in tmp_path.iterdir()] == [kept]
    assert (tmp_path / kept).read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_an_error_of_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make"):
        keygen(tmp_path / "file" / "keys", now=MADE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_a_private_key_that_others_may_read_is_refused_with_the_command_that_mends_it(
    mode: int, files: KeyFiles
) -> None:
    files.signing_key.chmod(mode)
    with pytest.raises(InputError, match=r"chmod 600 .*signing-key\.json"):
        load_signing_key(files.signing_key)


def test_the_trust_file_is_no_signing_key_and_the_other_way_round(files: KeyFiles) -> None:
    with pytest.raises(InputError, match="trust/1"):
        load_trust(files.signing_key)
    # Everybody may read a trust file: what it is comes before who may read it.
    files.trust.chmod(0o644)
    with pytest.raises(InputError, match=r"this is a trust file .* Give it to --trust.*signing-key/1"):
        load_signing_key(files.trust)


def private_pem(key: Any, *, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = key.private_bytes(*PKCS8, encryption)
    return pem.decode()


P384, P256, PQ44 = (
    private_pem(ec.generate_private_key(ec.SECP384R1())),
    private_pem(ec.generate_private_key(ec.SECP256R1())),
    private_pem(mldsa.MLDSA44PrivateKey.generate()),
)
LOCKED = private_pem(ec.generate_private_key(ec.SECP384R1()), password=b"a password")

BAD_SIGNING_KEYS: dict[str, Callable[[Tree], object]] = {
    "another schema": lambda t: t.update(schema="pqvalidate/signing-key/2"),
    "an unknown field": lambda t: t.update(comment="x"),
    "an unknown role": lambda t: t.update(role="certifier"),
    "no name": lambda t: t.update(name=""),
    "no keys": lambda t: t.update(keys=[]),
    "the classical key alone": lambda t: t["keys"].pop(),
    "the post-quantum key alone": lambda t: t["keys"].pop(0),
    "the classical key twice": lambda t: t["keys"].__setitem__(1, t["keys"][0]),
    "the families exchanged": lambda t: (t["keys"][0].update(family="pq"), t["keys"][1].update(family="classical")),
    "a classical key under the post-quantum name": lambda t: t["keys"][1].update(pkcs8=P384),
    "P-256 in place of P-384": lambda t: t["keys"][0].update(pkcs8=P256),
    "ML-DSA-44 in place of ML-DSA-87": lambda t: t["keys"][1].update(pkcs8=PQ44),
    "another scheme": lambda t: t["keys"][1].update(scheme="ml-dsa-87/2"),
    "an encrypted key": lambda t: t["keys"][0].update(pkcs8=LOCKED),
    "a key that is no PEM": lambda t: t["keys"][0].update(pkcs8="AAAA"),
    "a key that is cut off": lambda t: t["keys"][0].update(pkcs8=t["keys"][0]["pkcs8"][:100]),
    "a key with letters beyond ASCII": lambda t: t["keys"][0].update(pkcs8="-----BEGIN É-----\n"),
    "a period that ends before it begins": lambda t: t.update(not_after="2020-01-01T00:00:00Z"),
    "a thirteenth month": lambda t: t.update(not_after="2028-13-01T00:00:00Z"),
    "a time without a zone": lambda t: t.update(not_after="2028-01-01T00:00:00"),
}


@pytest.mark.parametrize("case", BAD_SIGNING_KEYS)
def test_a_malformed_signing_key_file_is_refused_without_quoting_it(case: str, files: KeyFiles) -> None:
    secrets = pems(files.signing_key)
    edit(files.signing_key, BAD_SIGNING_KEYS[case])
    with pytest.raises(InputError) as caught:
        load_signing_key(files.signing_key)
    assert caught.value.remedy
    for pem in secrets.values():
        assert all(line not in str(caught.value) for line in pem.decode().splitlines()[1:-1])


def spki(key: Any, *, compressed: bool = False) -> dict[str, str]:
    """Return the fields of a trusted key; a compressed point is a second encoding of the same key."""
    der: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if compressed:
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        algorithm = der[2 : 2 + 2 + der[3]]
        bits = bytes([0x03, len(point) + 1, 0x00]) + point
        der = bytes([0x30, len(algorithm) + len(bits)]) + algorithm + bits
    return {"spki": base64.b64encode(der).decode(), "spki_sha256": hashlib.sha256(der).hexdigest()}


A_P384 = ec.generate_private_key(ec.SECP384R1())
BAD_TRUST: dict[str, Callable[[Tree], object]] = {
    "another schema": lambda t: t.update(schema="pqvalidate/trust/2"),
    "no validator": lambda t: t.update(validators=[]),
    "no keys": lambda t: t["validators"][0].update(keys=[]),
    "an unknown field": lambda t: t["validators"][0].update(threshold=1),
    "a hash that is not that of the key": lambda t: t["validators"][0]["keys"][0].update(spki_sha256="00" * 32),
    "a key that is no base64": lambda t: t["validators"][0]["keys"][0].update(spki="*"),
    "a key that is no DER": lambda t: t["validators"][0]["keys"][0].update(
        spki="AAAA", spki_sha256=hashlib.sha256(bytes(3)).hexdigest()
    ),
    "P-256 in place of P-384": lambda t: t["validators"][0]["keys"][0].update(
        spki(ec.generate_private_key(ec.SECP256R1()))
    ),
    "ML-DSA-65 in place of ML-DSA-87": lambda t: t["validators"][0]["keys"][1].update(
        spki(mldsa.MLDSA65PrivateKey.generate())
    ),
    "a classical key that is called post-quantum": lambda t: t["validators"][0]["keys"][1].update(spki(A_P384)),
    "a second encoding of a key": lambda t: t["validators"][0]["keys"][0].update(spki(A_P384, compressed=True)),
    "another scheme": lambda t: t["validators"][0]["keys"][1].update(scheme="ml-dsa-87"),
    "the same key twice": lambda t: t["validators"][0]["keys"].append(t["validators"][0]["keys"][0]),
    "the same validator twice": lambda t: t["validators"].append(t["validators"][0]),
    "a period that ends before it begins": lambda t: t["validators"][0].update(not_after="2020-01-01T00:00:00Z"),
    "a thirtieth of February": lambda t: t["validators"][0].update(not_before="2026-02-30T00:00:00Z"),
}


@pytest.mark.parametrize("case", BAD_TRUST)
def test_a_malformed_trust_file_is_refused(case: str, files: KeyFiles) -> None:
    edit(files.trust, BAD_TRUST[case])
    with pytest.raises(InputError) as caught:
        load_trust(files.trust)
    assert caught.value.remedy


def test_the_compressed_encoding_of_the_table_is_one_that_the_library_reads() -> None:
    compressed = base64.b64decode(spki(A_P384, compressed=True)["spki"])
    assert load_der_public_key(compressed) == A_P384.public_key()


def test_a_trusted_key_may_be_replaced_by_another_good_one(files: KeyFiles) -> None:
    edit(files.trust, lambda t: t["validators"][0]["keys"][0].update(spki(A_P384)))
    assert load_trust(files.trust).validators[0].keys[0].spki_sha256 == spki(A_P384)["spki_sha256"]


def test_role_and_name_are_those_asked_for(tmp_path: Path) -> None:
    made = keygen(tmp_path, now=datetime(2026, 1, 1, tzinfo=UTC), name="Lab", role="lab", vendor_relation="none")
    key = load_signing_key(made.signing_key)
    assert (key.validator.name, key.validator.role, key.validator.independence.vendor_relation) == (
        "Lab",
        "lab",
        "none",
    )
