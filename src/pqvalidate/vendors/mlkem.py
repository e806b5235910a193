"""Adapter for mlkem (Rust): ML-KEM with expanded decapsulation keys.

Another published distribution installs an import package of the same name with another interface; only this one has
the module ``mlkem.rust``, so a mix-up ends in an ImportError here and never in a wrong result.
"""

from __future__ import annotations

from importlib.metadata import version as distribution_version

from mlkem.rust import ML_KEM, DecapsKey, EncapsKey, ParameterSet

_KEMS = {
    "ML-KEM-512": ParameterSet.ML_KEM_512,
    "ML-KEM-768": ParameterSet.ML_KEM_768,
    "ML-KEM-1024": ParameterSet.ML_KEM_1024,
}


def version() -> str:
    """Return the installed version of mlkem."""
    return f"mlkem {distribution_version('mlkem')}"


class LoadedEncapsulationKey:
    """An encapsulation key that mlkem has imported and checked."""

    def __init__(self, kem: ML_KEM, ek: bytes) -> None:
        self._kem, self._key = kem, EncapsKey.from_bytes(ek)

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext); ValueError where the key belongs to another parameter set."""
        return self._kem.encaps(self._key)


class LoadedDecapsulationKey:
    """A decapsulation key that mlkem has imported and checked."""

    def __init__(self, kem: ML_KEM, dk: bytes) -> None:
        self._kem, self._key = kem, DecapsKey.from_bytes(dk)

    def decapsulate(self, c: bytes) -> bytes:
        """Return the shared secret; ValueError for a bad length or a key of another parameter set."""
        return self._kem.decaps(self._key, c)


class MlkemKem:
    """ML-KEM of mlkem, whose import of a key runs the checks of FIPS 203 sections 7.2 and 7.3."""

    def __init__(self, parameter_set: ParameterSet) -> None:
        self._set, self._kem = parameter_set, ML_KEM(parameter_set)

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key), FIPS 203 algorithm 19."""
        ek, dk = self._kem.key_gen()
        return ek.to_bytes(), dk.to_bytes()

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext), FIPS 203 algorithm 20; ValueError for a bad length or coefficient."""
        return self.load_encapsulation_key(ek).encapsulate()

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21; ValueError for a bad length or hash."""
        return self.load_decapsulation_key(dk).decapsulate(c)

    def check_encapsulation_key(self, ek: bytes) -> bool:
        """Return whether the key passes the checks of FIPS 203 section 7.2."""
        try:
            return EncapsKey.from_bytes(ek).parameter_set == self._set
        except ValueError:
            return False

    def check_decapsulation_key(self, dk: bytes) -> bool:
        """Return whether the key passes the checks of FIPS 203 section 7.3."""
        try:
            return DecapsKey.from_bytes(dk).parameter_set == self._set
        except ValueError:
            return False

    def load_encapsulation_key(self, ek: bytes) -> LoadedEncapsulationKey:
        """Return a loaded key with ``encapsulate()``; ValueError for a bad length or coefficient."""
        return LoadedEncapsulationKey(self._kem, ek)

    def load_decapsulation_key(self, dk: bytes) -> LoadedDecapsulationKey:
        """Return a loaded key with ``decapsulate(c)``; ValueError for a bad length or hash."""
        return LoadedDecapsulationKey(self._kem, dk)


def implementation(parameter_set: str) -> object:
    """Return mlkem's implementation of a parameter set.

    Raises:
        ValueError: mlkem does not offer the parameter set.

    """
    if parameter_set in _KEMS:
        return MlkemKem(_KEMS[parameter_set])
    raise ValueError(f"{version()} does not offer {parameter_set}")
