"""Adapter for liboqs through liboqs-python: ML-KEM, ML-DSA, and Kyber and Dilithium round 3 where the build has them.

liboqs-python copies inputs into buffers of the right size, padding short ones with zeros; this adapter leaves that as
it is, since it is what a user of the package gets. liboqs-python has no functions for known randomness, so the C
functions ``OQS_KEM_encaps_derand`` and ``OQS_randombytes_custom_algorithm`` are called through ``oqs.native()``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version as distribution_version
from types import ModuleType
from typing import Any

from pqvalidate.vendors.library_search import find_liboqs
from pqvalidate.vendors.randomness import Tape

_BINDING = f"liboqs-python {distribution_version('liboqs-python')}"


def _import_oqs() -> ModuleType:
    """Import liboqs-python bound to the library file that was found, so that it never looks for or builds another."""
    path = find_liboqs(os.environ)
    if path is None:
        raise ImportError(
            "the C library liboqs was not found; set OQS_INSTALL_PATH to the folder that it is installed in"
        )
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"the C library {path} does not load: {error}") from error
    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: str(path) if name == "oqs" else None
    try:
        return import_module("oqs")
    except AttributeError as error:  # a function that liboqs-python needs at import time is not in the library
        raise ImportError(f"the C library {path} does not fit {_BINDING}: {error}") from error
    finally:
        ctypes.util.find_library = search


oqs: Any = _import_oqs()

_RandomSource = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t)
_KEMS = {
    "ML-KEM-512": "ML-KEM-512",
    "ML-KEM-768": "ML-KEM-768",
    "ML-KEM-1024": "ML-KEM-1024",
    "Kyber-512": "Kyber512",
    "Kyber-768": "Kyber768",
    "Kyber-1024": "Kyber1024",
}
_SIGNATURES = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
_ROUND_3 = ("Dilithium2", "Dilithium3", "Dilithium5")


def version() -> str:
    """Return the versions of liboqs-python and of the C library behind it."""
    return f"{_BINDING}, liboqs {oqs.oqs_version()}"


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn the RuntimeError with which liboqs-python reports the C library's error code into a refusal."""
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith("Can not"):
            raise ValueError(str(error)) from error
        raise


@contextmanager
def _known_randomness(recorded: bytes) -> Iterator[None]:
    """Let liboqs read its randomness from ``recorded``; ValueError unless it reads exactly those bytes."""
    tape, short = Tape(recorded), []

    def fill(buffer: Any, length: int) -> None:  # noqa: ANN401  (a ctypes pointer)
        try:
            data = tape.read(length)
        except ValueError as error:  # must not leave a C callback; raised below
            short.append(error)
            data = bytes(length)
        ctypes.memmove(buffer, data, length)

    source = _RandomSource(fill)
    oqs.native().OQS_randombytes_custom_algorithm(source)
    try:
        yield
    finally:
        oqs.native().OQS_randombytes_switch_algorithm(b"system")
    if short:
        raise short[0]
    tape.finish()


class LoadedKey:
    """A decapsulation key that liboqs-python has copied into its own buffer."""

    def __init__(self, kem: Any) -> None:  # noqa: ANN401  (liboqs-python has no types)
        self._kem = kem

    def decapsulate(self, c: bytes) -> bytes:
        """Return the shared secret."""
        with _refusals():
            shared_secret: bytes = self._kem.decap_secret(c)
        return shared_secret


class _Kem:
    """A KEM of liboqs, with expanded decapsulation keys."""

    def __init__(self, mechanism: str) -> None:
        self._mechanism = mechanism

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key)."""
        with oqs.KeyEncapsulation(self._mechanism) as kem, _refusals():
            return kem.generate_keypair(), kem.export_secret_key()

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext); ValueError where liboqs refuses the key."""
        with oqs.KeyEncapsulation(self._mechanism) as kem, _refusals():
            c, shared_secret = kem.encap_secret(ek)
        return shared_secret, c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return the shared secret; ValueError where liboqs refuses."""
        with oqs.KeyEncapsulation(self._mechanism, dk) as kem:
            return LoadedKey(kem).decapsulate(c)

    def load_decapsulation_key(self, dk: bytes) -> LoadedKey:
        """Return a loaded key with ``decapsulate(c)``."""
        return LoadedKey(oqs.KeyEncapsulation(self._mechanism, dk))


class LiboqsKyber(_Kem):
    """Kyber round 3 of liboqs; known randomness comes from liboqs's own hook."""

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key) for a 64-byte seed d‖z; ValueError for another length."""
        with _known_randomness(seed):
            return self.keygen()

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext) for 32 chosen bytes; ValueError as ``encapsulate``."""
        with _known_randomness(m):
            return self.encapsulate(ek)


class LiboqsMlKem(_Kem):
    """ML-KEM of liboqs, which has a public function for keys from a seed."""

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key), FIPS 203 algorithm 16; ValueError unless 64 bytes."""
        with oqs.KeyEncapsulation(self._mechanism) as kem, _refusals():
            return kem.generate_keypair_seed(seed), kem.export_secret_key()

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext) for 32 chosen bytes, FIPS 203 algorithm 17; ValueError as refused."""
        if not hasattr(oqs.native(), "OQS_KEM_encaps_derand"):  # liboqs 0.14 and earlier
            with _known_randomness(m):
                return self.encapsulate(ek)
        if len(m) != 32:  # the C function reads 32 bytes from the pointer
            raise ValueError(f"m has {len(m)} bytes, not 32")
        with oqs.KeyEncapsulation(self._mechanism) as kem:
            c = ctypes.create_string_buffer(kem.length_ciphertext)
            shared_secret = ctypes.create_string_buffer(kem.length_shared_secret)
            padded = ctypes.create_string_buffer(ek, kem.length_public_key)  # as liboqs-python's encap_secret does
            if oqs.native().OQS_KEM_encaps_derand(kem._kem, c, shared_secret, padded, m) != oqs.OQS_SUCCESS:
                raise ValueError("Can not encapsulate secret")
        return bytes(shared_secret), bytes(c)


class LiboqsRound3:
    """Dilithium round 3 of liboqs (0.14 and earlier), without context."""

    def __init__(self, mechanism: str) -> None:
        self._mechanism = mechanism

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, private key)."""
        with oqs.Signature(self._mechanism) as scheme, _refusals():
            return scheme.generate_keypair(), scheme.export_secret_key()

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (public key, private key) for a 32-byte seed; ValueError for another length."""
        with _known_randomness(seed):
            return self.keygen()

    def sign(self, sk: bytes, message: bytes) -> bytes:
        """Return a signature; ValueError where liboqs refuses."""
        return _sign(self._mechanism, sk, message)

    def verify(self, pk: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid."""
        return _verify(self._mechanism, pk, message, signature)


class LiboqsMlDsa:
    """ML-DSA of liboqs, with expanded private keys; known randomness comes from liboqs's own hook."""

    def __init__(self, mechanism: str) -> None:
        self._mechanism = mechanism

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, private key), FIPS 204 algorithm 1."""
        with oqs.Signature(self._mechanism) as scheme, _refusals():
            return scheme.generate_keypair(), scheme.export_secret_key()

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (public key, private key), FIPS 204 algorithm 6; ValueError unless 32 bytes."""
        with _known_randomness(seed):
            return self.keygen()

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return a hedged signature, FIPS 204 algorithm 2; ValueError where liboqs refuses."""
        with oqs.Signature(self._mechanism, sk) as scheme, _refusals():
            signature: bytes = scheme.sign_with_ctx_str(message, context)
        return signature

    def sign_deterministic(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return the deterministic signature: rnd is 32 zero bytes (FIPS 204 section 3.4)."""
        return self.sign_with_rnd(sk, message, bytes(32), context)

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Return the signature for 32 chosen random bytes, FIPS 204 algorithm 2; ValueError where liboqs refuses."""
        with _known_randomness(rnd):
            return self.sign(sk, message, context)

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Return whether the signature is valid, FIPS 204 algorithm 3."""
        with oqs.Signature(self._mechanism) as scheme:
            valid: bool = scheme.verify_with_ctx_str(message, signature, context, pk)
        return valid


class LiboqsMlDsaWithMu(LiboqsMlDsa):
    """ML-DSA of liboqs builds that also sign a message representative computed elsewhere."""

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes | None = None) -> bytes:
        """Return the signature of a 64-byte mu, FIPS 204 algorithm 7 from line 7; hedged without ``rnd``."""
        if rnd is None:
            return _sign(f"{self._mechanism}-extmu", sk, mu)
        with _known_randomness(rnd):
            return _sign(f"{self._mechanism}-extmu", sk, mu)

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid for mu, FIPS 204 algorithm 8."""
        return _verify(f"{self._mechanism}-extmu", pk, mu, signature)


def _sign(mechanism: str, sk: bytes, message: bytes) -> bytes:
    with oqs.Signature(mechanism, sk) as scheme, _refusals():
        signature: bytes = scheme.sign(message)
    return signature


def _verify(mechanism: str, pk: bytes, message: bytes, signature: bytes) -> bool:
    with oqs.Signature(mechanism) as scheme:
        valid: bool = scheme.verify(message, signature, pk)
    return valid


def implementation(parameter_set: str) -> object:
    """Return liboqs's implementation of a parameter set.

    Raises:
        ValueError: this build of liboqs does not offer the parameter set.

    """
    kems, signatures = oqs.get_enabled_kem_mechanisms(), oqs.get_enabled_sig_mechanisms()
    if _KEMS.get(parameter_set) in kems:
        kem = LiboqsMlKem if parameter_set.startswith("ML-KEM") else LiboqsKyber
        return kem(_KEMS[parameter_set])
    if parameter_set in _SIGNATURES and parameter_set in signatures:
        with_mu = f"{parameter_set}-extmu" in signatures
        return (LiboqsMlDsaWithMu if with_mu else LiboqsMlDsa)(parameter_set)
    if parameter_set in _ROUND_3 and parameter_set in signatures:
        return LiboqsRound3(parameter_set)
    raise ValueError(f"{version()} as built here does not offer {parameter_set}")
