"""Adapter for kyber-py (pure Python): ML-KEM (FIPS 203) and Kyber round 3, two families that do not interoperate.

Where a test needs known randomness, the adapter works on a copy of the package's object whose public attribute
``random_bytes`` reads from a tape, so the ordinary public functions run.
"""

from __future__ import annotations

from copy import copy
from importlib.metadata import version as distribution_version
from typing import Any

from kyber_py.kyber import Kyber512, Kyber768, Kyber1024
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

from pqvalidate.vendors.randomness import Tape

_ML_KEM: dict[str, Any] = {"ML-KEM-512": ML_KEM_512, "ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}
_KYBER: dict[str, Any] = {"Kyber-512": Kyber512, "Kyber-768": Kyber768, "Kyber-1024": Kyber1024}


def version() -> str:
    """Return the installed version of kyber-py."""
    return f"kyber-py {distribution_version('kyber-py')}"


class _Kem:
    """A KEM of kyber-py, with expanded decapsulation keys; the same functions serve ML-KEM and Kyber round 3."""

    def __init__(self, parameter_set: str) -> None:
        self._scheme = (_ML_KEM | _KYBER)[parameter_set]

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key), FIPS 203 algorithm 19 or Kyber 3.02 algorithm 7."""
        ek, dk = self._scheme.keygen()
        return ek, dk

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext), FIPS 203 algorithm 20 or Kyber 3.02 algorithm 8; ValueError as found."""
        shared_secret, c = self._scheme.encaps(ek)
        return shared_secret, c

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext) for 32 chosen bytes, before Kyber's own hashing; ValueError as found."""
        tape = Tape(m)
        shared_secret, c = self._reading(tape).encaps(ek)
        tape.finish()
        return shared_secret, c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21 or Kyber 3.02 algorithm 9; ValueError as found."""
        shared_secret: bytes = self._scheme.decaps(dk, c)
        return shared_secret

    def _reading(self, tape: Tape) -> Any:  # noqa: ANN401  (two classes of the package, one of them untyped)
        scheme = copy(self._scheme)
        scheme.random_bytes = tape.read
        return scheme


class KyberPyMlKem(_Kem):
    """ML-KEM of kyber-py, which has a public function for keys from a seed."""

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key), FIPS 203 algorithm 16; ValueError unless 64 bytes."""
        ek, dk = self._scheme.key_derive(seed)
        return ek, dk


class KyberPyKyber(_Kem):
    """Kyber round 3 of kyber-py."""

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key) for a 64-byte seed d‖z; ValueError for another length."""
        tape = Tape(seed)
        ek, dk = self._reading(tape).keygen()
        tape.finish()
        return ek, dk


def implementation(parameter_set: str) -> object:
    """Return kyber-py's implementation of a parameter set.

    Raises:
        ValueError: kyber-py does not offer the parameter set.

    """
    if parameter_set in _ML_KEM:
        return KyberPyMlKem(parameter_set)
    if parameter_set in _KYBER:
        return KyberPyKyber(parameter_set)
    raise ValueError(f"{version()} does not offer {parameter_set}")
