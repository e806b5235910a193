"""The table of parameter sets, derived a second way: by the formulas of the standards and from other libraries."""

from __future__ import annotations

from typing import Any

import pytest
from Crypto.Hash import SHA3_224, SHA3_256, SHA3_384, SHA3_512, SHA224, SHA256, SHA384, SHA512, SHAKE128, SHAKE256
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pqvalidate.algorithms import (
    DILITHIUM,
    KYBER,
    ML_DSA,
    ML_KEM,
    PARAMETER_SETS,
    PREHASH_OID_BYTE,
    nearest,
    parameter_set,
)
from pqvalidate.errors import UsageError

# FIPS 203 table 2 (k, du, dv, category of section 8); Kyber 3.02 section 1.4 has the same values.
KEMS = {
    "ML-KEM-512": (2, 10, 4, 1), "ML-KEM-768": (3, 10, 4, 3), "ML-KEM-1024": (4, 11, 5, 5),
    "Kyber-512": (2, 10, 4, 1), "Kyber-768": (3, 10, 4, 3), "Kyber-1024": (4, 11, 5, 5),
}  # fmt: skip

# FIPS 204 table 1: k, l, eta, log2 gamma1, omega, lambda, category; Dilithium 3.1 table 2 differs in tr and c~ only.
SIGNATURES = {
    "ML-DSA-44": (4, 4, 2, 17, 80, 128, 2), "Dilithium2": (4, 4, 2, 17, 80, 128, 2),
    "ML-DSA-65": (6, 5, 4, 19, 55, 192, 3), "Dilithium3": (6, 5, 4, 19, 55, 192, 3),
    "ML-DSA-87": (8, 7, 2, 19, 75, 256, 5), "Dilithium5": (8, 7, 2, 19, 75, 256, 5),
}  # fmt: skip
D, Q_BITS = 13, 23

KEM_KEYS: dict[str, Any] = {"ML-KEM-768": mlkem.MLKEM768PrivateKey, "ML-KEM-1024": mlkem.MLKEM1024PrivateKey}
SIGNATURE_KEYS: dict[str, Any] = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}


def test_the_formulas_cover_the_whole_table() -> None:
    assert {*KEMS, *SIGNATURES} == set(PARAMETER_SETS) == {*ML_KEM, *ML_DSA, *KYBER, *DILITHIUM}


@pytest.mark.parametrize("name", KEMS)
def test_kem_lengths_follow_from_k_du_and_dv(name: str) -> None:
    k, du, dv, category = KEMS[name]
    row = PARAMETER_SETS[name]
    assert row.public_key == 384 * k + 32  # FIPS 203 algorithm 13: k polynomials of 12-bit coefficients, rho
    assert row.private_key == 384 * k + row.public_key + 32 + 32  # algorithm 16: s, ek, H(ek), z
    assert row.output == 32 * (du * k + dv)  # algorithm 14: compressed u and v
    assert (row.seed, row.category, row.kind) == (32 + 32, category, "kem")


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_lengths_follow_from_k_l_eta_gamma1_omega_and_lambda(name: str) -> None:
    k, l, eta, gamma1_bits, omega, strength, category = SIGNATURES[name]  # noqa: E741  (the standard's letter)
    row = PARAMETER_SETS[name]
    standard = row.algorithm == "ML-DSA"
    tr, c_tilde = (64, strength // 4) if standard else (32, 32)
    assert row.public_key == 32 + 32 * k * (Q_BITS - D)  # FIPS 204 algorithm 22
    assert row.private_key == 32 + 32 + tr + 32 * ((k + l) * (2 * eta).bit_length() + D * k)  # algorithm 24
    assert row.output == c_tilde + 32 * l * (1 + gamma1_bits) + omega + k  # algorithm 26
    assert (row.seed, row.category, row.kind) == (32, category, "signature")


@pytest.mark.parametrize("name", KEM_KEYS | SIGNATURE_KEYS)
def test_length_and_object_identifier_agree_with_a_key_of_openssl(name: str) -> None:
    key = (KEM_KEYS | SIGNATURE_KEYS)[name].generate().public_key()
    row = PARAMETER_SETS[name]
    assert row.oid is not None
    assert len(key.public_bytes(Encoding.Raw, PublicFormat.Raw)) == row.public_key
    assert der(row.oid) in key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)[:32]


def der(oid: str) -> bytes:
    """Encode an object identifier (X.690 section 8.19); arcs under 16384 are enough here."""
    first, second, *rest = map(int, oid.split("."))
    arcs = [40 * first + second, *rest]
    body = b"".join(bytes([arc]) if arc < 128 else bytes([0x80 | arc >> 7, arc & 0x7F]) for arc in arcs)
    return bytes([0x06, len(body)]) + body


def test_pre_standard_sets_have_no_object_identifier_and_the_others_have_one_each() -> None:
    oids = [row.oid for row in PARAMETER_SETS.values() if row.version == "final"]
    assert None not in oids
    assert len(set(oids)) == len(oids) == len(ML_KEM) + len(ML_DSA)
    assert all(PARAMETER_SETS[name].oid is None for name in KYBER + DILITHIUM)


def test_every_row_cites_where_its_sizes_come_from() -> None:
    assert all(row.sizes_from.startswith(row.standard) for row in PARAMETER_SETS.values())


def test_prehash_object_identifiers_agree_with_pycryptodome() -> None:
    hashes: dict[str, Any] = {
        "SHA2-224": SHA224.new(), "SHA2-256": SHA256.new(), "SHA2-384": SHA384.new(), "SHA2-512": SHA512.new(),
        "SHA2-512/224": SHA512.new(truncate="224"), "SHA2-512/256": SHA512.new(truncate="256"),
        "SHA3-224": SHA3_224.new(), "SHA3-256": SHA3_256.new(), "SHA3-384": SHA3_384.new(),
        "SHA3-512": SHA3_512.new(), "SHAKE-128": SHAKE128.new(), "SHAKE-256": SHAKE256.new(),
    }  # fmt: skip
    arcs = {name: f"2.16.840.1.101.3.4.2.{last}" for name, last in PREHASH_OID_BYTE.items()}
    assert arcs == {name: hash_object.oid for name, hash_object in hashes.items()}


def test_a_known_name_gives_its_row() -> None:
    assert parameter_set("ML-KEM-768") is PARAMETER_SETS["ML-KEM-768"]


@pytest.mark.parametrize(("wrong", "meant"), [("ml-kem-768", "ML-KEM-768"), ("MLDSA65", "ML-DSA-65")])
def test_an_unknown_name_is_refused_with_the_nearest_known_one(wrong: str, meant: str) -> None:
    with pytest.raises(UsageError, match=meant):
        parameter_set(wrong)


def test_a_word_unlike_any_known_one_has_no_nearest() -> None:
    assert nearest("zzzz", list(PARAMETER_SETS)) == ""
