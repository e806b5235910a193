"""Adapter for ml-kem-rs (RustCrypto's ml-kem): ML-KEM-768, with the 64-byte seed d‖z as decapsulation key."""

from __future__ import annotations

from importlib.metadata import version as distribution_version

from ml_kem_rs import mlkem768_decapsulate, mlkem768_encapsulate, mlkem768_generate


def version() -> str:
    """Return the installed version of ml-kem-rs."""
    return f"ml-kem-rs {distribution_version('ml-kem-rs')}"


class MlKemRs:
    """ML-KEM-768 of ml-kem-rs."""

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, 64-byte seed), FIPS 203 algorithm 19."""
        seed, ek = mlkem768_generate()
        return ek, seed

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext), FIPS 203 algorithm 20; ValueError for a bad length or coefficient."""
        c, shared_secret = mlkem768_encapsulate(ek)
        return shared_secret, c

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21; ValueError for a bad length."""
        return mlkem768_decapsulate(seed, c)


def implementation(parameter_set: str) -> object:
    """Return ml-kem-rs's implementation of a parameter set.

    Raises:
        ValueError: any other than ML-KEM-768, the only one that ml-kem-rs offers.

    """
    if parameter_set == "ML-KEM-768":
        return MlKemRs()
    raise ValueError(f"{version()} does not offer {parameter_set}")
