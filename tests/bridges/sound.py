"""ML-KEM and ML-DSA of kyber-py and dilithium-py for the test programs: a wrong input is a ValueError."""

from __future__ import annotations

import hashlib
from typing import Any

from dilithium_py.ml_dsa import ML_DSA_44, ML_DSA_65, ML_DSA_87
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

KEM: dict[str, Any] = {"ML-KEM-512": ML_KEM_512, "ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}
DSA: dict[str, Any] = {"ML-DSA-44": ML_DSA_44, "ML-DSA-65": ML_DSA_65, "ML-DSA-87": ML_DSA_87}


def of_length(name: str, value: bytes, length: int) -> bytes:
    if len(value) != length:
        msg = f"{name} has {len(value)} bytes, not {length}"
        raise ValueError(msg)
    return value


def kem_keygen(name: str, seed: bytes) -> tuple[bytes, bytes]:
    of_length("seed", seed, 64)
    ek, dk = KEM[name]._keygen_internal(seed[:32], seed[32:])
    return ek, dk


def encapsulate(name: str, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
    secret, c = KEM[name]._encaps_internal(ek, of_length("m", m, 32))
    return secret, c


def decapsulate(name: str, dk: bytes, c: bytes) -> bytes:
    secret: bytes = KEM[name].decaps(dk, c)
    return secret


def check_ek(name: str, ek: bytes) -> bool:
    try:
        encapsulate(name, ek, bytes(32))
    except ValueError:
        return False
    return True


def check_dk(name: str, dk: bytes) -> bool:
    ek, _ = kem_keygen(name, bytes(64))
    start = len(dk) - 64 - len(ek)
    return start == 384 * KEM[name].k and hashlib.sha3_256(dk[start:-64]).digest() == dk[-64:-32]


def dsa_keygen(name: str, seed: bytes) -> tuple[bytes, bytes]:
    pk, sk = DSA[name]._keygen_internal(of_length("seed", seed, 32))
    return pk, sk


def sign(name: str, sk: bytes, m_prime: bytes, rnd: bytes, *, mu: bool = False) -> bytes:
    of_length("rnd", rnd, 32)
    if mu:
        of_length("mu", m_prime, 64)
    signature: bytes = DSA[name]._sign_internal(sk, m_prime, rnd, external_mu=mu)
    return signature


def verify(name: str, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
    valid: bool = DSA[name]._verify_internal(pk, m_prime, signature)
    return valid
