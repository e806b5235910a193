"""Adapter for pqcrypto (Rust): ML-KEM and ML-DSA with expanded keys, contexts and the documented pre-hash parameter.

The pre-hash functions are called as the package's README shows: the message itself goes in, with ``hash_algorithm``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as distribution_version
from typing import Any

from pqcrypto import HashAlgorithm, InvalidSignatureError

_KEMS = {
    "ML-KEM-512": "pqcrypto.kem.ml_kem_512",
    "ML-KEM-768": "pqcrypto.kem.ml_kem_768",
    "ML-KEM-1024": "pqcrypto.kem.ml_kem_1024",
}
_SIGNATURES = {
    "ML-DSA-44": "pqcrypto.sign.ml_dsa_44",
    "ML-DSA-65": "pqcrypto.sign.ml_dsa_65",
    "ML-DSA-87": "pqcrypto.sign.ml_dsa_87",
}
_HASHES: dict[str, Any] = {
    "SHA2-224": HashAlgorithm.Sha224,
    "SHA2-256": HashAlgorithm.Sha256,
    "SHA2-384": HashAlgorithm.Sha384,
    "SHA2-512": HashAlgorithm.Sha512,
    "SHA2-512/224": HashAlgorithm.Sha512_224,
    "SHA2-512/256": HashAlgorithm.Sha512_256,
    "SHA3-224": HashAlgorithm.Sha3_224,
    "SHA3-256": HashAlgorithm.Sha3_256,
    "SHA3-384": HashAlgorithm.Sha3_384,
    "SHA3-512": HashAlgorithm.Sha3_512,
    "SHAKE-128": HashAlgorithm.Shake128,
    "SHAKE-256": HashAlgorithm.Shake256,
}


def version() -> str:
    """Return the installed version of pqcrypto."""
    return f"pqcrypto {distribution_version('pqcrypto')}"


class PqcryptoKem:
    """ML-KEM of pqcrypto, with expanded decapsulation keys."""

    def __init__(self, module: str) -> None:
        self._module = import_module(module)

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key), FIPS 203 algorithm 19."""
        ek, dk = self._module.keygen()
        return ek, dk

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext), FIPS 203 algorithm 20; ValueError for a bad length or coefficient."""
        c, shared_secret = self._module.encaps(ek)
        return shared_secret, c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21; ValueError for a bad length or hash."""
        shared_secret: bytes = self._module.decaps(dk, c)
        return shared_secret


class PqcryptoSignature:
    """ML-DSA of pqcrypto, with expanded private keys; signing is hedged.

    Attributes:
        hash_names: the pre-hash functions that the package offers.

    """

    hash_names = tuple(_HASHES)

    def __init__(self, module: str) -> None:
        self._module = import_module(module)

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, private key), FIPS 204 algorithm 1."""
        pk, sk = self._module.keygen()
        return pk, sk

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return a hedged signature, FIPS 204 algorithm 2; ValueError for a bad key or context length."""
        signature: bytes = self._module.sign(sk, message, context)
        return signature

    def sign_prehash(self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"") -> bytes:
        """Return a HashML-DSA signature, FIPS 204 algorithm 4; ValueError as ``sign``."""
        signature: bytes = self._module.sign(sk, message, context, _hash(hash_name))
        return signature

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Return whether the signature is valid, FIPS 204 algorithm 3; ValueError for a bad length."""
        try:
            self._module.verify(pk, message, signature, context)
        except InvalidSignatureError:
            return False
        return True

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Return whether the HashML-DSA signature is valid, FIPS 204 algorithm 5; ValueError for a bad length."""
        try:
            self._module.verify(pk, message, signature, context, _hash(hash_name))
        except InvalidSignatureError:
            return False
        return True


def _hash(name: str) -> object:
    if name not in _HASHES:
        raise ValueError(f"pqcrypto's HashML-DSA has no hash function {name}")
    return _HASHES[name]


def implementation(parameter_set: str) -> object:
    """Return pqcrypto's implementation of a parameter set.

    Raises:
        ValueError: pqcrypto does not offer the parameter set.

    """
    if parameter_set in _KEMS:
        return PqcryptoKem(_KEMS[parameter_set])
    if parameter_set in _SIGNATURES:
        return PqcryptoSignature(_SIGNATURES[parameter_set])
    raise ValueError(f"{version()} does not offer {parameter_set}")
