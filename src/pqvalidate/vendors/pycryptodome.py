"""Adapter for pycryptodome: ML-KEM and ML-DSA, each with seeds and with expanded private keys.

pycryptodome has no public interface for ML-KEM but HPKE, and none for FIPS 204's internal functions, so four private
methods are used: ``MLKEMKey._encaps``, ``MLKEMKey._decaps``, ``MLDSAKey._sign`` and ``MLDSAKey._verify``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as distribution_version
from typing import Any

from Crypto.Hash import SHA3_224, SHA3_256, SHA3_384, SHA3_512, SHA224, SHA256, SHA384, SHA512, SHAKE128, SHAKE256
from Crypto.PublicKey import MLDSA, MLKEM
from Crypto.Random import get_random_bytes
from Crypto.Signature import mldsa

_KEMS = {member.value: member for member in MLKEM.ParamSet}
_SIGNATURES = {member.value: member for member in MLDSA.ParamSet}

# FIPS 204 section 5.4.1, by the names that ACVP gives them.
_HASHES: dict[str, Callable[[bytes], Any]] = {
    "SHA2-224": SHA224.new,
    "SHA2-256": SHA256.new,
    "SHA2-384": SHA384.new,
    "SHA2-512": SHA512.new,
    "SHA2-512/224": lambda message: SHA512.new(message, truncate="224"),
    "SHA2-512/256": lambda message: SHA512.new(message, truncate="256"),
    "SHA3-224": SHA3_224.new,
    "SHA3-256": SHA3_256.new,
    "SHA3-384": SHA3_384.new,
    "SHA3-512": SHA3_512.new,
    "SHAKE-128": SHAKE128.new,
    "SHAKE-256": SHAKE256.new,
}


def version() -> str:
    """Return the installed version of pycryptodome."""
    return f"pycryptodome {distribution_version('pycryptodome')}"


class LoadedKey:
    """An ML-KEM key that pycryptodome has imported and checked."""

    def __init__(self, key: MLKEM.MLKEMKey) -> None:
        self._key = key

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext)."""
        return self._key._encaps()

    def decapsulate(self, c: bytes) -> bytes:
        """Return the shared secret; ValueError for a bad ciphertext length."""
        return self._key._decaps(c)


class PycryptodomeKem:
    """ML-KEM of pycryptodome; importing an expanded key runs the hash check and a pairwise check, a seed none."""

    def __init__(self, param_set: MLKEM.ParamSet) -> None:
        self._set = param_set

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, expanded decapsulation key), FIPS 203 algorithm 19."""
        key = MLKEM.generate(param_set=self._set)
        return key.ek, key.expanded_dk

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (encapsulation key, expanded decapsulation key), FIPS 203 algorithm 16; ValueError unless 64 bytes."""
        key = MLKEM.construct(param_set=self._set, seed=seed)
        return key.ek, key.expanded_dk

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext), FIPS 203 algorithm 20; ValueError for a bad length or coefficient."""
        return self.load_encapsulation_key(ek).encapsulate()

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Return (shared secret, ciphertext) for 32 chosen bytes, FIPS 203 algorithm 17; ValueError as encapsulate."""
        return MLKEM.construct(param_set=self._set, ek=ek)._encaps(m)

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21; ValueError for a bad length, hash or key pair."""
        return self.load_decapsulation_key(dk).decapsulate(c)

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> bytes:
        """Return the shared secret, FIPS 203 algorithm 21, for a 64-byte seed; ValueError for a bad length."""
        return self.load_decapsulation_key_from_seed(seed).decapsulate(c)

    def check_encapsulation_key(self, ek: bytes) -> bool:
        """Return whether the key passes the checks of FIPS 203 section 7.2."""
        try:
            self.load_encapsulation_key(ek)
        except ValueError:
            return False
        return True

    def check_decapsulation_key(self, dk: bytes) -> bool:
        """Return whether the key passes the checks of FIPS 203 section 7.3 and a pairwise check."""
        try:
            self.load_decapsulation_key(dk)
        except ValueError:
            return False
        return True

    def load_encapsulation_key(self, ek: bytes) -> LoadedKey:
        """Return a loaded key with ``encapsulate()``; ValueError for a bad length or coefficient."""
        return LoadedKey(MLKEM.construct(param_set=self._set, ek=ek))

    def load_decapsulation_key(self, dk: bytes) -> LoadedKey:
        """Return a loaded key with ``decapsulate(c)``; ValueError for a bad length, hash or key pair."""
        return LoadedKey(MLKEM.construct(param_set=self._set, expanded_dk=dk))

    def load_decapsulation_key_from_seed(self, seed: bytes) -> LoadedKey:
        """Return a loaded key with ``decapsulate(c)``; ValueError unless the seed has 64 bytes."""
        return LoadedKey(MLKEM.construct(param_set=self._set, seed=seed))


class PycryptodomeSignature:
    """ML-DSA of pycryptodome: pure, pre-hashed, from mu and internal; hedged, deterministic and with chosen rnd.

    Attributes:
        hash_names: the pre-hash functions that the package offers.

    """

    hash_names = tuple(_HASHES)

    def __init__(self, param_set: MLDSA.ParamSet) -> None:
        self._set = param_set

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, expanded private key), FIPS 204 algorithm 1."""
        key = MLDSA.generate(param_set=self._set)
        return key.pk, key.sk

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Return (public key, expanded private key), FIPS 204 algorithm 6; ValueError unless 32 bytes."""
        key = self._from_seed(seed)
        return key.pk, key.sk

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return a hedged signature, FIPS 204 algorithm 2; ValueError for a bad key or a context over 255 bytes."""
        return mldsa.new(self._expanded(sk), context).sign(message)

    def sign_from_seed(self, seed: bytes, message: bytes, context: bytes = b"") -> bytes:
        """As ``sign``, with the 32-byte seed as key."""
        return mldsa.new(self._from_seed(seed), context).sign(message)

    def sign_deterministic(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return the deterministic signature, FIPS 204 algorithm 2 with rnd = 0; ValueError as ``sign``."""
        return mldsa.new(self._expanded(sk), context, deterministic=True).sign(message)

    def sign_deterministic_from_seed(self, seed: bytes, message: bytes, context: bytes = b"") -> bytes:
        """As ``sign_deterministic``, with the 32-byte seed as key."""
        return mldsa.new(self._from_seed(seed), context, deterministic=True).sign(message)

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Return the signature for 32 chosen random bytes, FIPS 204 algorithm 2; ValueError as ``sign``."""
        return mldsa.new(self._expanded(sk), context, randfunc=_source(rnd)).sign(message)

    def sign_with_rnd_from_seed(self, seed: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """As ``sign_with_rnd``, with the 32-byte seed as key."""
        return mldsa.new(self._from_seed(seed), context, randfunc=_source(rnd)).sign(message)

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes | None = None) -> bytes:
        """Return the signature of a 64-byte mu, FIPS 204 algorithm 7 from line 7; hedged without ``rnd``."""
        return self._expanded(sk)._sign(mu, _drawn(rnd), external_mu=True)

    def sign_mu_from_seed(self, seed: bytes, mu: bytes, rnd: bytes | None = None) -> bytes:
        """As ``sign_mu``, with the 32-byte seed as key."""
        return self._from_seed(seed)._sign(mu, _drawn(rnd), external_mu=True)

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes | None = None
    ) -> bytes:
        """Return a HashML-DSA signature, FIPS 204 algorithm 4; hedged without ``rnd``; ValueError as ``sign``."""
        return mldsa.new(self._expanded(sk), context, randfunc=_source(rnd)).sign(_hashed(hash_name, message))

    def sign_prehash_from_seed(
        self, seed: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes | None = None
    ) -> bytes:
        """As ``sign_prehash``, with the 32-byte seed as key."""
        return mldsa.new(self._from_seed(seed), context, randfunc=_source(rnd)).sign(_hashed(hash_name, message))

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """Return the signature of a formatted message M', FIPS 204 algorithm 7; ValueError for a bad length."""
        return self._expanded(sk)._sign(m_prime, rnd)

    def sign_internal_from_seed(self, seed: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """As ``sign_internal``, with the 32-byte seed as key."""
        return self._from_seed(seed)._sign(m_prime, rnd)

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Return whether the signature is valid, FIPS 204 algorithm 3; ValueError for a bad key or context length."""
        return _authentic(mldsa.new(self._public(pk), context), message, signature)

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid for mu, FIPS 204 algorithm 8; ValueError for a bad key or mu length."""
        return self._public(pk)._verify(mu, signature, external_mu=True)

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Return whether the HashML-DSA signature is valid, FIPS 204 algorithm 5; ValueError as ``verify``."""
        return _authentic(mldsa.new(self._public(pk), context), _hashed(hash_name, message), signature)

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """Return whether the signature is valid for M', FIPS 204 algorithm 8; ValueError for a bad key length."""
        return self._public(pk)._verify(m_prime, signature)

    def _expanded(self, sk: bytes) -> MLDSA.MLDSAKey:
        return MLDSA.construct(param_set=self._set, sk=sk)

    def _from_seed(self, seed: bytes) -> MLDSA.MLDSAKey:
        return MLDSA.construct(param_set=self._set, seed=seed)

    def _public(self, pk: bytes) -> MLDSA.MLDSAKey:
        return MLDSA.construct(param_set=self._set, pk=pk)


def _source(rnd: bytes | None) -> Callable[[int], bytes] | None:
    """Return a random source that gives ``rnd``; pycryptodome itself checks that it got 32 bytes."""
    return None if rnd is None else lambda _length: rnd


def _drawn(rnd: bytes | None) -> bytes:
    return get_random_bytes(32) if rnd is None else rnd


def _hashed(hash_name: str, message: bytes) -> Any:  # noqa: ANN401  (twelve hash classes without a common base)
    if hash_name not in _HASHES:
        raise ValueError(f"pycryptodome's HashML-DSA has no hash function {hash_name}")
    return _HASHES[hash_name](message)


def _authentic(scheme: mldsa.MLDSASigScheme, message: Any, signature: bytes) -> bool:  # noqa: ANN401  (idem)
    try:
        scheme.verify(message, signature)
    except ValueError as error:
        # ValueError is also raised for an internal error of the C code, which is no statement on the signature.
        if "not authentic" in str(error):
            return False
        raise
    return True


def implementation(parameter_set: str) -> object:
    """Return pycryptodome's implementation of a parameter set.

    Raises:
        ValueError: pycryptodome does not offer the parameter set.

    """
    if parameter_set in _KEMS:
        return PycryptodomeKem(_KEMS[parameter_set])
    if parameter_set in _SIGNATURES:
        return PycryptodomeSignature(_SIGNATURES[parameter_set])
    raise ValueError(f"{version()} does not offer {parameter_set}")
