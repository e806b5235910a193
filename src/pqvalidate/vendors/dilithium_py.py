"""Adapter for dilithium-py (pure Python): ML-DSA (FIPS 204) with HashML-DSA, and Dilithium round 3.1.

Where a test needs known randomness, the adapter works on a copy of the package's object whose public attribute
``random_bytes`` reads from a tape. The package keeps its SHAKE state in a module-level object: one thread only.
"""

from __future__ import annotations

from copy import copy
from importlib.metadata import version as distribution_version
from typing import Any

from dilithium_py.dilithium import Dilithium2, Dilithium3, Dilithium5
from dilithium_py.ml_dsa import (
    HASH_ML_DSA_44_WITH_SHA512,
    HASH_ML_DSA_65_WITH_SHA512,
    HASH_ML_DSA_87_WITH_SHA512,
    ML_DSA_44,
    ML_DSA_65,
    ML_DSA_87,
)

from pqvalidate.vendors.randomness import Tape

_ML_DSA: dict[str, tuple[Any, Any]] = {
    "ML-DSA-44": (ML_DSA_44, HASH_ML_DSA_44_WITH_SHA512),
    "ML-DSA-65": (ML_DSA_65, HASH_ML_DSA_65_WITH_SHA512),
    "ML-DSA-87": (ML_DSA_87, HASH_ML_DSA_87_WITH_SHA512),
}
_DILITHIUM: dict[str, Any] = {"Dilithium2": Dilithium2, "Dilithium3": Dilithium3, "Dilithium5": Dilithium5}
_HASHES = {"SHA2-256": "SHA256", "SHA2-512": "SHA512", "SHAKE-128": "SHAKE128"}


def version() -> str:
    """Return the installed version of dilithium-py."""
    return f"dilithium-py {distribution_version('dilithium-py')}"


class DilithiumPySignature:
    """ML-DSA of dilithium-py, with expanded private keys.

    Attributes:
        hash_names: the pre-hash functions that the package offers.

    """

    hash_names = tuple(_HASHES)

    def __init__(self, parameter_set: str) -> None:
        self._pure, self._hashing = _ML_DSA[parameter_set]

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, private key), FIPS 204 algorithm 1."""
        pk, sk = self._pure.keygen()
        return pk, sk

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (public key, private key), FIPS 204 algorithm 6; ValueError unless 32 bytes."""
        pk, sk = self._pure.key_derive(seed)
        return pk, sk

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return a hedged signature, FIPS 204 algorithm 2; ValueError for a bad key or context length."""
        signature: bytes = self._pure.sign(sk, message, context)
        return signature

    def sign_deterministic(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return the deterministic signature, FIPS 204 algorithm 2 with rnd = 0; ValueError as ``sign``."""
        signature: bytes = self._pure.sign(sk, message, context, deterministic=True)
        return signature

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Return the signature for 32 chosen random bytes, FIPS 204 algorithm 2; ValueError as ``sign``."""
        tape = Tape(rnd)
        signature: bytes = _reading(self._pure, tape).sign(sk, message, context)
        tape.finish()
        return signature

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes | None = None) -> bytes:
        """Return the signature of a 64-byte mu, FIPS 204 algorithm 7 from line 7; hedged without ``rnd``."""
        tape = None if rnd is None else Tape(rnd)
        signature: bytes = _reading(self._pure, tape).sign_external_mu(sk, mu)
        if tape:
            tape.finish()
        return signature

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes | None = None
    ) -> bytes:
        """Return a HashML-DSA signature, FIPS 204 algorithm 4; hedged without ``rnd``; ValueError as ``sign``."""
        tape = None if rnd is None else Tape(rnd)
        hashing = _reading(self._hashing, tape)
        signature: bytes = hashing._sign_with_pre_hash(sk, message, _hash(hash_name), context)
        if tape:
            tape.finish()
        return signature

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """Return the signature of a formatted message M', FIPS 204 algorithm 7; ValueError for a bad key length."""
        signature: bytes = self._pure._sign_internal(sk, m_prime, rnd)
        return signature

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Return whether the signature is valid, FIPS 204 algorithm 3; ValueError for a bad key or context length."""
        valid: bool = self._pure.verify(pk, message, signature, context)
        return valid

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Return whether the HashML-DSA signature is valid, FIPS 204 algorithm 5; ValueError as ``verify``."""
        valid: bool = self._hashing._verify_with_pre_hash(pk, message, signature, _hash(hash_name), context)
        return valid

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid for M', FIPS 204 algorithm 8; ValueError for a bad key length."""
        valid: bool = self._pure._verify_internal(pk, m_prime, signature)
        return valid


class DilithiumPyRound3:
    """Dilithium round 3.1 of dilithium-py: deterministic signing, no context."""

    def __init__(self, parameter_set: str) -> None:
        self._scheme = _DILITHIUM[parameter_set]

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, private key), Dilithium 3.1 figure 4."""
        pk, sk = self._scheme.keygen()
        return pk, sk

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (public key, private key) for a 32-byte seed zeta; ValueError for another length."""
        tape = Tape(seed)
        pk, sk = _reading(self._scheme, tape).keygen()
        tape.finish()
        return pk, sk

    def sign(self, sk: bytes, message: bytes) -> bytes:
        """Return a signature; the package signs deterministically; ValueError for a bad key length."""
        signature: bytes = self._scheme.sign(sk, message)
        return signature

    def sign_deterministic(self, sk: bytes, message: bytes) -> bytes:
        """Return the deterministic signature, Dilithium 3.1 figure 4; ValueError for a bad key length."""
        return self.sign(sk, message)

    def verify(self, pk: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid, Dilithium 3.1 figure 4; ValueError for some bad lengths."""
        valid: bool = self._scheme.verify(pk, message, signature)
        return valid


def _reading(scheme: Any, tape: Tape | None) -> Any:  # noqa: ANN401  (three classes of the package, one untyped)
    if tape is None:
        return scheme
    twin = copy(scheme)
    twin.random_bytes = tape.read
    return twin


def _hash(name: str) -> str:
    if name not in _HASHES:
        raise ValueError(f"dilithium-py's HashML-DSA has no hash function {name}")
    return _HASHES[name]


def implementation(parameter_set: str) -> object:
    """Return dilithium-py's implementation of a parameter set.

    Raises:
        ValueError: dilithium-py does not offer the parameter set.

    """
    if parameter_set in _ML_DSA:
        return DilithiumPySignature(parameter_set)
    if parameter_set in _DILITHIUM:
        return DilithiumPyRound3(parameter_set)
    raise ValueError(f"{version()} does not offer {parameter_set}")
