"""Adapter for OpenSSL through the Python package cryptography: ML-KEM-768/1024 and ML-DSA-44/65/87.

The package takes and gives private keys in seed form only, so every private operation here is a ``_from_seed`` one,
and key generation returns the seed (d‖z, 64 bytes; xi, 32 bytes) where other libraries return an expanded key.
"""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.backends.openssl.backend import backend
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

_KemPrivate: TypeAlias = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey
_KemPublic: TypeAlias = mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey
_SignaturePrivate: TypeAlias = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
_SignaturePublic: TypeAlias = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey

_KEMS: dict[str, tuple[type[_KemPrivate], type[_KemPublic]]] = {
    "ML-KEM-768": (mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey),
    "ML-KEM-1024": (mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey),
}
_SIGNATURES: dict[str, tuple[type[_SignaturePrivate], type[_SignaturePublic]]] = {
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}


def version() -> str:
    """Return the versions of cryptography and of the OpenSSL inside it, as they say themselves."""
    return f"cryptography {distribution_version('cryptography')}, {backend.openssl_version_text()}"


class OpensslKem:
    """ML-KEM of OpenSSL; the decapsulation key is the 64-byte seed d‖z (FIPS 203 section 7.1)."""

    def __init__(self, private: type[_KemPrivate], public: type[_KemPublic]) -> None:
        self._private, self._public = private, public

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, 64-byte seed), FIPS 203 algorithm 19."""
        key = self._private.generate()
        return key.public_key().public_bytes_raw(), key.private_bytes_raw()

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (encapsulation key, the same seed), FIPS 203 algorithm 16; ValueError unless 64 bytes."""
        key = self._private.from_seed_bytes(seed)
        return key.public_key().public_bytes_raw(), key.private_bytes_raw()

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext), FIPS 203 algorithm 20; ValueError for a bad length or coefficient."""
        return self._public.from_public_bytes(ek).encapsulate()

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21; ValueError for a bad length."""
        return self._private.from_seed_bytes(seed).decapsulate(c)

    def check_encapsulation_key(self, ek: bytes) -> bool:
        """Return whether OpenSSL imports the key, which includes the checks of FIPS 203 section 7.2."""
        try:
            self._public.from_public_bytes(ek)
        except ValueError:
            return False
        return True

    def load_decapsulation_key_from_seed(self, seed: bytes) -> _KemPrivate:
        """Return a loaded key with ``decapsulate(c)``; ValueError unless the seed has 64 bytes."""
        return self._private.from_seed_bytes(seed)

    def load_encapsulation_key(self, ek: bytes) -> _KemPublic:
        """Return a loaded key with ``encapsulate()``; ValueError for a bad length or coefficient."""
        return self._public.from_public_bytes(ek)


class OpensslSignature:
    """ML-DSA of OpenSSL; the private key is the 32-byte seed xi (FIPS 204 section 3.6.3), signing is hedged."""

    def __init__(self, private: type[_SignaturePrivate], public: type[_SignaturePublic]) -> None:
        self._private, self._public = private, public

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, 32-byte seed), FIPS 204 algorithm 1."""
        key = self._private.generate()
        return key.public_key().public_bytes_raw(), key.private_bytes_raw()

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (public key, the same seed), FIPS 204 algorithm 6; ValueError unless 32 bytes."""
        key = self._private.from_seed_bytes(seed)
        return key.public_key().public_bytes_raw(), key.private_bytes_raw()

    def sign_from_seed(self, seed: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return a hedged signature, FIPS 204 algorithm 2; ValueError for a context over 255 bytes."""
        return self._private.from_seed_bytes(seed).sign(message, context)

    def sign_mu_from_seed(self, seed: bytes, mu: bytes) -> bytes:
        """Return a hedged signature of the message representative, FIPS 204 algorithm 7; ValueError unless 64 bytes."""
        return self._private.from_seed_bytes(seed).sign_mu(mu)

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Return whether the signature is valid, FIPS 204 algorithm 3; ValueError for a bad key or context length."""
        key = self._public.from_public_bytes(pk)
        try:
            key.verify(signature, message, context)
        except InvalidSignature:
            return False
        return True

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid for mu, FIPS 204 algorithm 8; ValueError for a bad key or mu length."""
        key = self._public.from_public_bytes(pk)
        try:
            key.verify_mu(signature, mu)
        except InvalidSignature:
            return False
        return True


def implementation(parameter_set: str) -> object:
    """Return OpenSSL's implementation of a parameter set.

    Raises:
        ValueError: the package, or the OpenSSL that it was built with, does not offer the parameter set.

    """
    if parameter_set in _KEMS and backend.mlkem_supported():
        return OpensslKem(*_KEMS[parameter_set])
    if parameter_set in _SIGNATURES and backend.mldsa_supported():
        return OpensslSignature(*_SIGNATURES[parameter_set])
    raise ValueError(f"{version()} does not offer {parameter_set}")
